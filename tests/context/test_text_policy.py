"""Completions in comments, strings and docstrings are the user's choice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from codelsp.context.completion_context import Trigger
from codelsp.context.text_policy import is_wanted
from codelsp.document.syntax import TextKind
from codelsp.settings import Settings

KINDS = {
    TextKind.COMMENT: "suggest_in_comments",
    TextKind.STRING: "suggest_in_strings",
    TextKind.DOCSTRING: "suggest_in_docstrings",
}


@pytest.mark.parametrize(("kind", "setting"), KINDS.items())
@pytest.mark.parametrize(
    ("choice", "automatic", "invoked"),
    [("on", True, True), ("manual", False, True), ("off", False, False)],
)
def test_each_kind_of_text_has_its_setting(
    kind: TextKind, setting: str, choice: str, automatic: bool, invoked: bool
) -> None:
    settings = replace(Settings(), **{setting: choice})  # type: ignore[arg-type]  # as replace checks

    assert is_wanted(kind, Trigger.AUTOMATIC, settings) is automatic
    assert is_wanted(kind, Trigger.INVOKED, settings) is invoked
    assert is_wanted(TextKind.CODE, Trigger.AUTOMATIC, settings)
