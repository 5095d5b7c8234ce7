"""Line ends: the steps between work on line feeds; the text shown has the document's own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from codelsp.candidates.surroundings import WINDOW_CHARS

if TYPE_CHECKING:
    from codelsp.candidates.candidate import Candidate
    from codelsp.context.completion_context import CompletionContext

_LINE_END = re.compile(r"\r\n|\n|\r")


def plain_line_ends(candidate: Candidate, _context: CompletionContext) -> Candidate:
    """Write every line end as a line feed."""
    if "\r" not in candidate.text:
        return candidate
    text = _LINE_END.sub("\n", candidate.text)
    return candidate.changed("plain_line_ends", "carriage returns", text=text)


def document_line_ends(candidate: Candidate, context: CompletionContext) -> Candidate:
    """Write every line end as the document does near the cursor."""
    if "\n" not in candidate.text:
        return candidate
    line_end = line_end_of(context)
    if line_end == "\n":
        return candidate
    text = candidate.text.replace("\n", line_end)
    return candidate.changed("document_line_ends", "as the document has them", text=text)


def line_end_of(context: CompletionContext) -> str:
    """Return the line end nearest above the cursor, else the nearest below, else a line feed."""
    text, offset = context.query.document.text, context.offset
    for start in (max(0, offset - WINDOW_CHARS), 0):
        end = max(text.rfind("\n", start, offset), text.rfind("\r", start, offset))
        if end >= 0:
            return "\r\n" if text.startswith("\r\n", end - 1) and end > 0 else text[end]
    below = _LINE_END.search(text, offset)
    return below.group() if below else "\n"
