"""Whether a completion may have several lines, by syntax and by the user's setting.

Architecture invariant: pure.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from codelsp.document.syntax import TextKind

if TYPE_CHECKING:
    from codelsp.document.snapshot import DocumentSnapshot
    from codelsp.document.syntax import SyntaxTree

_CLOSERS = re.compile(r"[\s)\]}>'\"`;:,]*")
"""What may stand after the cursor of a completion with several lines: editors close brackets."""

_OPENED = re.compile(r"(?:[:{(\[]|=>|->|\b(?:then|do|else|begin))\s*\Z")
_LOOKED_BACK = 400
_BLANK_LINES = 20
"""How many blank lines are passed over to find what stands around them."""


def may_span_lines(
    document: DocumentSnapshot, offset: int, tree: SyntaxTree | None, mode: str
) -> bool:
    """Whether the completion at ``offset`` may go on past its line.

    Several lines are right at the start of an empty body, and on a blank line inside one; never
    where text other than closing brackets follows on the line.

    Args:
        document: The document.
        offset: The cursor.
        tree: Its syntax tree; None without a grammar, then indentation decides.
        mode: The setting ``multiline``: ``auto``, ``always`` or ``never``.
    """
    line = document.line_at(offset)
    rest = document.text[offset : min(document.line_end(line), offset + _LOOKED_BACK)]
    if mode == "never" or not _CLOSERS.fullmatch(rest):
        return False
    if mode == "always":
        return True
    if tree is None:
        return _opens_by_indentation(document, offset, rest)
    if tree.text_kind_at(offset) is not TextKind.CODE:
        return False
    return tree.is_empty_block_start(offset) or _is_blank_in_body(document, offset, tree)


def _is_blank_in_body(document: DocumentSnapshot, offset: int, tree: SyntaxTree) -> bool:
    line = document.line_at(offset)
    if document.line_text(line).strip():
        return False
    return tree.is_in_scope(offset)


def _opens_by_indentation(document: DocumentSnapshot, offset: int, rest: str) -> bool:
    """Guess the same without a tree: an opener before the cursor, and nothing deeper below it."""
    line = document.line_at(offset)
    start = max(document.line_start(line), offset - _LOOKED_BACK)
    before = document.text[start:offset]
    if rest.strip() and not before.strip():
        return False
    head = line if before.strip() else _solid_line(document, line - 1, -1)
    if head is None:
        return False
    text = before if head == line else document.line_text(head)[-_LOOKED_BACK:]
    if not _OPENED.search(text):
        # A blank line that stands in something indented.
        return not before.strip() and text[:1] in (" ", "\t") and bool(before)
    below = _solid_line(document, line + 1, 1)
    return below is None or _depth(document, below) <= _depth(document, head)


def _solid_line(document: DocumentSnapshot, line: int, step: int) -> int | None:
    for _ in range(_BLANK_LINES):
        if not 0 <= line < document.n_lines:
            return None
        if document.text[document.line_start(line) : document.line_end(line)].strip():
            return line
        line += step
    return None


def _depth(document: DocumentSnapshot, line: int) -> int:
    text = document.line_text(line)
    return len(text) - len(text.lstrip())
