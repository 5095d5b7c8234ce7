from __future__ import annotations

import pytest

from codelsp.evaluation.holes import CursorClass, Hole, HoleKind, cursor_class, draw_holes
from codelsp.evaluation.source_files import SourceFile
from tests.evaluation.sources import source_set

FILES = source_set().chosen


def _drawn(kind: HoleKind, n: int = 30) -> list[Hole]:
    return draw_holes(FILES, {kind: n}, 1)


@pytest.mark.parametrize("kind", list(HoleKind))
def test_a_hole_with_its_middle_is_the_file_again(kind: HoleKind) -> None:
    holes = _drawn(kind)

    assert holes
    for hole in holes:
        again = hole.text[: hole.start] + hole.middle + hole.text[hole.start :]
        assert again == hole.file.text
        assert hole.middle == hole.middle.strip()


def test_the_same_seed_draws_the_same_holes_and_another_one_others() -> None:
    numbers = dict.fromkeys(HoleKind, 6)

    assert draw_holes(FILES, numbers, 1) == draw_holes(FILES, numbers, 1)
    assert draw_holes(FILES, numbers, 1) != draw_holes(FILES, numbers, 2)


def test_no_hole_is_drawn_twice() -> None:
    keys = [hole.key for hole in draw_holes(FILES, dict.fromkeys(HoleKind, 40), 1)]

    assert len(keys) == len(set(keys))


def test_the_rest_of_a_line_ends_where_the_line_does_and_begins_no_name_in_the_middle() -> None:
    for hole in _drawn(HoleKind.REST_OF_LINE):
        text = hole.file.text
        assert text[hole.end : hole.end + 1] == "\n"
        assert hole.cursor not in {CursorClass.MID_IDENTIFIER, CursorClass.LINE_START}


def test_a_full_line_begins_after_its_indentation() -> None:
    assert {hole.cursor for hole in _drawn(HoleKind.FULL_LINE)} == {CursorClass.LINE_START}


def test_arguments_are_what_stands_between_the_brackets_of_a_call() -> None:
    middles = {hole.middle for hole in _drawn(HoleKind.ARGUMENTS)}

    assert {"label, weight", "self.boxes"} <= middles
    assert "self, name, size" not in middles, "a definition is no call"


def test_a_block_is_a_whole_body() -> None:
    middles = {hole.middle for hole in _drawn(HoleKind.BLOCK, 60)}

    assert 'raise ValueError(f"{self.name} is full")' not in middles, "one line is no block"
    assert "weight = shelf.total_weight()\n" in "".join(
        middle.partition("\n")[0] + "\n" for middle in middles
    )
    assert all("\n" in middle for middle in middles)


def test_a_name_is_half_typed_in_the_middle_of_an_identifier() -> None:
    assert {hole.cursor for hole in _drawn(HoleKind.MID_IDENTIFIER)} == {CursorClass.MID_IDENTIFIER}


@pytest.mark.parametrize(
    ("line", "cursor"),
    [
        ("    <CURSOR>return x", CursorClass.LINE_START),
        ("    self.<CURSOR>name", CursorClass.AFTER_DOT),
        ("    self.na<CURSOR>me", CursorClass.MID_IDENTIFIER),
        ("    call(<CURSOR>a, b)", CursorClass.IN_ARGUMENTS),
        ("    call(a, <CURSOR>b)", CursorClass.IN_ARGUMENTS),
        ("    x = <CURSOR>b", CursorClass.AFTER_OPERATOR),
        ("    return <CURSOR>b", CursorClass.AFTER_OPERATOR),
        ("    x<CURSOR> = b", CursorClass.ELSEWHERE),
    ],
)
def test_where_the_cursor_stands(line: str, cursor: CursorClass) -> None:
    before, _, after = line.partition("<CURSOR>")

    assert cursor_class(f"a = 1\n{before}{after}\n", len(f"a = 1\n{before}")) is cursor


def test_comments_and_strings_are_left_alone() -> None:
    text = (
        'HELP = """\n'
        + "word = other(word, word)\n" * 40
        + '"""\n\nvalue = compute(first, second)\n'
    )
    holes = draw_holes([SourceFile("a", "a.py", text)], {HoleKind.FULL_LINE: 5}, 1)

    assert {hole.middle for hole in holes} <= {"value = compute(first, second)", 'HELP = """'}
