"""Turns the editor's positions into offsets, and offsets into positions.

An editor names a place by line and column, and counts the column in code units of the encoding
agreed at ``initialize``: UTF-16 unless both sides know better.
Past this module a place is an *offset*: the number of code points before it.
Architecture invariant: no other module counts code units.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from codelsp.errors import PositionOutOfRangeError

if TYPE_CHECKING:
    from codelsp.document.snapshot import DocumentSnapshot


_UTF8_CONTINUATION = 0b1000_0000
# The upper bytes of the two halves of a surrogate pair.
_HIGH = range(0xD8, 0xDC)
_LOW = range(0xDC, 0xE0)


class PositionEncoding(Enum):
    """What a column counts; agreed with the editor at ``initialize``."""

    UTF8 = "utf-8"
    UTF16 = "utf-16"
    UTF32 = "utf-32"


@dataclass(frozen=True, order=True)
class Position:
    """A place as the editor names it: zero-based line, and column in code units."""

    line: int
    column: int


def offset_at(document: DocumentSnapshot, position: Position, encoding: PositionEncoding) -> int:
    """Return the offset, in code points, of ``position`` in ``document``.

    A column past the end of its line means the end of the line, as the protocol asks.
    A column inside a character means the start of that character.

    Raises:
        PositionOutOfRangeError: the document has no line ``position.line``.
    """
    if not 0 <= position.line < document.n_lines:
        raise PositionOutOfRangeError(
            f"line {position.line} of a document of {document.n_lines} lines"
        )
    start = document.line_start(position.line)
    # No character is narrower than one unit, so nothing beyond this offset can matter.
    stop = min(start + max(position.column, 0), document.line_end(position.line))
    head = document.text[start:stop]
    if encoding is PositionEncoding.UTF32 or head.isascii():
        return stop
    return start + n_characters(head, position.column, encoding)


def position_at(document: DocumentSnapshot, offset: int, encoding: PositionEncoding) -> Position:
    """Return the position of ``offset``; one inside CRLF is the end of its line."""
    offset = min(max(offset, 0), len(document.text))
    line = document.line_at(offset)
    end = min(offset, document.line_end(line))
    return Position(line, n_units(document.text[document.line_start(line) : end], encoding))


def n_units(text: str, encoding: PositionEncoding) -> int:
    """Return the width of ``text`` in code units of ``encoding``."""
    if encoding is PositionEncoding.UTF32 or text.isascii():
        return len(text)
    if encoding is PositionEncoding.UTF8:
        return len(text.encode("utf-8", "surrogatepass"))
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def n_characters(text: str, units: int, encoding: PositionEncoding) -> int:
    """Return how many whole characters of ``text`` its first ``units`` code units hold."""
    if encoding is PositionEncoding.UTF32:
        return min(units, len(text))
    if encoding is PositionEncoding.UTF8:
        data = text.encode("utf-8", "surrogatepass")
        cut = min(units, len(data))
        while cut < len(data) and data[cut] & 0b1100_0000 == _UTF8_CONTINUATION:
            cut -= 1
        return len(data[:cut].decode("utf-8", "surrogatepass"))
    data = text.encode("utf-16-le", "surrogatepass")
    cut = min(2 * units, len(data))
    if 0 < cut < len(data) and data[cut + 1] in _LOW and data[cut - 1] in _HIGH:
        cut -= 2
    return len(data[:cut].decode("utf-16-le", "surrogatepass"))
