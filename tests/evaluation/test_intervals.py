from __future__ import annotations

import random

import pytest

pytest.importorskip("numpy")

from codelsp.evaluation.intervals import difference, mean, share


def _values(rate: float, n_files: int, each: int = 10) -> list[tuple[str, float]]:
    draw = random.Random(7)
    return [
        (f"file {file}", float(draw.random() < rate))
        for file in range(n_files)
        for _ in range(each)
    ]


def test_the_mean_is_over_items_and_the_interval_holds_it() -> None:
    found = mean([("a", 1.0), ("a", 0.0), ("b", 1.0), ("b", 1.0)])

    assert found.mean == 0.75
    assert found.low is not None
    assert found.high is not None
    assert found.low <= 0.75 <= found.high
    assert (found.n, found.n_files) == (4, 2)


def test_more_files_make_the_interval_narrower() -> None:
    def width(n_files: int) -> float:
        found = mean(_values(0.3, n_files))
        assert found.low is not None
        assert found.high is not None
        return found.high - found.low

    assert width(200) < width(10) / 2


def test_items_of_one_file_do_not_count_as_independent() -> None:
    alike = [(f"file {n}", float(n % 2)) for n in range(8) for _ in range(50)]
    apart = [(f"file {n}", float(n % 2)) for n in range(400)]

    for_alike, for_apart = mean(alike), mean(apart)
    assert for_alike.high is not None
    assert for_apart.high is not None
    assert for_alike.high - 0.5 > 3 * (for_apart.high - 0.5)


def test_a_share_divides_sums_not_items() -> None:
    assert share([("a", 1.0, 10.0), ("b", 9.0, 10.0)]).mean == 0.5


def test_nothing_shown_is_no_share() -> None:
    assert share([]).mean is None
    assert share([("a", 0.0, 0.0)]).mean is None


def test_pairing_finds_a_small_difference_that_the_spread_of_files_hides() -> None:
    theirs = [(f"file {n}", (n % 10) / 10, 1.0) for n in range(60)]
    ours = [(file, value + 0.02, 1.0) for file, value, _ in theirs]

    apart = difference(ours, theirs)
    assert apart.mean == pytest.approx(0.02)
    assert apart.is_apart_from_zero
    assert mean([(file, value) for file, value, _ in ours]).low < 0.45  # type: ignore[operator]


def test_the_same_values_differ_by_nothing() -> None:
    values = [(file, value, 1.0) for file, value in _values(0.4, 20)]

    apart = difference(values, values)
    assert (apart.mean, apart.low, apart.high) == (0.0, 0.0, 0.0)
    assert not apart.is_apart_from_zero
