"""Results on holes to figures: shares with intervals, by system, kind, cursor class and scope."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from codelsp.evaluation.hole_run import SINGLE
from codelsp.evaluation.intervals import Interval, difference, share

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from codelsp.evaluation.ledger import Ledger, Record

ALL = "all"
PIPELINE, MODEL, NGRAM, EMPTY = "pipeline", "model", "n-gram cache", "empty"
NO_SUFFIX = "model, no suffix"
SYSTEMS = (
    MODEL,
    NO_SUFFIX,
    PIPELINE,
    "ranked of k",
    "random of k",
    "oracle of k",
    NGRAM,
    EMPTY,
)
Values = list[tuple[str, float, float]]


@dataclass(frozen=True)
class HoleFigure:
    """One share, and of what."""

    model: str
    system: str
    scope: str
    kind: str
    cursor: str
    metric: str
    interval: Interval

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        named = {name: getattr(self, name) for name in _NAMES}
        return {**named, **self.interval.as_dict()}


_NAMES = ("model", "system", "scope", "kind", "cursor", "metric")


def hole_figures(
    ledgers: Sequence[Ledger], baselines: Ledger, threshold: float
) -> list[HoleFigure]:
    """Return every figure of some models and of the baselines on the same holes.

    Args:
        ledgers: One a model.
        baselines: Of ``run_baselines``.
        threshold: At which the pipeline shows something.
    """
    figures = []
    for ledger in (*ledgers, baselines):
        model = str(ledger.head.get("model", ""))
        records = list(ledger.records.values())
        for scope in sorted({record["scope"] for record in records}, reverse=True):
            inside = [record for record in records if record["scope"] == scope]
            for kind, cursor, those in _groups(inside):
                figures += _of_group(model, scope, kind, cursor, those, threshold)
    return figures


def differences(
    ledgers: Sequence[Ledger], baselines: Ledger, threshold: float
) -> list[HoleFigure]:
    """Return how far the first model is above each baseline and each other model, paired by file.

    ``model`` names the first model and what it is compared with.
    """
    if not ledgers:
        return []
    first, *others = ledgers
    name = str(first.head.get("model", ""))
    own = [record for record in first.records.values() if record["scope"] == SINGLE]
    pairs: list[tuple[str, str, list[Record], str]] = [
        (NGRAM, MODEL, list(baselines.records.values()), NGRAM),
        (NO_SUFFIX, MODEL, own, NO_SUFFIX),
    ]
    for other in others:
        their = [record for record in other.records.values() if record["scope"] == SINGLE]
        label = str(other.head.get("model", ""))
        pairs += [(label, MODEL, their, MODEL), (label, PIPELINE, their, PIPELINE)]
    figures = []
    for label, system, their, their_system in pairs:
        for kind, cursor, ours in _groups(own):
            if cursor != ALL:
                continue
            matched = [record for record in their if kind in {ALL, record["kind"]}]
            for metric, values in _metrics(threshold).items():
                if metric not in {"exact", "similarity", "right among shown"}:
                    continue
                apart = difference(values(ours, system), values(matched, their_system))
                if apart.mean is not None:
                    figures.append(
                        HoleFigure(f"{name} - {label}", system, SINGLE, kind, ALL, metric, apart)
                    )
    return figures


def precision_curve(ledger: Ledger, thresholds: Iterable[float]) -> list[dict[str, Any]]:
    """Return shown and right among shown at each threshold, for a plot and a choice."""
    records = [record for record in ledger.records.values() if record["scope"] == SINGLE]
    return [
        {
            "threshold": round(threshold, 3),
            "shown": share(_shown(records, PIPELINE, threshold)).as_dict(),
            "right among shown": share(_right_among_shown(records, PIPELINE, threshold)).as_dict(),
        }
        for threshold in thresholds
    ]


def _groups(records: Sequence[Record]) -> Iterable[tuple[str, str, list[Record]]]:
    yield ALL, ALL, list(records)
    for name, other in (("kind", "cursor"), ("cursor", "kind")):
        for value in sorted({str(record[name]) for record in records}):
            those = [record for record in records if record[name] == value]
            named = {name: value, other: ALL}
            yield named["kind"], named["cursor"], those


def _of_group(
    model: str, scope: str, kind: str, cursor: str, records: list[Record], threshold: float
) -> Iterable[HoleFigure]:
    for system in SYSTEMS:
        if not any(system in record["systems"] for record in records):
            continue
        for metric, values in _metrics(threshold).items():
            found = values(records, system)
            if found:
                yield HoleFigure(model, system, scope, kind, cursor, metric, share(found))


def _metrics(threshold: float) -> dict[str, Callable[[list[Record], str], Values]]:
    return {
        "exact": lambda records, system: _flags(records, system, "exact"),
        "first line": lambda records, system: _flags(records, system, "first_line"),
        "similarity": lambda records, system: _flags(records, system, "similarity"),
        "parses": lambda records, system: _flags(records, system, "parses"),
        "ended": lambda records, system: _flags(records, system, "ended"),
        "end found": lambda records, system: _flags(records, system, "end_found"),
        "shown": lambda records, system: _shown(records, system, threshold),
        "right among shown": lambda records, system: _right_among_shown(
            records, system, threshold
        ),
        "bits per character": _bits,
    }


def _flags(records: list[Record], system: str, name: str) -> Values:
    return [
        (record["file"], float(outcome[name]), 1.0)
        for record in records
        if (outcome := record["systems"].get(system)) and outcome.get(name) is not None
    ]


def _shown(records: list[Record], system: str, threshold: float) -> Values:
    return [
        (record["file"], float(_is_shown(outcome, threshold)), 1.0)
        for record in records
        if "score" in (outcome := record["systems"].get(system) or {})
    ]


def _right_among_shown(records: list[Record], system: str, threshold: float) -> Values:
    return [
        (record["file"], float(outcome["right"]), 1.0)
        for record in records
        if "score" in (outcome := record["systems"].get(system) or {})
        and _is_shown(outcome, threshold)
    ]


def _bits(records: list[Record], system: str) -> Values:
    return [
        (record["file"], float(outcome["bits"]), float(max(1, len(record["middle"]))))
        for record in records
        if (outcome := record["systems"].get(system)) and outcome.get("bits") is not None
    ]


def _is_shown(outcome: Record, threshold: float) -> bool:
    """Whether a candidate would be shown; one without a score (``random of k``) is."""
    if not outcome.get("shown"):
        return False
    score = outcome.get("score")
    return score is None or score >= threshold
