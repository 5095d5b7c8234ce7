"""``codelsp adapt``: tune the model on a repository of the user's, and use it there if it helps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from codelsp.cli.session import EXIT_INTERRUPTED, effective_settings, make_console

if TYPE_CHECKING:
    from codelsp.adaptation.adapt import Outcome
    from codelsp.adaptation.partition import Partition
    from codelsp.adaptation.repository import RepositoryFiles
    from codelsp.training.monitor import StepReport

EXIT_NOT_BETTER = 1
_LORA_RANK = 16
_LINE_EVERY = 10
"""Steps between lines where there is no terminal to draw on."""


def adapt(
    context: typer.Context,
    folder: Annotated[
        Path | None, typer.Argument(help="The repository; this folder if none is named.")
    ] = None,
    lora: Annotated[
        bool, typer.Option("--lora", help="Train low-rank adapters instead of the whole model.")
    ] = False,
    rank: Annotated[int, typer.Option(min=1, max=512, help="Of the adapters.")] = _LORA_RANK,
    model: Annotated[
        str | None,
        typer.Option(
            help="Tune this one, of the store or a folder, and try it against the one that answers"
            " now; else that one itself is tuned."
        ),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(
            help="Adapt to what one model answers in: the one of this language (python, typescript"
            " ...), else the one of most of the code."
        ),
    ] = None,
    minutes: Annotated[
        float, typer.Option(min=0.05, help="Of training at most; pauses do not count.")
    ] = 15.0,
    epochs: Annotated[
        float, typer.Option(min=0.1, max=32, help="How often each file is learned from at most.")
    ] = 4.0,
    files: Annotated[int, typer.Option(min=4, help="Held-out files that are typed at most.")] = 24,
    threads: Annotated[int, typer.Option(min=0, help="CPU threads; 0 tries what is faster.")] = 0,
    when_idle: Annotated[
        bool,
        typer.Option(
            "--when-idle", help="Work only while nobody completes code and the machine is idle."
        ),
    ] = False,
    status: Annotated[
        bool, typer.Option("--status", help="Say what is in force here, and what is unfinished.")
    ] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="Take the adapted model back: the one before is used.")
    ] = False,
    forget: Annotated[bool, typer.Option("--forget", help="Throw unfinished work away.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --status: as JSON.")] = False,
) -> None:
    """Tune the model on a repository of your own, and use it there if it completes better."""
    root = (folder or Path()).resolve()
    if status:
        _show_status(root, as_json=as_json)
    elif undo:
        _undo(root)
    elif forget:
        _forget(root)
    else:
        from codelsp.adaptation.idleness import Idleness
        from codelsp.adaptation.plan import AdaptPlan

        settings = effective_settings(context.obj, root if root.is_dir() else None)
        plan = AdaptPlan(
            root,
            model or "",
            language=language or "",
            lora_rank=rank if lora else 0,
            minutes=minutes,
            epochs=epochs,
            n_files=files,
            threads=threads,
        )
        _adapt(plan, settings, Idleness() if when_idle else None)


def _adapt(plan: Any, settings: Any, idleness: Any) -> None:
    from codelsp.adaptation.adapt import adapt as work_on
    from codelsp.training.session import lower_priority

    lower_priority()
    display = _Display()
    try:
        with display:
            outcome = work_on(plan, settings, display, idleness)
    except KeyboardInterrupt:
        outcome = None
    if outcome is None or not outcome.is_finished:
        make_console(stderr=True).print(
            "Interrupted; nothing was changed, and the same command goes on from here.",
            style="yellow",
        )
        raise typer.Exit(EXIT_INTERRUPTED)
    _tell(outcome)
    if outcome.model is None:
        raise typer.Exit(EXIT_NOT_BETTER)


def _tell(outcome: Outcome) -> None:
    console, trial = make_console(), outcome.trial
    assert trial is not None  # noqa: S101  a finished one
    report = trial.as_dict()
    console.print(_figures_line(report), markup=False)
    if outcome.model is not None:
        console.print(
            f"Adopted: {outcome.model.name} is used in this workspace from now on, in the place of"
            f" {outcome.in_place_of}; editors take it when they start codelsp or open a file."
            " `codelsp adapt --undo` takes it back.",
            markup=False,
        )
    else:
        console.print(
            "Not adopted: on files it has not seen it is not better beyond doubt. The model you had"
            " stays, nothing was changed.",
            markup=False,
        )


def _figures_line(report: dict[str, Any]) -> str:
    old, new = (report[side]["keystrokes saved"] for side in ("old", "new"))
    right = [report[side]["right among shown"]["mean"] or 0.0 for side in ("old", "new")]
    apart = report["difference"]
    return (
        f"Keystrokes saved on {apart['files']} held-out files: {old['mean']:.1%} before,"
        f" {new['mean']:.1%} after; {apart['mean']:+.1%} (95 % interval {apart['low']:+.1%} to"
        f" {apart['high']:+.1%}). Right among shown: {right[0]:.1%} before, {right[1]:.1%} after."
    )


def _show_status(root: Path, *, as_json: bool) -> None:
    from codelsp.adaptation.plan import Work
    from codelsp.model_store.adapted import adaptation_dir, read_adaptations, work_dir

    active = {each.base: each.active for each in read_adaptations(root) if each.active is not None}
    stage = Work(work_dir(root)).stage()
    last = _last_trial(root)
    console = make_console()
    if as_json:
        names = {base: version.name for base, version in active.items()}
        facts = {"root": str(root), "active": names, "unfinished": stage or None}
        console.out(json.dumps({**facts, "last_trial": last}, indent=1), highlight=False)
        return
    if not active:
        console.print(f"{root}: no adapted model is in force.", markup=False)
    for base, version in active.items():
        console.print(
            f"{root}: {version.name} is in force in the place of {base}, since {version.adopted};"
            f" it lies in {adaptation_dir(root) / version.name}.",
            markup=False,
        )
        console.print(_figures_line(version.report), markup=False)
    if stage:
        console.print(f"Unfinished work: {stage}; the same command goes on.", markup=False)
    if last is not None and not last["is_better"]:
        console.print(f"Last try, {last['when']}, not adopted. {_figures_line(last)}", markup=False)


def _last_trial(root: Path) -> dict[str, Any] | None:
    from codelsp.model_store.adapted import last_trial

    return last_trial(root)


def _undo(root: Path) -> None:
    from codelsp.model_store.adapted import undo

    left = undo(root)
    name = left.active.name if left.active else left.base
    make_console().print(
        f"Taken back: {name} is used in this workspace again, once editors start codelsp or open"
        " a file.",
        markup=False,
    )


def _forget(root: Path) -> None:
    from codelsp.adaptation.plan import forget

    was_there = forget(root)
    said = "Unfinished work was thrown away." if was_there else "There is no unfinished work."
    make_console().print(said, markup=False)


class _Display:
    """The work on the terminal: a bar for what goes on, or a line now and then."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._console = make_console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("", total=None)
        self._waiting_for = ""

    def __enter__(self) -> _Display:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def stage(self, text: str) -> None:
        """Show what begins."""
        self._console.print(text, style="dim", markup=False)
        self._bar.update(self._task, description=text, total=None, completed=0)

    def files(self, model: str, in_place_of: str, found: RepositoryFiles, sides: Partition) -> None:
        """Show what is adapted, and to what."""
        languages = ", ".join(
            f"{name} {n / found.n_characters:.0%}" for name, n in found.languages.items()
        )
        instead = "" if model == in_place_of else f" in the place of {in_place_of}"
        self._console.print(f"{model}{instead}, to {languages}", markup=False)
        said = (
            f"{len(sides.train)} files to learn from, {len(sides.held_out)} held out",
            f"{found.n_characters:,} characters",
            f"{found.n_redacted} addresses and secrets taken out",
            *(f"{n} left out: {reason}" for reason, n in found.left_out.items()),
        )
        self._console.print("; ".join(said), markup=False)

    def step(self, report: StepReport, seconds: float) -> None:
        """Show a step."""
        self._waiting_for = ""
        line = (
            f"step {report.step}, {report.tokens:,} tokens, loss {report.loss:.3f},"
            f" {report.tokens_per_second:,.0f} tokens/s"
        )
        self._bar.update(
            self._task, description=line, total=seconds, completed=min(report.seconds, seconds)
        )
        if not self._console.is_terminal and report.step % _LINE_EVERY == 0:
            self._console.print(f"{line}, {report.seconds:.0f} of {seconds:.0f} s", markup=False)

    def typed(self, label: str, n_done: int, n_all: int) -> None:
        """Show a file that was typed."""
        self._waiting_for = ""
        what = f"typing with the {label} model"
        self._bar.update(self._task, description=what, total=n_all, completed=n_done)
        if not self._console.is_terminal:
            self._console.print(f"{what}: {n_done} of {n_all} files", markup=False)

    def waiting(self, reason: str) -> None:
        """Show why nothing is done."""
        self._bar.update(self._task, description=f"waiting: {reason}")
        kind = reason.split(" ", maxsplit=1)[0]
        if kind != self._waiting_for:
            self._waiting_for = kind
            self._console.print(f"waiting: {reason}", style="dim", markup=False)
