from __future__ import annotations

import pytest

from codelsp.candidates.repetition import cut_repetition, lines_before_loop, loop_in_line
from tests.candidates.contexts import candidate_at, context_at, dropped_by


@pytest.mark.parametrize(
    ("lines", "n_before"),
    [
        (["import os"] * 3, 1),
        (["import os"] * 2, None),
        (["first()", "second()"] * 2, 2),
        (["start()", "first()", "second()", "first()", "second()"], 3),
        (["import os", "", "import os", "", "import os"], 2),
        (["0,"] * 9, None),
        (["}"] * 4, None),
        (["first()", "second()", "third()"], None),
    ],
)
def test_lines_loop_when_they_come_again_and_again(lines: list[str], n_before: int | None) -> None:
    assert lines_before_loop(lines) == n_before


@pytest.mark.parametrize(
    ("text", "is_loop"),
    [
        ("self.name.self.name.self.name.self.name.", True),
        ("ha ha ha ha ha", True),
        ("0, " * 16, True),
        ("0, 0, 0, 0", False),
        ("# " + "-" * 60, False),
        (" " * 40 + "x = 1", False),
        ("a.b.c.d.e.f", False),
        ("x = compute(first, second)", False),
    ],
)
def test_words_loop_within_a_line(text: str, is_loop: bool) -> None:
    assert (loop_in_line(text) is not None) is is_loop


def test_the_first_time_stays() -> None:
    context = context_at("<CURSOR>", multiline=True)

    assert cut_repetition(candidate_at(context, "import os\n" * 4), context).text == "import os"


def test_nothing_of_a_looping_line_stays() -> None:
    context = context_at("<CURSOR>", multiline=True)

    text = "first = 1\nname.name.name.name.name.name"
    assert cut_repetition(candidate_at(context, text), context).text == "first = 1"


def test_a_single_looping_line_is_dropped() -> None:
    context = context_at("<CURSOR>")

    assert dropped_by(cut_repetition(candidate_at(context, "abc " * 9), context)) == "repetition"
