"""Tests of a function: imports, names and the call from syntax, a hole for each value."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from codelsp.context.completion_context import Neighbor
from codelsp.drafts.java_tests import java_tests
from codelsp.drafts.javascript_tests import javascript_tests
from codelsp.drafts.python_tests import python_tests
from codelsp.errors import DraftError

if TYPE_CHECKING:
    from collections.abc import Callable

    from codelsp.document.functions import Function
    from codelsp.document.snapshot import DocumentSnapshot
    from codelsp.drafts.draft import Draft
    from codelsp.drafts.test_plan import TestPlan

_SHOWN_CHARS = 2_500
_WRITERS: dict[str, Callable[[TestPlan], Draft]] = {
    "python": python_tests,
    "javascript": javascript_tests,
    "java": java_tests,
}
"""By the family of a framework."""


def draft_of_tests(plan: TestPlan) -> Draft:
    """Return the draft of tests for a function: what it gives, and what it raises.

    Raises:
        DraftError: nothing outside can call the function.
    """
    function = plan.function
    reason = reason_out_of_reach(plan.document, function)
    if reason:
        raise DraftError(f"No test can call `{function.qualified_name}`: {reason}.")
    draft = _WRITERS[plan.framework.family](plan)
    shown = plan.document.text[function.start : function.end][:_SHOWN_CHARS]
    return draft.with_neighbors(Neighbor(plan.path, shown, 1.0))


def reason_out_of_reach(document: DocumentSnapshot, function: Function) -> str:
    """Return why no test can call ``function``, or an empty text."""
    head = document.text[function.signature_start : function.signature_end]
    if function.is_local:
        return "it stands inside another function"
    if function.name.startswith("#") or re.search(r"\bprivate\b", head.partition("(")[0]):
        return "it is private"
    if not function.has_body:
        return "it has no body"
    return ""
