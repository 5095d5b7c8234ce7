"""What is done with a candidate that copies public code: nothing, a mark, or no candidate."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from codelsp.candidates.candidate import Verdict
from codelsp.public_code.match import CHARS_BEFORE, find_match

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codelsp.candidates.candidate import Candidate
    from codelsp.context.completion_context import CompletionContext
    from codelsp.public_code.index import PublicCodeIndex

STEP = "public code"


def checked(
    candidates: Sequence[Candidate],
    context: CompletionContext,
    index: PublicCodeIndex | None,
    policy: str,
) -> list[Candidate]:
    """Return ``candidates`` with what public code they copy.

    Args:
        candidates: Those that may be shown.
        context: Of the cursor.
        index: Of public code; None knows of none.
        policy: ``off`` looks nothing up, ``flag`` marks a copy, ``hide`` drops it.
    """
    if index is None or policy == "off":
        return list(candidates)
    return [each if each.is_dropped else _one(each, context, index, policy) for each in candidates]


def _one(
    candidate: Candidate, context: CompletionContext, index: PublicCodeIndex, policy: str
) -> Candidate:
    start = candidate.start
    before = context.query.document.text[max(0, start - CHARS_BEFORE) : start]
    found = find_match(index, before, candidate.text)
    if found is None:
        return candidate
    source = f"{found.source.name} ({found.source.license})"
    reason = f"{found.n_tokens} tokens stand in {source}"
    if policy == "hide":
        return candidate.dropped(STEP, reason)
    verdicts = (*candidate.verdicts, Verdict(STEP, "flagged", reason))
    return replace(candidate, public_source=source, verdicts=verdicts)
