"""The report of the typing simulator: one dictionary for JSON, one page of Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from codelsp.evaluation.figures import machine
from codelsp.evaluation.markdown import percent, table
from codelsp.evaluation.typing_figures import TYPING_METRICS, typing_differences, typing_figures

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from codelsp.evaluation.ledger import Ledger


def typing_report(ledgers: Sequence[Ledger]) -> dict[str, Any]:
    """Return everything that is told of typing, as plain values."""
    return {
        "measured": "typing",
        "machine": machine(),
        "what": [ledger.head for ledger in ledgers],
        "models": [typing_figures(ledger) for ledger in ledgers],
        "differences": typing_differences(ledgers),
    }


def typing_markdown(report: Mapping[str, Any]) -> str:
    """Return the page of a report of ``typing_report``."""
    models = report["models"]
    heads = [str(model["model"]) for model in models]
    rows = [
        [name, *(percent(model["figures"][name]) for model in models)] for name in TYPING_METRICS
    ]
    times = [
        [
            f"reply, {what}",
            *(
                "-" if model["reply_ms"][name] is None else f"{model['reply_ms'][name]:.1f} ms"
                for model in models
            ),
        ]
        for name, what in (("p50", "median"), ("p95", "95th percentile"))
    ]
    parts = [
        "## Typing\n",
        f"{models[0]['keys']:,} keys in {models[0]['files']} files, through server and engine.\n",
        table(("", *heads), [*rows, *times]),
    ]
    if report["differences"]:
        parts += [
            "Differences, paired by file:\n",
            table(
                ("", "metric", "difference"),
                (
                    [each["model"], each["metric"], percent(each, signed=True)]
                    for each in report["differences"]
                ),
            ),
        ]
    return "\n".join(parts)
