"""Candidate to insertion: the text, and the range of the document it replaces."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codelsp.candidates.insecure import insecurities

if TYPE_CHECKING:
    from codelsp.candidates.candidate import Candidate
    from codelsp.context.completion_context import CompletionContext


@dataclass(frozen=True)
class Insertion:
    """Text that is to replace ``start``..``end`` of the snapshot (code points, end exclusive).

    ``start`` <= cursor <= ``end``, all on the cursor's line.
    """

    id: str
    text: str
    start: int
    end: int
    score: float | None
    model: str
    warnings: tuple[str, ...] = ()
    """Why steps have flagged it, for people."""
    public_source: str = ""
    """The public repository that it copies, with its license; empty if none is known."""


def place(candidate: Candidate, context: CompletionContext, model: str) -> Insertion:
    """Return the insertion of ``candidate``, with an id that no other insertion ever has.

    Raises:
        ValueError: the range leaves the cursor's line or does not hold the cursor; a step of
            ``candidates`` is wrong then, and the document must not pay for it.
    """
    cursor = context.offset
    line_start = cursor - len(context.line_prefix)
    line_end = cursor + len(context.line_suffix)
    if not line_start <= candidate.start <= cursor <= candidate.end <= line_end:
        raise ValueError(
            f"range {candidate.start} to {candidate.end} does not fit the cursor at {cursor}"
            f" on the line {line_start} to {line_end}"
        )
    return Insertion(
        id=uuid.uuid4().hex,
        text=candidate.text,
        start=candidate.start,
        end=candidate.end,
        score=candidate.score,
        model=model,
        # A step may have cut off what was flagged.
        warnings=insecurities(candidate, context) if candidate.warnings else (),
        public_source=candidate.public_source,
    )
