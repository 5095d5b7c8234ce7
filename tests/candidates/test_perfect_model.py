"""A model that is always right must not be corrected.

Lines and bodies are taken out of this project's own modules; the generation is what stood there,
and what followed.  Every step may only find the place where it ends.
"""

from __future__ import annotations

import random
from pathlib import Path

from codelsp.candidates.candidate import Candidate
from codelsp.candidates.clean import clean
from codelsp.candidates.stream_cut import StreamCut
from codelsp.context.completion_context import CompletionQuery, Trigger
from codelsp.context.gather import ContextPolicy, gather_context
from codelsp.document.snapshot import DocumentSnapshot
from codelsp.document.syntax import parse
from codelsp.engine.port import FinishReason
from tests.golden.cases import kept_length

PACKAGE = Path(__file__).parents[2] / "codelsp"
POLICY = ContextPolicy(4000, 2000, 0, "auto", use_neighbors=False)
LEAST_CHARS = 4


def outcome(text: str, start: int, end: int) -> str:
    """Return the document that accepting leads to when ``start`` to ``end`` is to be written."""
    document = DocumentSnapshot.of(
        "file:///project/module.py", "python", 1, text[:start] + text[end:]
    )
    query = CompletionQuery(document, start, Trigger.INVOKED)
    context = gather_context(query, parse(document), (), POLICY)
    generation = context.dropped_indentation + text[start : end + 300]
    kept = kept_length(StreamCut(context), generation)
    finish = FinishReason.LENGTH if kept is None else FinishReason.CUT
    candidate = clean(Candidate(generation[:kept], start, start, (), finish), context)
    if candidate.is_dropped:
        return f"dropped: {candidate.verdicts[-1]}"
    return document.text[: candidate.start] + candidate.text + document.text[candidate.end :]


def holes(n_holes: int) -> list[tuple[str, int, int]]:
    """Return texts, each with a piece that begins anywhere in a line and ends with it."""
    chosen = random.Random(20)
    texts = [path.read_text("utf-8") for path in sorted(PACKAGE.rglob("*.py"))]
    found: list[tuple[str, int, int]] = []
    while len(found) < n_holes:
        text = chosen.choice(texts)
        start = chosen.randrange(len(text))
        end = text.find("\n", start)
        # Nobody asks in the middle of a word for the rest of what is not there.
        is_start = text[start - 1 : start] in {" ", "(", ".", "[", "\n"} and text[start] != " "
        if is_start and end - start >= LEAST_CHARS:
            found.append((text, start, end))
    return found


def test_what_is_right_is_shown_as_it_is() -> None:
    wrong = [
        (text[max(0, start - 80) : end], found[:200] if found.startswith("dropped") else "changed")
        for text, start, end in holes(200)
        if (found := outcome(text, start, end)) != text
    ]

    # Two in a hundred are the price of the rules: a line that is like its neighbor, for one.
    assert len(wrong) <= 4, wrong
