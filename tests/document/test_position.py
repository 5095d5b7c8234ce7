"""Offsets and positions, in the three encodings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codelsp.document.position import (
    Position,
    PositionEncoding,
    n_characters,
    n_units,
    offset_at,
    position_at,
)
from codelsp.document.snapshot import DocumentSnapshot
from codelsp.errors import PositionOutOfRangeError
from tests.documents import at_cursor

UTF8, UTF16, UTF32 = PositionEncoding.UTF8, PositionEncoding.UTF16, PositionEncoding.UTF32


@pytest.mark.parametrize(
    ("marked", "encoding", "position"),
    [
        pytest.param("<CURSOR>", UTF16, Position(0, 0), id="an empty document has one line"),
        pytest.param("a\n<CURSOR>", UTF16, Position(1, 0), id="after a final line end"),
        pytest.param("a\r\nb<CURSOR>", UTF16, Position(1, 1), id="CRLF ends one line, not two"),
        pytest.param("a\rb<CURSOR>", UTF16, Position(1, 1), id="a lone CR ends a line"),
        pytest.param("a\x0cb<CURSOR>", UTF16, Position(0, 3), id="a form feed ends no line"),
        pytest.param("a\x85b<CURSOR>", UTF8, Position(0, 4), id="U+0085 ends no line"),
        pytest.param("a\u2028b<CURSOR>", UTF32, Position(0, 3), id="U+2028 ends no line"),
        pytest.param("😋<CURSOR>", UTF8, Position(0, 4), id="an astral character in UTF-8"),
        pytest.param("😋<CURSOR>", UTF16, Position(0, 2), id="a surrogate pair"),
        pytest.param("😋<CURSOR>", UTF32, Position(0, 1), id="an astral character in UTF-32"),
        pytest.param("e\u0301<CURSOR>", UTF16, Position(0, 2), id="a combining accent"),
        pytest.param("é<CURSOR>", UTF8, Position(0, 2), id="two bytes"),
        pytest.param("漢<CURSOR>", UTF8, Position(0, 3), id="three bytes"),
        pytest.param("\ud800<CURSOR>", UTF16, Position(0, 1), id="a lone surrogate"),
        pytest.param("\ud800<CURSOR>", UTF8, Position(0, 3), id="a lone surrogate in UTF-8"),
        pytest.param("\ud800😋<CURSOR>", UTF16, Position(0, 3), id="a lone one before a pair"),
        pytest.param("x😋\ude0b<CURSOR>y", UTF16, Position(0, 4), id="a lone one after a pair"),
    ],
)
def test_offsets_and_positions_agree(
    marked: str, encoding: PositionEncoding, position: Position
) -> None:
    document, offset = at_cursor(marked)

    assert offset_at(document, position, encoding) == offset
    assert position_at(document, offset, encoding) == position


@pytest.mark.parametrize(
    ("text", "column", "encoding", "expected"),
    [
        pytest.param("😋", 1, UTF16, 0, id="inside a surrogate pair"),
        pytest.param("a😋b", 2, UTF16, 1, id="inside a surrogate pair, further on"),
        pytest.param("a😋b", 3, UTF16, 2, id="just after it"),
        pytest.param("é", 1, UTF8, 0, id="inside two bytes"),
        pytest.param("a😋b", 4, UTF8, 1, id="inside four bytes"),
    ],
)
def test_a_column_inside_a_character_means_its_start(
    text: str, column: int, encoding: PositionEncoding, expected: int
) -> None:
    document = DocumentSnapshot.of("file:///a", "python", 1, text)

    assert offset_at(document, Position(0, column), encoding) == expected


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("line", ["abc", "é漢😋"])
@pytest.mark.parametrize("encoding", list(PositionEncoding))
def test_a_column_past_the_end_means_the_end_of_the_line(
    line: str, end: str, encoding: PositionEncoding
) -> None:
    document = DocumentSnapshot.of("file:///a", "python", 1, f"{line}{end}next")

    assert offset_at(document, Position(0, 2**31 - 1), encoding) == 3
    assert offset_at(document, Position(0, -1), encoding) == 0


@pytest.mark.parametrize("line", [-1, 2, 2**31 - 1])
def test_a_line_the_document_does_not_have_is_an_error_that_says_so(line: int) -> None:
    document = DocumentSnapshot.of("file:///a", "python", 1, "a\nb")

    with pytest.raises(PositionOutOfRangeError, match=f"line {line} of a document of 2 lines"):
        offset_at(document, Position(line, 0), UTF16)


def test_an_offset_inside_crlf_is_the_end_of_its_line() -> None:
    document = DocumentSnapshot.of("file:///a", "python", 1, "ab\r\nc")

    assert position_at(document, 3, UTF16) == Position(0, 2)


def test_an_offset_outside_the_document_is_its_nearest_end() -> None:
    document = DocumentSnapshot.of("file:///a", "python", 1, "ab\nc")

    assert position_at(document, -5, UTF16) == Position(0, 0)
    assert position_at(document, 99, UTF16) == Position(1, 1)


texts = st.text(alphabet="ab\n\r\x0c\x85\u2028é\u0301漢😋\ud800\udc00", max_size=40)


@pytest.mark.parametrize("encoding", list(PositionEncoding))
@given(text=texts, data=st.data())
def test_every_offset_comes_back_from_its_position(
    encoding: PositionEncoding, text: str, data: st.DataObject
) -> None:
    document = DocumentSnapshot.of("file:///a", "python", 1, text)
    offset = data.draw(st.integers(0, len(document.text)))
    if document.text[max(offset - 1, 0) : offset + 1] == "\r\n":
        offset -= 1

    assert offset_at(document, position_at(document, offset, encoding), encoding) == offset


@pytest.mark.parametrize("encoding", list(PositionEncoding))
@given(text=st.text(max_size=20), units=st.integers(0, 90))
def test_characters_and_units_are_counted_alike(
    encoding: PositionEncoding, text: str, units: int
) -> None:
    n = n_characters(text, units, encoding)

    assert n_units(text[:n], encoding) <= units
    assert n == len(text) or n_units(text[: n + 1], encoding) > units
