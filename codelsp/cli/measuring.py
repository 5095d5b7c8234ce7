"""What the commands under ``codelsp evaluate`` share: options, models, bars, reports."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from codelsp.cli.session import Invocation, effective_settings, make_console, resumable
from codelsp.errors import EvaluationError
from codelsp.model_store.by_language import DEFAULT_LANGUAGE, for_language

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Sequence

    from codelsp.settings import Settings

Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model", help="A model's name, folder or GGUF file; again for one to compare with."
    ),
]
Output = Annotated[
    Path, typer.Option("--output", "-o", help="Folder for results; an interrupted run goes on.")
]
Fast = Annotated[bool, typer.Option("--fast", help="A quarter of the work, wider intervals.")]
Seed = Annotated[int, typer.Option(help="Which files and holes are drawn.")]
DEFAULT_OUTPUT = Path("evaluation")


@dataclass(frozen=True)
class Subject:
    """One model under the settings of the invocation."""

    settings: Settings
    overrides: dict[str, Any]


def subjects_of(
    invocation: Invocation,
    models: Sequence[str] | None,
    engine: str | None,
    language_id: str = DEFAULT_LANGUAGE,
) -> list[Subject]:
    """Return one subject for each of ``models``; without any, what answers in a language.

    Raises:
        EvaluationError: two of them have the same name, so that nobody could tell their figures
            apart.
    """
    found = []
    for model in models or (None,):
        own = invocation.with_options(model=model, engine=engine)
        found.append(Subject(for_language(effective_settings(own), language_id), own.overrides))
    _refuse_namesakes([each.settings for each in found])
    return found


def _refuse_namesakes(all_settings: Sequence[Settings]) -> None:
    from codelsp.engine.wanted import wanted_engine

    if len(all_settings) == 1 or all_settings[0].engine.startswith(("http://", "https://")):
        return
    names = Counter(wanted_engine(each).model.name for each in all_settings)
    for name, n in names.items():
        if n > 1:
            raise EvaluationError(
                f"{n} of these models are called {name}; give each a name of its own,"
                " `codelsp models add PATH --name NAME`, and measure them by that."
            )


def run_measuring(work: Coroutine[Any, Any, Any]) -> Any:
    """Run ``work``; Ctrl-C ends it with what was measured kept."""
    with resumable():
        return asyncio.run(work)


@contextlib.contextmanager
def progress(what: str, total: int | None) -> Iterator[Callable[[int, int], None]]:
    """Draw a bar while inside; what is given is told (done, of how many)."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=make_console(stderr=True)) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done, of: bar.update(task, completed=done, total=of)


def write_report(folder: Path, name: str, report: dict[str, Any], page: str) -> None:
    """Write a report as JSON, Markdown and pictures, and show the page."""
    from codelsp.evaluation import plots

    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(
        json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    (folder / f"{name}.md").write_text(page, encoding="utf-8")
    if plots.can_draw():
        _draw(report, folder, name)
    console = make_console()
    console.out(page, highlight=False)
    make_console(stderr=True).print(
        f"written: {folder / name}.json, {name}.md", markup=False, style="dim"
    )


def _draw(report: dict[str, Any], folder: Path, name: str) -> None:
    from codelsp.evaluation import plots, sample_plots

    draws = {
        "holes": plots.draw_holes_report,
        "threshold": plots.draw_threshold_report,
        "humaneval": sample_plots.draw_human_eval_report,
        "ranking": sample_plots.draw_ranking_report,
        "loss": sample_plots.draw_loss_report,
    }
    if name in draws:
        draws[name](report, folder)
