"""Fits the weights of ``ranking`` to what was right: logistic regression, cross-validated.

Newton's method on the penalized likelihood (Hastie, Tibshirani and Friedman 2009, section 4.4.1);
a penalty, because most features say little.  Every figure told of fitted weights is of packages
that they were not fitted on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from codelsp.evaluation.keystrokes import THRESHOLDS, replayed
from codelsp.ranking import Features, RankingWeights

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from codelsp.evaluation.ledger import Record

NAMES = tuple(each.name for each in fields(Features))
_PENALTY = 3.0
_ROUNDS = 50
_SMALL_STEP = 1e-8


@dataclass(frozen=True)
class Study:
    """What each way to score comes to at each threshold, and the weights fitted on everything."""

    curves: dict[str, list[dict[str, Any]]]
    weights: RankingWeights
    recommended: float | None
    """The least threshold with the wanted share right, under fitted weights, cross-validated."""
    n_offers: int


def study(records: Sequence[Record], wanted_right: float) -> Study:
    """Return the study of ``records`` of ``keystrokes.offers_in``."""
    held_out = dict(_cross_validated(records))

    def by_fitted(offer: Record) -> float:
        return score_with(held_out[offer["package"]], offer)

    for record in records:
        for offer in _offers([record]):
            offer["package"] = record["package"]
    ways: dict[str, Callable[[Record], float]] = {
        "as it is": lambda offer: float(offer["score"]),
        "joint probability alone": _joint,
        "fitted, cross-validated": by_fitted,
    }
    curves = {name: _curve(records, way) for name, way in ways.items()}
    enough = [
        point["threshold"]
        for point in curves["fitted, cross-validated"]
        if (point["right among shown"] or 0.0) >= wanted_right
    ]
    weights = fitted(list(_offers(records)))
    n_offers = sum(1 for _ in _offers(records))
    return Study(curves, weights, min(enough, default=None), n_offers)


def fitted(offers: Sequence[Record]) -> RankingWeights:
    """Return the weights under which what was right is most likely; few offers change little."""
    rows = [offer for offer in offers if offer["has_log_probs"]]
    x = np.array([[1.0, *(offer["features"][name] for name in NAMES)] for offer in rows])
    y = np.array([float(offer["taken"] > 0) for offer in rows])
    found = _newton(x.reshape(-1, len(NAMES) + 1), y)
    values = dict(zip(NAMES, (round(float(each), 3) for each in found[1:]), strict=True))
    return RankingWeights(bias=round(float(found[0]), 3), **values)


def score_with(weights: RankingWeights, offer: Record) -> float:
    """Return the estimate of ``ranking`` for an offer, under other weights."""
    odds = weights.bias if offer["has_log_probs"] else weights.bias_unknown
    odds += sum(getattr(weights, name) * offer["features"][name] for name in NAMES)
    return 1.0 / (1.0 + math.exp(-odds))


def _joint(offer: Record) -> float:
    return 1.0 / (1.0 + math.exp(-float(offer["features"]["joint_log_odds"])))


def _cross_validated(records: Sequence[Record]) -> Iterator[tuple[str, RankingWeights]]:
    """Yield for each package the weights fitted on all others."""
    for package in sorted({record["package"] for record in records}):
        others = [record for record in records if record["package"] != package]
        yield package, fitted(list(_offers(others)))


def _curve(records: Sequence[Record], score: Callable[[Record], float]) -> list[dict[str, Any]]:
    points = []
    for threshold in THRESHOLDS:
        replay = replayed(records, score, threshold)
        points.append(
            {
                "threshold": threshold,
                "shown": replay.shown / max(1, replay.asked),
                "right among shown": replay.precision,
                "keystrokes saved": replay.saved,
                "n_shown": replay.shown,
            }
        )
    return points


def _offers(records: Sequence[Record]) -> Iterator[Record]:
    for record in records:
        for run in record["runs"]:
            for offers in run["offers"]:
                yield from offers


def _newton(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the maximum of the penalized likelihood; the bias, first, has no penalty."""
    n_columns = x.shape[1]
    penalty = np.full(n_columns, _PENALTY)
    penalty[0] = 1e-6
    weights = np.zeros(n_columns)
    for _ in range(_ROUNDS):
        chance = 1.0 / (1.0 + np.exp(-np.clip(x @ weights, -30.0, 30.0)))  # (offers,)
        gradient = x.T @ (y - chance) - penalty * weights
        hessian = (x * (chance * (1.0 - chance))[:, None]).T @ x + np.diag(penalty)
        step = np.linalg.solve(hessian, gradient)
        weights = weights + step
        if float(np.abs(step).max()) < _SMALL_STEP:
            break
    return weights
