"""The study of score and threshold: offers at every key, resumable file by file, then the fit."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from codelsp import __version__
from codelsp.evaluation.at_once import at_once
from codelsp.evaluation.calibration import study
from codelsp.evaluation.figures import machine
from codelsp.evaluation.hole_run import ledger_file
from codelsp.evaluation.keystrokes import offers_in
from codelsp.evaluation.ledger import Ledger
from codelsp.evaluation.markdown import table
from codelsp.evaluation.typing_run import typing_tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from codelsp.evaluation.engines import Judged
    from codelsp.evaluation.source_files import SourceSet
    from codelsp.evaluation.typing_run import TypingPlan
    from codelsp.evaluation.typist import TypingTask


async def run_offers(
    judged: Judged,
    sources: SourceSet,
    plan: TypingPlan,
    folder: Path,
    tell: Callable[[int, int], None],
) -> Ledger:
    """Keep what is offered at every key of every file; what is in the ledger is not asked again.

    Raises:
        EngineError: the engine does not answer any more.
        EvaluationError: the ledger holds something else, or cannot be written.
    """
    head = {
        "codelsp": __version__,
        "measured": "offers",
        "sources": sources.digest,
        "n_files": plan.n_files,
        "model": judged.name,
        "model_sha256": judged.sha256,
    }
    ledger = Ledger.open(ledger_file(folder, "offers", judged.name), head)
    tasks = typing_tasks(sources, plan)
    left = [task for task in tasks if task.file.key not in ledger.records]

    async def work(task: TypingTask) -> None:
        ledger.put(task.file.key, await offers_in(judged, task))

    n_before = len(tasks) - len(left)
    await at_once(left, work, 4, lambda n: tell(n_before + n, len(tasks)))
    return ledger


def threshold_report(ledger: Ledger, wanted_right: float) -> dict[str, Any]:
    """Return what each threshold comes to, the fitted weights and the threshold to take."""
    found = study(list(ledger.records.values()), wanted_right)
    return {
        "measured": "threshold",
        "machine": machine(),
        "what": ledger.head,
        "wanted_right": wanted_right,
        "offers": found.n_offers,
        "scores": found.curves,
        "weights": asdict(found.weights),
        "threshold": found.recommended,
    }


def threshold_markdown(report: Mapping[str, Any]) -> str:
    """Return the page of a report of ``threshold_report``."""
    parts = [
        "## Show threshold\n",
        f"{report['what']['model']}, {report['offers']:,} offers at the keys of"
        f" {report['what']['n_files']} files; a typist takes what is right.\n",
    ]
    for name, points in report["scores"].items():
        rows = [
            [
                f"{point['threshold']:.2f}",
                _percent(point["shown"]),
                _percent(point["right among shown"]),
                _percent(point["keystrokes saved"]),
            ]
            for point in points
        ]
        head = ("threshold", "shown", "right among shown", "keystrokes saved")
        parts += [f"Score {name}:\n", table(head, rows)]
    threshold = report["threshold"]
    parts.append(
        f"For {report['wanted_right']:.0%} right among what is shown: threshold"
        f" {'none' if threshold is None else f'{threshold:.2f}'} with these weights of"
        " `ranking.py`, fitted on all of it:\n"
    )
    parts.append(table(("weight", ""), ([k, f"{v:.3f}"] for k, v in report["weights"].items())))
    return "\n".join(parts)


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"
