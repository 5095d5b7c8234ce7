"""The editor's changes, against a reference that knows nothing of the code under test."""

from __future__ import annotations

import logging
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codelsp.document.edit import TextChange, apply_changes, replace
from codelsp.document.line_index import LineIndex
from codelsp.document.position import Position, PositionEncoding
from codelsp.document.snapshot import DocumentSnapshot

UTF8, UTF16, UTF32 = PositionEncoding.UTF8, PositionEncoding.UTF16, PositionEncoding.UTF32

# Characters that have gone wrong somewhere: line ends that are none to LSP, wide and astral
# characters, a combining accent, lone surrogates, and the halves of a line end.
TRICKY = "ab \n\r\t\x0b\x0c\x1c\x85\u2028\u2029é\u0301漢😋𠀀\ud83d\ude0b\ud800\ufeff\x00"
texts = st.text(alphabet=TRICKY, max_size=30)


def document(text: str) -> DocumentSnapshot:
    return DocumentSnapshot.of("file:///a.py", "python", 1, text)


class Reference:
    """A document as a list of code units, edited as the protocol words it; slow and plain."""

    def __init__(self, text: str, encoding: PositionEncoding) -> None:
        self.codec = {UTF8: "utf-8", UTF16: "utf-16-le", UTF32: "utf-32-le"}[encoding]
        self.size = {UTF8: 1, UTF16: 2, UTF32: 4}[encoding]
        self.text = self._joined(text)

    def _joined(self, text: str) -> str:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")

    def lines(self) -> list[str]:
        return re.findall(r"[^\r\n]*(?:\r\n|\r|\n)", self.text + "\n")

    def offset(self, position: Position) -> int:
        lines = self.lines()
        if position.line >= len(lines):
            return len(self.text)
        before = sum(len(line) for line in lines[: position.line])
        line = lines[position.line].rstrip("\r\n")
        units = 0
        for count, character in enumerate(line):
            units += len(character.encode(self.codec, "surrogatepass")) // self.size
            if units > position.column:
                return before + count
        return before + len(line)

    def change(self, start: Position, end: Position, text: str) -> None:
        first, last = sorted((self.offset(start), self.offset(end)))
        self.text = self._joined(self.text[:first] + text + self.text[last:])


positions = st.builds(Position, st.integers(0, 8), st.integers(0, 12))
changes = st.lists(st.tuples(positions, positions, texts), max_size=8)


@pytest.mark.parametrize("encoding", list(PositionEncoding))
@given(text=texts, edits=changes)
def test_random_edits_leave_the_document_as_the_reference_has_it(
    encoding: PositionEncoding, text: str, edits: list[tuple[Position, Position, str]]
) -> None:
    reference = Reference(text, encoding)
    snapshot = document(text)

    for version, (start, end, new) in enumerate(edits, start=2):
        reference.change(start, end, new)
        snapshot = apply_changes(snapshot, [TextChange(start, end, new)], version, encoding)

        assert snapshot.text == reference.text
        assert list(snapshot.lines.starts) == list(LineIndex.of(reference.text).starts)
        assert snapshot.version == version


@given(text=texts, edits=changes)
def test_changes_of_one_notification_each_count_on_those_before(
    text: str, edits: list[tuple[Position, Position, str]]
) -> None:
    at_once = apply_changes(document(text), [TextChange(*edit) for edit in edits], 2, UTF16)
    one_by_one = document(text)
    for edit in edits:
        one_by_one = apply_changes(one_by_one, [TextChange(*edit)], 2, UTF16)

    assert at_once.text == one_by_one.text
    assert at_once.version == 2


