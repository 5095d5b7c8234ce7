"""Contexts made by hand around a marked cursor, and what a document looks like afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from codelsp.candidates.candidate import Candidate
from codelsp.candidates.clean import clean
from codelsp.context.completion_context import (
    CompletionContext,
    CompletionQuery,
    Indentation,
    SelectedCompletion,
    Trigger,
)
from codelsp.document.syntax import TextKind, parse
from codelsp.engine.port import FinishReason
from tests.documents import at_cursor

if TYPE_CHECKING:
    from codelsp.document.syntax import SyntaxTree

LEFT, RIGHT = "⟦", "⟧"
"""What stands around the text that would be accepted."""


@dataclass(frozen=True)
class Situation:
    """What a test may choose besides the document."""

    language_id: str = "python"
    multiline: bool = False
    unit: str = "    "
    tab_size: int = 4
    trigger: Trigger = Trigger.AUTOMATIC
    selected: SelectedCompletion | None = None
    has_tree: bool = True


def context_at(marked: str, language_id: str = "python", **chosen: Any) -> CompletionContext:
    """Return the context at ``<CURSOR>``, with the whole document as its windows."""
    situation = Situation(language_id, **chosen)
    document, offset = at_cursor(marked, language_id, uri="file:///project/example")
    line = document.line_at(offset)
    line_prefix = document.text[document.line_start(line) : offset]
    line_suffix = document.text[offset : document.line_end(line)]
    tree: SyntaxTree | None = parse(document) if situation.has_tree else None
    is_blank = not line_prefix.strip() and not line_suffix.strip()
    dropped = line_prefix if is_blank else ""
    context = CompletionContext(
        query=CompletionQuery(document, offset, situation.trigger, situation.selected),
        prefix=document.text[: offset - len(dropped)],
        prefix_start=0,
        suffix=document.text[offset:],
        suffix_end=len(document.text),
        header="",
        neighbors=(),
        path="example",
        text_kind=tree.text_kind_at(offset) if tree else TextKind.CODE,
        multiline=situation.multiline,
        dropped_indentation=dropped,
        tree=tree,
        line_prefix=line_prefix,
        line_suffix=line_suffix,
    )
    # Not what the document's few lines say.
    vars(context)["indentation"] = Indentation(situation.unit, situation.tab_size)
    return context


def candidate_at(
    context: CompletionContext,
    text: str,
    *,
    log_probs: tuple[float, ...] = (-0.2,) * 6,
    finish: FinishReason = FinishReason.END,
) -> Candidate:
    """Return ``text`` as it comes from a model, at the cursor."""
    return Candidate(text, context.offset, context.offset, log_probs, finish)


def accepted(candidate: Candidate, context: CompletionContext) -> str:
    """Return the document after ``candidate`` is accepted, with its text between marks."""
    text = context.query.document.text
    before, after = text[: candidate.start], text[candidate.end :]
    return f"{before}{LEFT}{candidate.text}{RIGHT}{after}"


def dropped_by(candidate: Candidate) -> str | None:
    """Return the step that dropped ``candidate``, or None if it is shown."""
    steps = [verdict.step for verdict in candidate.verdicts if verdict.action == "dropped"]
    return steps[0] if steps else None


def cleaned(marked: str, text: str, language_id: str = "python", **chosen: Any) -> str:
    """Return the document after accepting what ``text`` comes to, or what has dropped it."""
    context = context_at(marked, language_id, **chosen)
    candidate = clean(candidate_at(context, text), context)
    step = dropped_by(candidate)
    return accepted(candidate, context) if step is None else f"dropped by {step}"
