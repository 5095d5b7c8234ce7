"""Code with a completion in place, as an editor would draw it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rich.syntax import Syntax
from rich.text import Text

if TYPE_CHECKING:
    from codelsp.context.completion_context import CompletionQuery
    from codelsp.reply import Insertion

_LINE_END = re.compile(r"\r\n|\r")
CONTEXT_LINES = 6
"""Lines shown above and below the cursor."""
GHOST_STYLE = "italic bold magenta"
OPEN, CLOSE = (
    "\N{LEFT-POINTING DOUBLE ANGLE QUOTATION MARK}",
    ("\N{RIGHT-POINTING DOUBLE ANGLE QUOTATION MARK}"),
)
"""Around the ghost text where there are no colors; both are in every Western code page."""


def ghosted_code(
    query: CompletionQuery, insertion: Insertion | None, *, is_colored: bool = True
) -> Text:
    """Return the lines around the cursor, numbered, with ``insertion`` (if any) standing in them.

    Without colors the ghost text is enclosed in guillemets; without an insertion they are empty.
    """
    document = query.document
    start = query.offset if insertion is None else insertion.start
    end = query.offset if insertion is None else insertion.end
    ghost = "" if insertion is None else insertion.text
    opening, closing = ("", "") if is_colored else (OPEN, CLOSE)
    before = _drawn(document.text[:start])
    shown = _drawn(opening + ghost + closing)
    text = before + shown + _drawn(document.text[end:])
    code = _highlighted(text, document.language_id, is_colored=is_colored)
    ghost_end = len(before) + len(shown)
    code.stylize(GHOST_STYLE, len(before), ghost_end)
    return _numbered(code, len(before), ghost_end)


def _drawn(text: str) -> str:
    """Return ``text`` as ``Text`` keeps it: lines end with line feeds, and no bell rings."""
    return Text(_LINE_END.sub("\n", text)).plain


def _highlighted(text: str, language_id: str, *, is_colored: bool) -> Text:
    if not is_colored:
        return Text(text)
    code = Syntax("", _LEXERS.get(language_id, language_id), theme="ansi_dark").highlight(text)
    # The highlighter may add a line end or drop a blank start; then the plain text is safer.
    return code if code.plain.startswith(text) else Text(text)


def _numbered(code: Text, start: int, end: int) -> Text:
    """Return the lines from a few before ``start`` to a few after ``end``, with their numbers."""
    lines = code.split("\n", allow_blank=True)
    first_line = code.plain.count("\n", 0, start)
    last_line = code.plain.count("\n", 0, end)
    first = max(0, first_line - CONTEXT_LINES)
    last = min(len(lines), last_line + CONTEXT_LINES + 1)
    numbered = Text()
    for index in range(first, last):
        mark = ">" if first_line <= index <= last_line else " "
        numbered.append(f"{mark}{index + 1:>5} ", style="dim")
        numbered.append_text(lines[index])
        if index + 1 < last:
            numbered.append("\n")
    return numbered


_LEXERS = {
    "typescriptreact": "tsx",
    "javascriptreact": "jsx",
    "shellscript": "bash",
    "plaintext": "text",
}
"""Where Pygments calls a language otherwise than LSP does."""
