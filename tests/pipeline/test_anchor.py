"""A place is known by the text around it."""

from __future__ import annotations

import pytest

from codelsp.pipeline.anchor import AFTER_CHARS, BEFORE_CHARS, Anchor
from tests.documents import at_cursor


@pytest.mark.parametrize(
    ("before", "after", "typed"),
    [
        pytest.param("a = <CURSOR>\n", "a = <CURSOR>\n", 0, id="nothing typed"),
        pytest.param("a = <CURSOR>\n", "a = fo<CURSOR>\n", 2, id="two characters typed"),
        pytest.param("a = <CURSOR>\n", "a = foo(1)<CURSOR>\n", 6, id="all of it typed"),
        pytest.param("a = <CURSOR>\n", "a = foo(<CURSOR>)\n", 4, id="an added closer"),
        pytest.param("a = <CURSOR>\n", "a = fx<CURSOR>\n", None, id="something else typed"),
        pytest.param("a = <CURSOR>\n", "b = <CURSOR>\n", None, id="another line"),
        pytest.param("a = <CURSOR>\n", "a =<CURSOR>\n", None, id="deleted past the start"),
        pytest.param("a = <CURSOR>\n", "a = <CURSOR>1\n", None, id="other text after it"),
        pytest.param("a = <CURSOR>", "a = fo<CURSOR>", 2, id="at the end of the document"),
        pytest.param("a = <CURSOR>", "a = <CURSOR>\nb", None, id="a line added below"),
        pytest.param("<CURSOR>", "foo<CURSOR>", 3, id="an empty document"),
    ],
)
def test_typed_counts_what_stands_of_a_text(before: str, after: str, typed: int | None) -> None:
    document, offset = at_cursor(before)
    changed, cursor = at_cursor(after)

    assert Anchor.at(document, offset).typed("foo(1)", changed, cursor) == typed


def test_an_edit_far_above_does_not_matter() -> None:
    head = "x = 1\n" * BEFORE_CHARS
    document, offset = at_cursor(head + "a = <CURSOR>\n")
    changed, cursor = at_cursor("import os\n" + head + "a = f<CURSOR>\n")

    assert Anchor.at(document, offset).typed("foo", changed, cursor) == 1


def test_an_edit_far_below_does_not_matter() -> None:
    tail = "x = 1\n" * AFTER_CHARS
    document, offset = at_cursor("a = <CURSOR>\n" + tail)
    changed, cursor = at_cursor("a = f<CURSOR>\n" + tail + "y = 2\n")

    assert Anchor.at(document, offset).typed("foo", changed, cursor) == 1


def test_repeated_text_is_matched_at_the_right_place() -> None:
    document, offset = at_cursor("ab" * 3000 + "<CURSOR>")
    changed, cursor = at_cursor("ab" * 3001 + "<CURSOR>")

    assert Anchor.at(document, offset).typed("abab", changed, cursor) in (0, 2)


def test_a_running_generation_agrees_as_long_as_neither_contradicts_the_other() -> None:
    document, offset = at_cursor("a = <CURSOR>\n")
    changed, cursor = at_cursor("a = foo<CURSOR>\n")
    anchor = Anchor.at(document, offset)

    assert anchor.agrees("f", changed, cursor)
    assert anchor.agrees("foo(1)", changed, cursor)
    assert not anchor.agrees("g", changed, cursor)
