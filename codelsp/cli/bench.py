"""``codelsp bench``: latency on this machine, against a transcript of keystrokes."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from codelsp import __version__
from codelsp.cli.bench_engine import (
    EngineBenchOptions,
    KeptRun,
    engine_figures,
    measure_engine,
    plot_engine_run,
    refuse_plot_without_matplotlib,
    refuse_unwritable,
    show_engine_run,
)
from codelsp.cli.session import Invocation, effective_settings, make_console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from codelsp.evaluation.figures import Figure
    from codelsp.evaluation.latency import BenchOptions
    from codelsp.evaluation.samples import Samples
    from codelsp.settings import Settings

EXIT_OVER_BUDGET = 1


def bench(
    context: typer.Context,
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[engine|FILE...]",
            help="`engine` compares the torch engine with others; or files of the standard library"
            " to type; if none, json/decoder.py argparse.py.",
        ),
    ] = None,
    keys: Annotated[int, typer.Option(min=10, help="Keystrokes for each file.")] = 300,
    starts: Annotated[int, typer.Option(min=1, help="How often start-up is measured.")] = 5,
    model: Annotated[str | None, typer.Option(help="A model's name, folder or GGUF file.")] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write everything there.")
    ] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the README's section instead of a table.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 when a budget is not kept.")
    ] = False,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="With `engine`: draw it there.")
    ] = None,
    memory_keys: Annotated[
        int, typer.Option(min=20, help="With `engine`: keystrokes over which memory is watched.")
    ] = 2000,
) -> None:
    """Measure latency on this machine, over keystrokes typed into real files."""
    if files == ["engine"]:
        options = EngineBenchOptions(keys, memory_keys)
        _bench_engine(
            context.obj.with_options(model=model), options, json_file, plot, strict=strict
        )
        return
    from codelsp.evaluation.budgets import figures_of
    from codelsp.evaluation.latency import BenchOptions

    invocation: Invocation = context.obj.with_options(model=model)
    settings = effective_settings(invocation)
    typed = BenchOptions(n_keys=keys, n_starts=starts)
    if files:
        typed = BenchOptions(files=tuple(files), n_keys=keys, n_starts=starts)
    if json_file is not None:
        refuse_unwritable(json_file)
    samples, model_name = asyncio.run(_measured(typed, settings, invocation.overrides))
    figures = figures_of(samples)
    described = described_run(figures, typed, model_name)
    if json_file is not None:
        described["samples"] = samples.as_dict()
        json_file.write_text(json.dumps(described, indent=2) + "\n", "utf-8")
    console = make_console()
    if markdown:
        console.out(as_markdown(figures, described), highlight=False)
    else:
        _show(console, figures, described)
    if strict and not all(figure.is_met for figure in figures):
        raise typer.Exit(EXIT_OVER_BUDGET)


def _bench_engine(
    invocation: Invocation,
    options: EngineBenchOptions,
    json_file: Path | None,
    plot: Path | None,
    *,
    strict: bool,
) -> None:
    if plot is not None:
        refuse_plot_without_matplotlib()
    kept = KeptRun(json_file, options)
    with make_console(stderr=True).status("starting") as status:
        samples = measure_engine(options, effective_settings(invocation), kept, status.update)
    described = kept.keep(is_complete=True)
    figures = engine_figures(samples)
    if plot is not None:
        plot_engine_run(samples, plot)
    show_engine_run(make_console(), figures, described)
    measured = (figure for figure in figures if figure.value is not None)
    if strict and not all(figure.is_met for figure in measured):
        raise typer.Exit(EXIT_OVER_BUDGET)


async def _measured(
    options: BenchOptions, settings: Settings, overrides: dict[str, Any]
) -> tuple[Samples, str]:
    from codelsp.evaluation import bench_engine
    from codelsp.evaluation.latency import measure

    console = make_console(stderr=True)
    async with bench_engine.started(settings, overrides) as engine:
        with console.status("starting the engine") as status:
            samples = await measure(options, engine, status.update)
        return samples, engine.model_name


def described_run(
    figures: Sequence[Figure], options: BenchOptions, model_name: str
) -> dict[str, Any]:
    """Return what a reader needs to know of a run, and its figures."""
    from codelsp.evaluation.figures import machine

    return {
        "codelsp": __version__,
        "machine": machine(),
        "model": model_name,
        "files": list(options.files),
        "keys": options.n_keys,
        "figures": [figure.as_dict() for figure in figures],
    }


def _show(console: Console, figures: Sequence[Figure], described: dict[str, Any]) -> None:
    console.print(f"{described['model']} on {described['machine']}", markup=False)
    table = Table("measured", "figure", "budget", "", box=None, pad_edge=False)
    table.columns[1].justify = table.columns[2].justify = "right"
    for figure in figures:
        style = "green" if figure.is_met else "bold red"
        mark = "kept" if figure.is_met else "missed"
        table.add_row(figure.what, shown(figure), _budget(figure), f"[{style}]{mark}[/]")
        if figure.note:
            table.add_row(f"  {figure.note}", style="dim")
    console.print(table)


def shown(figure: Figure) -> str:
    """Return a figure with its unit, as exact as its size asks for."""
    if figure.value is None:
        return "not measured"
    digits = 0 if figure.value >= 100 or figure.unit == "tokens" else 1  # noqa: PLR2004  # of sight
    return f"{figure.value:.{digits}f} {figure.unit}"


def _budget(figure: Figure) -> str:
    return f"{'at least ' if figure.is_floor else ''}{figure.budget:g} {figure.unit}"


def as_markdown(figures: Sequence[Figure], described: dict[str, Any]) -> str:
    """Return the section of the README between its two ``bench`` comments."""
    rows = [
        f"| {figure.what} | {shown(figure)} | {_budget(figure)} | {figure.note} |"
        for figure in figures
    ]
    return "\n".join(
        [
            f"Measured by `codelsp bench --keys {described['keys']}` on"
            f" {described['machine']}, with {described['model']}.",
            "",
            "| what | measured | budget | |",
            "|---|---|---|---|",
            *rows,
        ]
    )
