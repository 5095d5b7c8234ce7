"""``codelsp corpus problems`` and ``corpus docstrings``: tasks to train on, prompts not learned."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from codelsp.cli.measuring import progress, subjects_of
from codelsp.cli.options import EngineOption  # noqa: TC001  # typer reads annotations
from codelsp.cli.session import make_console, resumable
from codelsp.errors import EvaluationError

if TYPE_CHECKING:
    from rich.console import Console

    from codelsp.cli.session import Invocation
    from codelsp.evaluation.problem_work import ProblemWork
    from codelsp.evaluation.problems import Kept, SourcedProblem
    from codelsp.evaluation.sandbox import Sandbox

_TEMPERATURE = 0.8


def problems(
    context: typer.Context,
    sources: Annotated[
        list[Path],
        typer.Argument(help="Repositories with tests; JSON lines in HumanEval's or MBPP's form."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="File of problems.")] = Path(
        "problems.jsonl"
    ),
    samples: Annotated[
        int,
        typer.Option(min=0, help="Keep what one of so many samples solves; 0 asks no model."),
    ] = 0,
    model: Annotated[str | None, typer.Option(help="A model's name, folder or GGUF file.")] = None,
    engine: EngineOption = None,
) -> None:
    """Make problems of repositories' own tests, and of exercises, each proven in the sandbox."""
    from codelsp.evaluation.problem_work import ProblemWork
    from codelsp.evaluation.problems import write_problems
    from codelsp.evaluation.sandbox import Sandbox

    sandbox = Sandbox.find()
    work = ProblemWork(output, sandbox)
    console = make_console(stderr=True)
    with resumable():
        kept = _kept_of(work, sources, console)
        if samples and kept.problems:
            kept = asyncio.run(_solved(context.obj, kept, sandbox, samples, output, model, engine))
            _tell(f"solved by one of {samples} samples", kept)
    if not kept.problems:
        raise EvaluationError("No problem is left; nothing was written.")
    write_problems(kept.problems, output)
    work.finish()
    console.print(f"{len(kept.problems)} problems in {output}", markup=False)


def _kept_of(work: ProblemWork, sources: list[Path], console: Console) -> Kept:
    """Return the problems of all sources whose own solutions pass."""
    found: list[SourcedProblem] = []
    failures: list[str] = []
    for source in sources:
        if not source.exists():
            raise EvaluationError(f"{source} is not there.")
        try:
            own = work.problems_of(source)
        except EvaluationError as error:
            # The next repository's tests may do; what is wrong with all of them is an error.
            failures.append(str(error))
            console.print(f"left out: {error}", style="yellow", markup=False)
            continue
        _tell(str(source), own)
        found += own.problems
    if len(failures) == len(sources):
        raise EvaluationError(f"No problem was found. {failures[-1]}")
    with progress("proving", len(found)) as tell:
        kept = work.proven(found, lambda done: tell(done, len(found)))
    _tell("proven", kept)
    return kept


def docstrings(
    folders: Annotated[list[Path], typer.Argument(help="Repositories, each a folder.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="File of tasks.")] = Path(
        "docstrings.jsonl"
    ),
) -> None:
    """Make tasks of documented functions: the docstring after the body, as Codex-D learned it."""
    from codelsp.training.docstring_tasks import write_docstring_tasks

    n_tasks = write_docstring_tasks(folders, output)
    make_console(stderr=True).print(f"{n_tasks:,} functions in {output}", markup=False)


async def _solved(
    invocation: Invocation,
    kept: Kept,
    sandbox: Sandbox,
    n_samples: int,
    output: Path,
    model: str | None,
    engine: str | None,
) -> Kept:
    from codelsp.evaluation.engines import opened
    from codelsp.evaluation.human_eval_report import has_passed
    from codelsp.evaluation.human_eval_run import HumanEvalPlan, run_human_eval
    from codelsp.evaluation.problems import solved_by

    (subject,) = subjects_of(invocation, [model] if model else None, engine)
    plan = HumanEvalPlan(
        tuple(each.problem for each in kept.problems), sandbox, n_samples, (_TEMPERATURE,)
    )
    folder = output.with_name(output.name + ".samples")
    async with opened(subject.settings, spare_cores=1) as judged:
        with progress(judged.name, None) as tell:
            ledger = await run_human_eval(judged, plan, folder, tell)
    solved = {str(record["file"]) for record in ledger.records.values() if has_passed(record)}
    return solved_by(kept.problems, solved)


def _tell(what: str, kept: Kept) -> None:
    console = make_console(stderr=True)
    reasons = "; ".join(f"{n} {reason}" for reason, n in kept.left_out.items())
    console.print(
        f"{what}: {len(kept.problems)}" + (f" (left out: {reasons})" if reasons else ""),
        markup=False,
        highlight=False,
    )
