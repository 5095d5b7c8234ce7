"""Text in blocks of whole lines, each tokenized by itself.

Three things come of it: a keystroke changes the last block only, so the ids of all others are
known already; a prompt is clipped on block borders, so on whole lines and in big steps; and a
long document is never tokenized as a whole.

A border stands before a line that has text in it.  There a byte-level tokenizer with the Qwen2
expression ends a token anyway, so the ids are those of the whole text.

Architecture invariant: pure.
"""

from __future__ import annotations

import re

BLOCK_CHARS = 512
"""About 130 tokens of code."""

# A line end, and then a line that is not blank.
_BORDER = re.compile(r"\n(?=[ \t]*[^\s])")


def blocks_from_start(text: str, size: int = BLOCK_CHARS) -> list[str]:
    """Return ``text`` in blocks of ``size`` characters or a line more, counted from its start.

    Text added at the end leaves every block but the last as it is.
    """
    blocks = []
    start = 0
    while len(text) - start > size:
        border = _BORDER.search(text, start + size - 1)
        if border is None:
            break
        blocks.append(text[start : border.end()])
        start = border.end()
    if start < len(text):
        blocks.append(text[start:])
    return blocks


def blocks_from_end(text: str, size: int = BLOCK_CHARS) -> list[str]:
    """Return ``text`` in blocks of about ``size`` characters, counted from its end.

    Text cut off at the start leaves every block but the first as it is.
    """
    blocks: list[str] = []
    end = len(text)
    while end > size:
        border = _BORDER.search(text, end - size, end)
        if border is None or border.end() >= end:
            border = _last_border(text, end - size)
        if border is None:
            break
        blocks.append(text[border.end() : end])
        end = border.end()
    if end:
        blocks.append(text[:end])
    return blocks[::-1]


def _last_border(text: str, end: int) -> re.Match[str] | None:
    """Return the last border before ``end``, looking back in steps."""
    line_end = text.rfind("\n", 0, end)
    while line_end >= 0:
        border = _BORDER.match(text, line_end)
        if border is not None:
            return border
        line_end = text.rfind("\n", 0, line_end)
    return None
