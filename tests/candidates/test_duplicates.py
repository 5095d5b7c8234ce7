from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codelsp.candidates.duplicates import drop_echo, edit_distance, is_same_line
from tests.candidates.contexts import candidate_at, cleaned, context_at, dropped_by


def distance_by_table(one: str, other: str) -> int:
    """The textbook's Levenshtein distance (Wagner and Fischer 1974)."""
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        above = row
        row = [i]
        for j, right in enumerate(other, 1):
            row.append(min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (left != right)))
    return row[-1]


@given(st.text("ab ", max_size=12), st.text("ab ", max_size=12), st.integers(0, 6))
def test_the_bounded_distance_is_the_distance_as_far_as_it_goes(
    one: str, other: str, most: int
) -> None:
    assert edit_distance(one, other, most) == min(distance_by_table(one, other), most + 1)


LONG = "self.connection.execute_statement(self.query, parameters)"


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("x = 1", "    x  =  1", True),
        ("x = 1", "x = 2", False),
        ("abc", "abd", False),
        (LONG, LONG[:-2] + ")", True),
        (LONG, LONG.replace("query", "other"), False),
        (LONG + "  # 1", LONG + "  # 2", False),
    ],
)
def test_long_lines_may_differ_a_little_but_not_in_a_number(
    one: str, other: str, is_same: bool
) -> None:
    assert is_same_line(one, other) is is_same


def test_the_next_line_is_not_offered_again() -> None:
    assert cleaned("a = 1\n<CURSOR>\nb = 2\n", "b = 2") == "dropped by drop_following_lines"


def test_a_missing_line_between_two_is_filled() -> None:
    result = cleaned("a = 1\n<CURSOR>\nc = 3\n", "b = 2\nc = 3\nd = 4", multiline=True)

    assert result == "a = 1\n⟦b = 2⟧\nc = 3\n"


def test_a_row_of_the_same_short_lines_may_go_on() -> None:
    result = cleaned("x = [\n    <CURSOR>\n    0,\n]\n", "    0,")

    assert result == "x = [\n    ⟦0,⟧\n    0,\n]\n"


def test_an_echo_of_the_line_above_is_dropped() -> None:
    context = context_at("total = compute(a)\n<CURSOR>\n")
    candidate = candidate_at(context, "total = compute(a)")

    assert dropped_by(drop_echo(candidate, context)) == "drop_echo"


def test_lines_that_say_little_may_stand_twice() -> None:
    context = context_at("    },\n<CURSOR>\n", "json")
    candidate = candidate_at(context, "    },")

    assert dropped_by(drop_echo(candidate, context)) is None


@pytest.mark.parametrize(
    ("before", "text", "expected"),
    [
        ("return ", "return x", "x"),
        ("from os import ", "from os import path", "path"),
        ("x = ", "x = compute()", "compute()"),
        ("f(", "f(x))", "f(x))"),
        ("a + ", "a + b", "a + b"),
        ("x == ", "x == y", "x == y"),
        ("return ", "returned", "returned"),
    ],
)
def test_the_line_s_beginning_is_not_written_twice(before: str, text: str, expected: str) -> None:
    context = context_at(f"{before}<CURSOR>\n")

    assert drop_echo(candidate_at(context, text), context).text == expected
