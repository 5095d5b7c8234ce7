from __future__ import annotations

import pytest

from codelsp.evaluation.figures import Figure, machine, median, percentile


@pytest.mark.parametrize(
    ("samples", "percent", "value"),
    [
        ([3.0], 95, 3.0),
        ([1.0, 2.0, 3.0, 4.0], 50, 2.5),
        ([4.0, 1.0, 3.0, 2.0], 0, 1.0),
        ([1.0, 2.0, 3.0, 4.0], 100, 4.0),
        ([0.0, 10.0], 95, 9.5),
    ],
)
def test_percentiles_are_interpolated(samples: list[float], percent: float, value: float) -> None:
    assert percentile(samples, percent) == pytest.approx(value)


def test_nothing_measured_is_no_number() -> None:
    assert percentile([], 95) is None
    assert median([]) is None


@pytest.mark.parametrize(
    ("value", "is_floor", "is_met"),
    [(5.0, False, True), (5.1, False, False), (5.0, True, True), (4.9, True, False)],
)
def test_a_budget_is_the_most_or_the_least(value: float, is_floor: bool, is_met: bool) -> None:
    assert Figure("key", "what", value, "ms", 5.0, is_floor=is_floor).is_met is is_met


def test_a_figure_that_is_missing_keeps_no_budget() -> None:
    assert not Figure("key", "what", None, "ms", 5.0).is_met
    assert not Figure("key", "what", None, "x", 3.0, is_floor=True).is_met


def test_the_machine_is_named_with_cores_and_python() -> None:
    assert "cores" in machine()
    assert "Python 3." in machine()
