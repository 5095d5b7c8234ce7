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
_COMPARED = ("exact", "similarity", "right among shown")
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
    figures: list[HoleFigure] = []
    for ledger in (*ledgers, baselines):
        model = str(ledger.head.get("model", ""))
        records = list(ledger.records.values())
        for scope in sorted({record["scope"] for record in records}, reverse=True):
            inside = [record for record in records if record["scope"] == scope]
            for group in _groups(inside):
                figures += _of_group(model, scope, group, threshold)
    return figures


def differences(ledgers: Sequence[Ledger], baselines: Ledger, threshold: float) -> list[HoleFigure]:
    """Return how far the first model is above each baseline and each other model, paired by file.

    ``model`` names the first model and what it is compared with.
    """
    if not ledgers:
        return []
    first, *others = ledgers
    own = _single(first)
    pairs = [
        (NGRAM, MODEL, list(baselines.records.values()), NGRAM),
        (NO_SUFFIX, MODEL, own, NO_SUFFIX),
    ]
    for other in others:
        label = str(other.head.get("model", ""))
        pairs += [(label, system, _single(other), system) for system in (MODEL, PIPELINE)]
    name = str(first.head.get("model", ""))
    return [
        HoleFigure(f"{name} - {label}", system, SINGLE, kind, ALL, metric, apart)
        for label, system, theirs, their_system in pairs
        for kind, metric, apart in _apart((own, system), (theirs, their_system), threshold)
    ]


def _apart(
    ours: tuple[list[Record], str], theirs: tuple[list[Record], str], threshold: float
) -> Iterable[tuple[str, str, Interval]]:
    """Yield the paired differences of two systems, for each kind of hole and compared metric."""
    kinds = (ALL, *sorted({str(record["kind"]) for record in ours[0]}))
    for kind in kinds:
        for metric in _COMPARED:
            values = _metrics(threshold)[metric]
            one, other = (
                values([each for each in records if kind in {ALL, each["kind"]}], system)
                for records, system in (ours, theirs)
            )
            apart = difference(one, other)
            if apart.mean is not None:
                yield kind, metric, apart


def _single(ledger: Ledger) -> list[Record]:
    return [record for record in ledger.records.values() if record["scope"] == SINGLE]


def precision_curve(ledger: Ledger, thresholds: Iterable[float]) -> list[dict[str, Any]]:
    """Return shown and right among shown at each threshold, for a plot and a choice."""
    records = _single(ledger)
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
    model: str, scope: str, group: tuple[str, str, list[Record]], threshold: float
) -> Iterable[HoleFigure]:
    kind, cursor, records = group
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
        "right among shown": lambda records, system: _right_among_shown(records, system, threshold),
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
