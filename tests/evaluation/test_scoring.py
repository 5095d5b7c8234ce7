from __future__ import annotations

import pytest

from codelsp.document.snapshot import DocumentSnapshot
from codelsp.document.syntax import parse
from codelsp.evaluation import scoring
from codelsp.evaluation.holes import Hole, HoleKind
from codelsp.evaluation.source_files import SourceFile
from codelsp.reply import Insertion


def _hole(marked: str, kind: HoleKind = HoleKind.REST_OF_LINE) -> Hole:
    before, middle, after = marked.split("|")
    file = SourceFile("a", "a.py", before + middle + after)
    return Hole(file, kind, len(before), len(before) + len(middle))


@pytest.mark.parametrize(
    ("kind", "text", "answer"),
    [
        (HoleKind.REST_OF_LINE, "name)\nreturn 1", "name)"),
        (HoleKind.REST_OF_LINE, "\n    name\n", "    name"),
        (HoleKind.ARGUMENTS, "a, b(c))\nreturn", "a, b(c)"),
        (HoleKind.ARGUMENTS, "a, b\nreturn", "a, b"),
        (HoleKind.BLOCK, "a = 1\n    b = 2\n\n", "a = 1\n    b = 2"),
    ],
)
def test_an_answer_ends_where_its_kind_does(kind: HoleKind, text: str, answer: str) -> None:
    assert scoring.cut_to_kind(text, kind) == answer


def test_exact_does_not_mind_white_space_at_line_ends() -> None:
    hole = _hole("if x:\n    |a = 1\n    b = 2|\n", HoleKind.BLOCK)

    assert scoring.is_exact("    a = 1  \n    b = 2\n", hole)
    assert not scoring.is_exact("a = 1\n  b = 2", hole)
    assert not scoring.is_exact("a = 1", hole)
    assert scoring.is_first_line_exact("a = 1\n    c", hole)


def test_edit_similarity_is_one_less_the_share_that_was_edited() -> None:
    pytest.importorskip("rapidfuzz")

    assert scoring.edit_similarity("abcd", "abcd") == 1.0
    assert scoring.edit_similarity("", "abcd") == 0.0
    assert scoring.edit_similarity("abxd", "abcd") == 0.75


@pytest.mark.parametrize(
    ("text", "is_right"),
    [
        ("self.na", True),
        ("self.name)", True),
        ("self.name) ", True),
        ("self.x", False),
        (" ", False),
    ],
)
def test_a_text_is_right_if_it_can_be_typed_on(text: str, is_right: bool) -> None:
    assert scoring.is_right(text, "self.name)") is is_right


@pytest.mark.parametrize(
    ("insertion", "written"),
    [
        (("a, b", 4, 4), "a, b"),
        (("foo(a, b", 0, 4), "a, b"),
        (("a, b)", 4, 5), "a, b"),
        (("bar(a", 0, 4), None),
        (("a", 4, 5), None),
    ],
)
def test_what_an_insertion_writes_is_told_apart_from_what_it_repeats(
    insertion: tuple[str, int, int], written: str | None
) -> None:
    text, start, end = insertion
    made = Insertion("id", text, start, end, None, "model")

    assert scoring.inserted_text(made, "foo()", 4) == written


def test_a_document_parses_or_does_not_once_it_is_filled() -> None:
    tree = parse(DocumentSnapshot.of("file:///a.py", "python", 1, "a = foo()\n"))

    assert scoring.parses(tree, 8, 8, "b, c")
    assert not scoring.parses(tree, 8, 8, "b, (c")
