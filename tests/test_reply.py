from __future__ import annotations

from dataclasses import replace

import pytest

from codelsp.reply import place
from tests.candidates.contexts import candidate_at, context_at

CONTEXT = context_at("first\n  x = <CURSOR>)\nlast\n")
CURSOR = CONTEXT.offset


def test_an_insertion_is_what_the_candidate_says() -> None:
    candidate = replace(candidate_at(CONTEXT, "1)"), end=CURSOR + 1, score=0.7)

    found = place(candidate, CONTEXT, "pilot")

    assert (found.text, found.start, found.end) == ("1)", CURSOR, CURSOR + 1)
    assert (found.score, found.model) == (0.7, "pilot")


def test_no_two_insertions_have_the_same_id() -> None:
    candidate = candidate_at(CONTEXT, "1")

    assert len({place(candidate, CONTEXT, "pilot").id for _ in range(100)}) == 100


@pytest.mark.parametrize(
    ("start", "end"),
    [
        pytest.param(-7, 0, id="begins on the line above"),
        pytest.param(0, 2, id="ends on the line below"),
        pytest.param(1, 1, id="begins after the cursor"),
        pytest.param(-2, -1, id="ends before the cursor"),
    ],
)
def test_a_range_that_editors_cannot_replace_is_refused(start: int, end: int) -> None:
    candidate = replace(candidate_at(CONTEXT, "1"), start=CURSOR + start, end=CURSOR + end)

    with pytest.raises(ValueError, match="does not fit the cursor"):
        place(candidate, CONTEXT, "pilot")
