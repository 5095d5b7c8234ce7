"""The report on HumanEval-Infilling: one dictionary for JSON, one page of Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from codelsp.evaluation.figures import machine
from codelsp.evaluation.human_eval import InfillingKind
from codelsp.evaluation.intervals import difference, mean
from codelsp.evaluation.markdown import percent, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from codelsp.evaluation.ledger import Ledger

_METRICS = ("exact", "passed", "similarity", "bleu", "parses", "ended", "overlaps", "repeats")
_NGRAM = "n-gram cache"


def infilling_report(ledgers: Sequence[Ledger], baselines: Ledger) -> dict[str, Any]:
    """Return everything that is told of infilling, as plain values; intervals are over problems."""
    named = [(str(ledger.head["model"]), ledger) for ledger in ledgers]
    return {
        "measured": "infilling",
        "machine": machine(),
        "what": [ledger.head for ledger in ledgers],
        "figures": [
            {"model": model, "kind": kind.value, "metric": metric, **found}
            for model, ledger in [*named, (_NGRAM, baselines)]
            for kind in InfillingKind
            for metric in _METRICS
            if (found := _figure(ledger, kind, metric)) is not None
        ],
        "differences": _differences([*named, (_NGRAM, baselines)]),
    }


def infilling_markdown(report: Mapping[str, Any]) -> str:
    """Return the page of a report of ``infilling_report``."""
    tasks = report["what"][0]["tasks"]
    figures = {(f["model"], f["kind"], f["metric"]): f for f in report["figures"]}
    models = list(dict.fromkeys(f["model"] for f in report["figures"]))
    counted = ", ".join(f"{n:,} of {kind}" for kind, n in tasks.items())
    parts = ["## HumanEval-Infilling\n", f"Tasks: {counted}; greedy, one answer a task.\n"]
    for kind in tasks:
        parts += [
            f"{kind}:\n",
            table(
                ("", *_METRICS),
                (
                    [m, *(percent(figures.get((m, kind, metric))) for metric in _METRICS)]
                    for m in models
                ),
            ),
        ]
    rows = [
        [each["model"], each["kind"], each["metric"], percent(each, signed=True)]
        for each in report["differences"]
    ]
    parts += [
        "Differences, paired by problem:\n",
        table(("", "task", "metric", "difference"), rows),
    ]
    return "\n".join(parts)


def _values(ledger: Ledger, kind: InfillingKind, metric: str) -> list[tuple[str, float]]:
    return [
        (record["file"], float(record[metric]))
        for record in ledger.records.values()
        if record["kind"] == kind.value and record.get(metric) is not None
    ]


def _figure(ledger: Ledger, kind: InfillingKind, metric: str) -> dict[str, Any] | None:
    values = _values(ledger, kind, metric)
    return mean(values).as_dict() if values else None


def _differences(named: Sequence[tuple[str, Ledger]]) -> list[dict[str, Any]]:
    (first, ours), *others = named
    found = []
    for name, theirs in others:
        for kind in InfillingKind:
            for metric in ("exact", "passed"):
                apart = difference(
                    [(file, value, 1.0) for file, value in _values(ours, kind, metric)],
                    [(file, value, 1.0) for file, value in _values(theirs, kind, metric)],
                )
                if apart.mean is not None:
                    label = {"model": f"{first} - {name}", "kind": kind.value, "metric": metric}
                    found.append({**label, **apart.as_dict()})
    return found
