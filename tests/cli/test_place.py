from __future__ import annotations

from pathlib import Path

import pytest

from codelsp.cli.place import offset_of, parse_place, read_document
from codelsp.document.snapshot import DocumentSnapshot
from codelsp.errors import DocumentError, PositionOutOfRangeError


@pytest.mark.parametrize(
    ("text", "place"),
    [
        pytest.param("a/b.py:12:9", ("a/b.py", 12, 9), id="line and column"),
        pytest.param("a/b.py:12", ("a/b.py", 12, None), id="a line means its end"),
        pytest.param("a/b.py", ("a/b.py", None, None), id="a file means its end"),
        pytest.param("C:\\src\\b.py:3:1", ("C:\\src\\b.py", 3, 1), id="a drive is no line"),
        pytest.param("a:b.py:3:1", ("a:b.py", 3, 1), id="a colon in a name"),
    ],
)
def test_a_place_is_read_as_editors_write_it(
    text: str, place: tuple[str, int | None, int | None]
) -> None:
    path, line, column = place

    assert parse_place(text) == (Path(path), line, column)


def _document(text: str) -> DocumentSnapshot:
    return DocumentSnapshot.of("file:///a.py", "python", 1, text)


@pytest.mark.parametrize(
    ("text", "line", "column", "before"),
    [
        pytest.param("ab\ncd\n", 1, 1, "", id="the first column"),
        pytest.param("ab\ncd\n", 2, 2, "ab\nc", id="counted from 1"),
        pytest.param("ab\ncd\n", 1, 99, "ab", id="past the line means its end"),
        pytest.param("ab\r\ncd", 1, None, "ab", id="the end of a line, before CRLF"),
        pytest.param("ab\ncd\n", 3, 1, "ab\ncd\n", id="the empty last line"),
        pytest.param("ab\ncd", None, None, "ab\ncd", id="the end of the file"),
        pytest.param("a\x0cb\nc", 2, 1, "a\x0cb\n", id="a form feed ends no line"),
        pytest.param("\U0001f60bx\n", 1, 2, "\U0001f60b", id="a smiley is one column"),
    ],
)
def test_lines_and_columns_are_those_of_an_editor(
    text: str, line: int | None, column: int | None, before: str
) -> None:
    assert text[: offset_of(_document(text), line, column)] == before


@pytest.mark.parametrize(("line", "column"), [(0, 1), (4, 1), (1, 0)])
def test_a_place_that_is_not_there_is_refused(line: int, column: int) -> None:
    with pytest.raises(PositionOutOfRangeError):
        offset_of(_document("a\nb\n"), line, column)


def test_a_file_is_read_with_its_own_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes("\ufeffa\r\nb\r".encode())

    document = read_document(path)

    assert document.text == "a\r\nb\r"
    assert document.language_id == "python"
    assert document.uri == path.as_uri()


def test_a_binary_file_and_a_missing_one_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\x7fELF\xff")

    with pytest.raises(DocumentError, match="UTF-8"):
        read_document(tmp_path / "binary")
    with pytest.raises(DocumentError, match="No such file"):
        read_document(tmp_path / "missing")
