"""Shares with intervals: the bootstrap over files, and the paired one for differences.

Holes of one file are alike, so files are drawn anew, not holes (Efron and Tibshirani 1993, chapter
8: the unit of resampling is what is independent).  Two systems are compared on the same draws:
what varies from file to file then falls out of their difference.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

N_DRAWS = 2000
_SEED = 20_260_101
_PERCENTS = (2.5, 97.5)


@dataclass(frozen=True)
class Interval:
    """A mean over items, and where it lies with 95 % confidence; None of nothing.

    Of a single file there is a mean, and no interval: nothing says how files differ.
    """

    mean: float | None
    low: float | None
    high: float | None
    n: int
    """Items."""
    n_files: int

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        rounded = (
            None if each is None else round(each, 5) for each in (self.mean, self.low, self.high)
        )
        mean, low, high = rounded
        return {"mean": mean, "low": low, "high": high, "n": self.n, "files": self.n_files}

    @property
    def is_apart_from_zero(self) -> bool:
        """Whether the interval does not hold 0; of a difference: whether there is one."""
        return self.low is not None and self.high is not None and not self.low <= 0.0 <= self.high


@dataclass
class Tally:
    """Sums over the items of each file; a share is one sum over another."""

    sums: dict[str, list[float]]
    """File to (numerator, denominator)."""

    @classmethod
    def of(cls, values: Sequence[tuple[str, float, float]]) -> Tally:
        """Add up (file, numerator, denominator)."""
        sums: dict[str, list[float]] = {}
        for file, above, below in values:
            own = sums.setdefault(file, [0.0, 0.0])
            own[0] += above
            own[1] += below
        return cls(sums)


def share(values: Sequence[tuple[str, float, float]]) -> Interval:
    """Return the sum of numerators over the sum of denominators, with its interval over files.

    Args:
        values: (file, numerator, denominator) of each item.
    """
    tally = Tally.of(values)
    above, below = _arrays(tally.sums, sorted(tally.sums))
    if not len(below) or below.sum() <= 0:
        return Interval(None, None, None, len(values), len(tally.sums))
    low, high = _bounds(_ratios(above, below))
    return Interval(float(above.sum() / below.sum()), low, high, len(values), len(tally.sums))


def mean(values: Sequence[tuple[str, float]]) -> Interval:
    """Return the mean over items, with its interval over files; ``values`` are (file, value)."""
    return share([(file, value, 1.0) for file, value in values])


def at_least_possible(interval: Interval) -> Interval:
    """Return the interval of a share, told honestly where it is 0 or 1.

    Every draw of nothing but failures is nothing but failures, so the bootstrap would be certain.
    There the bound is exact (Clopper and Pearson 1934): with n files that all fail, the share is
    below 1 - 0.025 ** (1 / n) with 97.5 % confidence.
    """
    if not interval.n_files or interval.mean not in {0.0, 1.0}:
        return interval
    widest = 1.0 - (_PERCENTS[0] / 100) ** (1 / interval.n_files)
    if interval.mean == 0.0:
        return replace(interval, low=0.0, high=widest)
    return replace(interval, low=1.0 - widest, high=1.0)


def difference(
    ours: Sequence[tuple[str, float, float]], theirs: Sequence[tuple[str, float, float]]
) -> Interval:
    """Return our share less theirs, both on the same draws of the files that both have."""
    one, other = Tally.of(ours), Tally.of(theirs)
    files = sorted(one.sums.keys() & other.sums.keys())
    above, below = _arrays(one.sums, files)
    their_above, their_below = _arrays(other.sums, files)
    if not files or min(below.sum(), their_below.sum()) <= 0:
        return Interval(None, None, None, len(ours), len(files))
    low, high = _bounds(_ratios(above, below) - _ratios(their_above, their_below))
    apart = above.sum() / below.sum() - their_above.sum() / their_below.sum()
    return Interval(float(apart), low, high, len(ours), len(files))


def _arrays(
    sums: Mapping[str, Sequence[float]], files: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    pairs = np.array([sums[file] for file in files], dtype=np.float64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _bounds(drawn: NDArray[np.float64]) -> tuple[float | None, float | None]:
    """Return the ends of the interval of what was ``drawn``; nothing was, of a single file."""
    if not len(drawn):
        return None, None
    low, high = np.nanpercentile(drawn, _PERCENTS)
    return float(low), float(high)


def _ratios(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share on each draw; the draws are the same for the same number of files.

    Of a single file every draw would be the same, so there are none.
    """
    n_files = len(below)
    if n_files == 1:
        return np.empty(0)
    random = np.random.default_rng(_SEED)
    draws = random.multinomial(n_files, np.full(n_files, 1.0 / n_files), size=N_DRAWS)
    summed = draws @ below  # (draws,)
    return np.where(summed > 0, draws @ above / np.where(summed > 0, summed, 1.0), np.nan)
