"""Where holes are put."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from codelsp.document.snapshot import DocumentSnapshot
from codelsp.document.syntax import parse
from codelsp.training.middles import MAX_MIDDLE, MiddleShares, closing_bracket, draw_middle
from tests.training.material import MODULE, OTHER

TREE = parse(DocumentSnapshot.of("file:///shapes.py", "python", 0, MODULE))


def drawn(shares: MiddleShares, n: int = 200) -> list[str]:
    random = Random(3)
    found = [draw_middle(MODULE, (0, len(MODULE)), TREE, shares, random) for _ in range(n)]
    return [MODULE[middle.start : middle.end] for middle in found if middle is not None]


def test_the_rest_of_a_line_ends_with_the_line() -> None:
    middles = drawn(MiddleShares(1, 0, 0, 0))

    assert len(middles) > 150
    assert all("\n" not in text and text.rstrip() == text for text in middles)
    assert all(text + "\n" in MODULE for text in middles)


def test_a_block_is_made_of_whole_statements() -> None:
    middles = drawn(MiddleShares(0, 1, 0, 0))

    assert "return math.pi * self.radius ** 2" in middles
    assert any("\n" in text for text in middles)
    assert all(text.lstrip(" ")[0] != "\n" for text in middles)


def test_a_block_that_begins_with_its_body_ends_with_it() -> None:
    text = "class A:\n    def f(self):\n        a = 1\n        b = 2\n\n    def g(self): ...\n"
    tree = parse(DocumentSnapshot.of("file:///a.py", "python", 0, text))
    body = text.index("a = 1")
    random = Random(1)

    found = [
        draw_middle(text, (body, body + 1), tree, MiddleShares(0, 1, 0, 0), random)
        for _ in range(40)
    ]

    assert {text[each.start : each.end] for each in found if each is not None} == {
        "a = 1",
        "a = 1\n        b = 2",
    }


def test_the_inside_of_brackets_leaves_them_balanced() -> None:
    middles = drawn(MiddleShares(0, 0, 0, 1))

    assert "shape.area() for shape in shapes" in middles
    assert all(text.count("(") <= text.count(")") + 1 for text in middles)


def test_spans_are_short_more_often_than_long() -> None:
    lengths = sorted(map(len, drawn(MiddleShares(0, 0, 1, 0))))

    assert lengths[len(lengths) // 2] < 60 < lengths[-1]


def test_no_middle_is_longer_than_the_limit() -> None:
    random = Random(1)
    found = [draw_middle(OTHER, (0, len(OTHER)), None, MiddleShares(), random) for _ in range(300)]

    assert all(m is None or 0 < m.end - m.start <= MAX_MIDDLE for m in found)


def test_a_text_of_blank_lines_has_no_hole() -> None:
    assert draw_middle("\n" * 50, (0, 50), None, MiddleShares(1, 0, 0, 0), Random(1)) is None


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [("f(a[0], (1))", 50, 11), ("f(a", 50, None), ("f(aaa)", 3, None)],
)
def test_brackets_are_matched_by_counting(text: str, limit: int, expected: int | None) -> None:
    assert closing_bracket(text, 1, limit) == expected


def test_a_hole_at_the_first_word_of_a_line_mostly_begins_with_the_indentation() -> None:
    text = "def f(x):\n" + "    return 1\n" * 20
    random = Random(5)
    shares = MiddleShares(0, 1, 0, 0)
    tree = parse(DocumentSnapshot.of("file:///a.py", "python", 1, text))

    begins = Counter(
        text[middle.start]
        for _ in range(200)
        if (middle := draw_middle(text, (11, len(text)), tree, shares, random)) is not None
    )

    assert set(begins) == {" ", "r"}
    assert 0.6 < begins[" "] / sum(begins.values()) < 0.8
