"""The windows of text before and after the cursor, and where they begin and end.

Both move in big steps and depend on nothing but document and cursor, so that the prompt keeps its
beginning while the user types:

* the prefix window begins at a line found near a multiple of half a window, counted from the
  document's start; typing moves it once in half a window;
* the suffix window ends at a multiple of ``_SUFFIX_LINES`` lines counted from the document's end,
  which no edit before it can move.

Architecture invariant: pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codelsp.document.snapshot import DocumentSnapshot

_SUFFIX_LINES = 4
_SEARCHED_LINES = 40
"""How many lines are looked at for a good one to begin with."""


def prefix_start(document: DocumentSnapshot, offset: int, window: int) -> int:
    """Return where the prefix window of the cursor at ``offset`` begins.

    It is a line start at most ``window`` characters before the cursor, or the document's start.
    Only a line that is longer than the window is cut, at a multiple of half a window.
    """
    if offset <= window:
        return 0
    half = max(window // 2, 1)
    multiple = -(-(offset - window) // half)
    start = _good_start(document, multiple * half, half // 2)
    line_start = document.line_start(document.line_at(offset))
    if start <= line_start:
        return start
    # Fewer whole lines than hoped for: the current one is long.
    return line_start if offset - line_start <= window else multiple * half


def _good_start(document: DocumentSnapshot, offset: int, reach: int) -> int:
    """Return the start of the first unindented line within ``reach``, or of the first line.

    A line with no indentation is likely to begin a definition, and it is found again after an
    edit further up has moved everything by some characters.
    """
    line = document.line_at(max(offset - 1, 0)) + 1
    if line >= document.n_lines:
        return len(document.text) + 1
    first = document.line_start(line)
    for candidate in range(line, min(line + _SEARCHED_LINES, document.n_lines)):
        start = document.line_start(candidate)
        if start > offset + reach:
            break
        if start < len(document.text) and document.text[start] not in " \t\r\n)]}":
            return start
    return first


def suffix_end(document: DocumentSnapshot, offset: int, window: int) -> int:
    """Return where the suffix window of the cursor at ``offset`` ends.

    It is a line start or the document's end, at most ``window`` characters after the cursor; only
    a current line that is longer than the window is cut.
    """
    length = len(document.text)
    if length - offset <= window:
        return length
    last = document.line_at(offset + window)
    line = document.line_at(offset)
    from_end = document.n_lines - last
    stepped = document.n_lines - -(-from_end // _SUFFIX_LINES) * _SUFFIX_LINES
    if stepped > line:
        return document.line_start(stepped)
    return document.line_start(last) if last > line else offset + window
