"""Every rule of the candidates' room, each on documents of its own."""

from __future__ import annotations

import pytest

from tests.golden.cases import GoldenCase, all_cases

CASES = all_cases()


@pytest.mark.parametrize("case", CASES, ids=[case.path.stem for case in CASES])
def test_a_generation_becomes_what_the_case_says(case: GoldenCase, is_updating: bool) -> None:
    key, value = case.outcome()
    if is_updating:
        case.write(key, value)
        return

    assert (key, value) == (
        ("expected", case.expected)
        if case.expected is not None
        else ("dropped_by", case.dropped_by)
    )


@pytest.mark.parametrize("case", CASES, ids=[case.path.stem for case in CASES])
def test_what_comes_after_the_cut_changes_nothing(case: GoldenCase) -> None:
    """Stopping early saves time only: the whole generation would have been cut to the same."""
    if case.expected is None:
        assert case.outcome(is_streamed=False)[0] == "dropped_by"
    else:
        assert case.outcome(is_streamed=False) == ("expected", case.expected)


def test_there_are_cases_enough_for_every_rule() -> None:
    assert len(CASES) >= 120