@pytest.mark.parametrize(
    ("text", "start", "end", "new", "expected"),
    [
        pytest.param("", (0, 0), (0, 0), "a", "a", id="into an empty document"),
        pytest.param("a\n", (1, 0), (1, 0), "b", "a\nb", id="after the last line end"),
        pytest.param("a\r\nb", (0, 1), (1, 0), "", "ab", id="a CRLF deleted"),
        pytest.param(
            "a\r\nb", (0, 9), (0, 9), "x", "ax\r\nb", id="a column past a CRLF line's end"
        ),
        pytest.param("a\rb\rc", (2, 0), (2, 1), "x", "a\rb\rx", id="a lone CR ends a line"),
        pytest.param("😋😋", (0, 2), (0, 4), "", "😋", id="an astral character deleted"),
        pytest.param("x😋y", (0, 2), (0, 2), "_", "x_😋y", id="a column inside a surrogate pair"),
        pytest.param("e\u0301", (0, 1), (0, 2), "", "e", id="a combining accent deleted"),
        pytest.param("\ud83d", (0, 1), (0, 1), "\ude0b", "😋", id="a pair typed in two halves"),
        pytest.param("\ud83dx\ude0b", (0, 1), (0, 2), "", "😋", id="halves that meet"),
    ],
)
def test_an_edit_lands_where_the_editor_meant(
    text: str, start: tuple[int, int], end: tuple[int, int], new: str, expected: str
) -> None:
    change = TextChange(Position(*start), Position(*end), new)

    assert apply_changes(document(text), [change], 2, UTF16).text == expected


@pytest.mark.parametrize("separator", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
def test_an_edit_after_a_form_feed_lands_where_the_editor_meant(separator: str) -> None:
    change = TextChange(Position(1, 0), Position(1, 0), "X")

    edited = apply_changes(document(f"a{separator} = 1\nb\n"), [change], 2, UTF16)

    assert edited.text == f"a{separator} = 1\nXb\n"


def test_a_change_without_a_range_is_the_whole_document() -> None:
    changes = [
        TextChange(None, None, "new\n"),
        TextChange(Position(1, 0), Position(1, 0), "more"),
    ]

    edited = apply_changes(document("old"), changes, 7, UTF16)

    assert (edited.text, edited.version) == ("new\nmore", 7)


def test_no_changes_at_all_still_count_as_a_version() -> None:
    edited = apply_changes(document("a"), [], 5, UTF16)

    assert (edited.text, edited.version) == ("a", 5)


def test_a_range_that_runs_backwards_is_turned_round_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    change = TextChange(Position(0, 3), Position(0, 1), "-")

    with caplog.at_level(logging.WARNING):
        edited = apply_changes(document("secret"), [change], 2, UTF16)

    assert edited.text == "s-ret"
    assert "backwards" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    ("line", "expected"),
    [pytest.param(99, "a\nb!", id="beyond the end"), pytest.param(-1, "!a\nb", id="before line 0")],
)
def test_a_line_that_is_not_there_is_the_nearest_place_and_logged(
    line: int, expected: str, caplog: pytest.LogCaptureFixture
) -> None:
    change = TextChange(Position(line, 0), Position(line, 0), "!")

    with caplog.at_level(logging.WARNING):
        edited = apply_changes(document("a\nb"), [change], 2, UTF16)

    assert edited.text == expected
    assert "nearest place" in caplog.text


@pytest.mark.parametrize(("start", "end"), [(-1, 0), (2, 1), (0, 4)])
def test_a_replacement_of_what_is_no_range_is_an_error(start: int, end: int) -> None:
    with pytest.raises(ValueError, match="no range of 3 characters"):
        replace(document("abc"), start, end, "")


def test_a_replacement_keeps_the_version_unless_told_otherwise() -> None:
    assert replace(document("abc"), 1, 2, "X").version == 1
    assert replace(document("abc"), 1, 2, "X", 9).version == 9


def test_a_snapshot_is_frozen_and_keeps_its_text_out_of_logs() -> None:
    before = document("password = 1")

    replace(before, 0, 8, "token")

    assert before.text == "password = 1"
    assert "password" not in repr(before)
