"""Runs tree-sitter over a text, within a budget of time.

The parser is handed the text as UTF-16 in pieces, as it asks for them, so that a re-parse after a
keystroke reads only what it looks at.  Every code point is made one unit of two bytes wide: a
character beyond the BMP is shown to the parser as one of the BMP of the same kind, and a surrogate
as U+FFFD.  So an offset is always half a byte position, and nothing needs converting.
A lone carriage return is shown as a line feed, because grammars know no other single line end.
"""

from __future__ import annotations

import re
from functools import lru_cache
from time import monotonic
from typing import TYPE_CHECKING

from tree_sitter import Parser, Range
from tree_sitter_language_pack import get_language

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tree_sitter import Language, Point, Tree

    from codelsp.document.edit import Edit
    from codelsp.document.splice import Splice

Point2 = tuple[int, int]
"""Line, and column in code points."""
BYTES = 2
"""Bytes that the parser sees of one code point."""

_PIECE_CHARS = 512
_NOT_PLAIN = re.compile("[\ud800-\udfff\U00010000-\U0010ffff]")
_LONE_RETURN = re.compile("\r(?!\n)")


def parse_text(
    grammar: str,
    text: str | Splice,
    budget_ms: float,
    old: Tree | None = None,
    ranges: Sequence[Range] = (),
) -> Tree | None:
    """Return the tree of ``text``, or None if that took longer than ``budget_ms``.

    ``old`` is a tree of an earlier text, already told of every edit since (``tell``); ``ranges``
    are what to read of the text, if not all of it.
    tree-sitter's own steps would make a budget that is the same on every machine, but one step
    takes anything from 0.05 ms, in good code, to 40 ms, in text that is none.

    Raises:
        LookupError: there is no such grammar.
    """
    deadline = monotonic() + budget_ms / 1000

    def is_over(_offset: int, _has_error: bool) -> bool:  # noqa: FBT001  # tree-sitter's protocol
        return monotonic() > deadline

    # A parser of its own for every parse: a shared one would have to be locked against threads,
    # as the callbacks below may let another one run, and making one costs microseconds.
    parser = Parser(_language(grammar))
    if ranges:
        parser.included_ranges = list(ranges)
    try:
        if old is None:
            return parser.parse(_reader(text), encoding="utf16le", progress_callback=is_over)
        return parser.parse(_reader(text), old, "utf16le", is_over)
    except ValueError:
        return None


def range_between(start: int, end: int, start_point: Point2, end_point: Point2) -> Range:
    """Return the range from one offset to another, for ``parse_text``."""
    (first_line, first_column), (last_line, last_column) = start_point, end_point
    return Range(
        (first_line, first_column * BYTES),
        (last_line, last_column * BYTES),
        start * BYTES,
        end * BYTES,
    )


def tell(tree: Tree, edits: Iterable[Edit]) -> Tree:
    """Return a copy of ``tree`` that has been told of ``edits``; cheap, for nodes are shared."""
    tree = tree.copy()
    for edit in edits:
        tree.edit(
            edit.start * BYTES,
            edit.old_end * BYTES,
            edit.new_end * BYTES,
            *(
                (line, column * BYTES)
                for line, column in (edit.start_point, edit.old_end_point, edit.new_end_point)
            ),
        )
    return tree


@lru_cache(maxsize=64)
def _language(grammar: str) -> Language:
    return get_language(grammar)  # type: ignore[arg-type]  # a Literal of 170 names


def _reader(text: str | Splice) -> Callable[[int, Point], bytes]:
    def read(byte: int, _point: Point) -> bytes:
        start = byte // BYTES
        piece = text[start : start + _PIECE_CHARS]
        if piece.endswith("\r"):
            after = start + len(piece)
            piece += "\n" if text[after : after + 1] == "\n" else ""
        if "\r" in piece:
            piece = _LONE_RETURN.sub("\n", piece)
        if not piece.isascii():
            piece = _NOT_PLAIN.sub(_stand_in, piece)
        return piece.encode("utf-16-le")

    return read


def _stand_in(match: re.Match[str]) -> str:
    character = match[0]
    if "\ud800" <= character <= "\udfff":
        return "\ufffd"
    # A CJK ideograph is a letter to every grammar; a snowman is a letter to none.
    return "\u4e00" if character.isalnum() else "\u2603"
