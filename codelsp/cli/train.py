"""``codelsp train``: prepare rows, train, resume, branch off, and average checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console
    from rich.progress import Progress, TaskID

    from codelsp.training.monitor import Observer, StepReport
    from codelsp.training.recipe import Recipe
    from codelsp.training.validation import ValidationReport

app = typer.Typer(name="train", help="Train a model, or go on from a run's last checkpoint.")

_TUNE = "Fine-tuning"
_TUNING = (
    "batch_size", "dev_batch_size", "epochs", "lr", "warmup_ratio", "early_stop", "scheduler",
    "seed", "accumulation_steps", "evaluation_steps", "evaluation_windows", "weight_decay",
    "threads", "steps",
)  # fmt: skip
"""The options that only such a run has."""
_LINE_EVERY = 10
"""Steps between lines where there is no terminal to draw on."""


@app.command("prepare")
def prepare(
    corpus: Annotated[Path, typer.Argument(help="Folder of the corpus.")],
    tokenizer: Annotated[Path, typer.Option(help="tokenizer.json.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the rows.")],
    context: Annotated[int, typer.Option(help="Tokens in a row.")] = 512,
    seed: Annotated[
        int, typer.Option(help="Which holes are drawn; another one for each pass.")
    ] = 0,
    part: Annotated[
        tuple[float, float],
        typer.Option(min=0, max=1, help="Part of the documents, as two shares: 0.2 0.4."),
    ] = (0.0, 1.0),
    max_tokens: Annotated[int | None, typer.Option(help="Stop after so many tokens.")] = None,
    rules: Annotated[Path | None, typer.Option(help="JSON file of example rules.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    languages: Annotated[
        str, typer.Option(help="Language ids, separated by commas; all if none are named.")
    ] = "",
) -> None:
    """Turn both sides of a corpus into rows of token ids, with holes to fill."""
    from rich.console import Console
    from rich.progress import Progress

    from codelsp.training.holes import FILE, write_holes
    from codelsp.training.manifest import documents_of, load_manifest
    from codelsp.training.prepare import PreparePlan, of_languages, rules_from
    from codelsp.training.prepare import prepare as make_rows

    manifest = load_manifest(corpus)
    console = Console(stderr=True)
    wanted = frozenset(languages.split(",")) if languages else None
    for side in ("train", "validation") if manifest.validation_shards else ("train",):
        plan = PreparePlan(
            corpus,
            tokenizer,
            output,
            "train" if side == "train" else "validation",
            context,
            rules_from(rules, context),
            seed,
            part if side == "train" else (0.0, 1.0),
            max_tokens,
            workers,
            wanted,
        )
        with Progress(console=console) as bar:
            task = bar.add_task(f"{side} rows", total=None)
            made = make_rows(plan, _shown_on(bar, task))
        filled = made.n_tokens / max(1, made.n_rows * (made.row_length - 1))
        console.print(
            f"{side}: {made.n_rows:,} rows of {context} tokens, {made.n_tokens:,} tokens, "
            f"{filled:.1%} filled; {made.kinds}"
        )
    held_out = documents_of(corpus, manifest.validation_shards)
    n_holes = write_holes(of_languages(held_out, wanted), output / FILE)
    console.print(f"{n_holes} holes to look at while training")


@app.command("prepare-tasks")
def prepare_tasks(
    files: Annotated[
        list[Path], typer.Argument(help="JSON lines with prompt and canonical_solution.")
    ],
    tokenizer: Annotated[Path, typer.Option(help="tokenizer.json.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the rows.")],
    context: Annotated[int, typer.Option(help="Tokens in a row.")] = 512,
    validation_share: Annotated[
        float, typer.Option(min=0, max=0.5, help="Share of repositories held out.")
    ] = 0.1,
) -> None:
    """Turn tasks into rows whose prompts are read and not learned (Codex-S, Codex-D)."""
    from rich.console import Console

    from codelsp.training.tasks import TaskPlan
    from codelsp.training.tasks import prepare_tasks as make_rows

    made = make_rows(TaskPlan(tuple(files), tokenizer, output, context, validation_share))
    console = Console(stderr=True)
    for side, rows in made.items():
        console.print(
            f"{side}: {rows.n_documents:,} tasks of {len(rows.repositories)} repositories in"
            f" {rows.n_rows:,} rows of {context} tokens, {rows.n_tokens:,} tokens"
        )


def _shown_on(bar: Progress, task: TaskID) -> Callable[[int, int], None]:
    def show(n_documents: int, n_tokens: int) -> None:
        bar.update(task, description=f"{n_documents:,} files, {n_tokens:,} tokens")

    return show


@app.callback(invoke_without_command=True)
def run(
    context: typer.Context,
    recipe: Annotated[Path | None, typer.Option(help="Recipe, a TOML file.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder of the run.")
    ] = None,
    max_seconds: Annotated[
        float | None, typer.Option(help="Stop after so long; resumable.")
    ] = None,
    max_steps: Annotated[int | None, typer.Option(help="Stop after so many steps.")] = None,
    size: Annotated[str | None, typer.Option(help="Another size than the recipe's.")] = None,
    total: Annotated[float | None, typer.Option(help="Another end of the schedule.")] = None,
    decay: Annotated[float | None, typer.Option(help="Another length of its decay.")] = None,
    branch_from: Annotated[
        Path | None, typer.Option(help="Start from this checkpoint of another run.")
    ] = None,
    low_priority: Annotated[bool, typer.Option(help="Give way to everything else.")] = False,
    base: Annotated[
        str | None,
        typer.Option(
            help="Fine-tune this: distilgpt2, gpt2, store, folder; if none, codelsp's own.",
            rich_help_panel=_TUNE,
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder of `corpus convert`.", rich_help_panel=_TUNE)
    ] = None,
    batch_size: Annotated[
        int, typer.Option(min=1, help="Windows at once.", rich_help_panel=_TUNE)
    ] = 4,
    dev_batch_size: Annotated[
        int, typer.Option(min=1, help="The same, when measuring.", rich_help_panel=_TUNE)
    ] = 8,
    epochs: Annotated[
        float, typer.Option(help="Passes over the windows.", rich_help_panel=_TUNE)
    ] = 16,
    lr: Annotated[float, typer.Option(help="Highest learning rate.", rich_help_panel=_TUNE)] = 2e-5,
    warmup_ratio: Annotated[
        float, typer.Option(help="Share of the run that warms up.", rich_help_panel=_TUNE)
    ] = 0.2,
    early_stop: Annotated[
        int,
        typer.Option(
            min=0,
            help="End after so many evaluations without a better perplexity; 0: never.",
            rich_help_panel=_TUNE,
        ),
    ] = 20,
    scheduler: Annotated[
        str,
        typer.Option(
            help="constantlr, warmupconstant, warmuplinear, warmupcosine.", rich_help_panel=_TUNE
        ),
    ] = "warmuplinear",
    seed: Annotated[int, typer.Option(help="Order and dropout.", rich_help_panel=_TUNE)] = 122,
    accumulation_steps: Annotated[
        int, typer.Option(min=1, help="Batches a step learns from.", rich_help_panel=_TUNE)
    ] = 1,
    evaluation_steps: Annotated[
        int, typer.Option(min=1, help="Steps between evaluations.", rich_help_panel=_TUNE)
    ] = 200,
    evaluation_windows: Annotated[
        int, typer.Option(min=1, help="Held-out windows that are measured.", rich_help_panel=_TUNE)
    ] = 1000,
    weight_decay: Annotated[float, typer.Option(help="Of AdamW.", rich_help_panel=_TUNE)] = 0.01,
    threads: Annotated[
        int, typer.Option(min=0, help="CPU threads; 0: torch's.", rich_help_panel=_TUNE)
    ] = 0,
    steps: Annotated[
        int,
        typer.Option(min=0, help="Length of the run, instead of epochs.", rich_help_panel=_TUNE),
    ] = 0,
    wandb_project: Annotated[
        str | None, typer.Option(help="Send figures to this project of Weights & Biases.")
    ] = None,
) -> None:
    """Train a model, fine-tune one with --base, or go on from a run's last checkpoint."""
    if context.invoked_subcommand is not None:
        return
    if recipe is None and data is not None and output is not None:
        from codelsp.training.fine_tuning import FineTuning, tuning_recipe

        tuning = FineTuning(
            base or "", data, batch_size, dev_batch_size, epochs, lr, warmup_ratio, early_stop,
            scheduler, seed, accumulation_steps, evaluation_steps, evaluation_windows, weight_decay,
            threads, steps,
        )  # fmt: skip
        recipe = tuning_recipe(tuning, output)
    else:
        _refuse_tuning(context)
    if recipe is None or output is None:
        raise typer.BadParameter("--recipe and --output are needed; or name a command, see --help")
    from dataclasses import replace

    from rich.console import Console

    from codelsp.training.devices import is_first_process
    from codelsp.training.loop import Run
    from codelsp.training.recipe import read_recipe
    from codelsp.training.session import Limits, lower_priority

    if low_priority:
        lower_priority()
    plan = read_recipe(recipe)
    schedule = plan.schedule
    schedule = replace(
        schedule,
        total=schedule.total if total is None else total,
        decay=schedule.decay if decay is None else decay,
    )
    plan = replace(plan, size=size or plan.size, schedule=schedule)
    if branch_from is not None:
        _branch(branch_from, output)
    display = Display(Console(stderr=True), schedule.total)
    training = Run(plan, output, _observers(display, output, wandb_project, plan))
    with display:
        training.train(
            Limits(
                max_seconds if max_seconds is not None else float("inf"),
                max_steps if max_steps is not None else 2**62,
            )
        )
    if plan.cadence.validate_steps and is_first_process():
        from codelsp.training.fine_tuning import write_best

        folder, state = write_best(output), training.state
        display.on_note(
            f"{folder}: the model of step {state.best_step or state.step:,}; talk to it with"
            f" `codelsp interact --model {folder}`"
        )


def _refuse_tuning(context: typer.Context) -> None:
    """See that no option of fine-tuning was given to a run of a recipe, which says all of it."""
    if context.params["base"] is not None or context.params["data"] is not None:
        raise typer.BadParameter("--base goes with --data and --output, and without --recipe")
    sources = ((name, context.get_parameter_source(name)) for name in _TUNING)
    given = [
        "--" + name.replace("_", "-")
        for name, source in sources
        if source is not None and source.name == "COMMANDLINE"
    ]
    if given:
        raise typer.BadParameter(
            f"{', '.join(given)}: for fine-tuning with --data; in a run with --recipe the recipe"
            " says it"
        )


def _observers(
    display: Display, output: Path, wandb_project: str | None, plan: Recipe
) -> list[Observer]:
    from codelsp.training.devices import is_first_process

    if wandb_project is None or not is_first_process():
        return [display]
    from codelsp.training.monitor import WeightsAndBiases

    return [display, WeightsAndBiases(output, wandb_project, plan.facts())]


@app.command("average")
def average(
    run_folder: Annotated[Path, typer.Argument(help="Folder of the run.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Hugging Face folder to write.")],
    last: Annotated[int, typer.Option(min=1, help="Number of checkpoints.")] = 6,
) -> None:
    """Write the mean of a run's last checkpoints as a model."""
    from codelsp.training.average import average as write_mean
    from codelsp.training.checkpoint import checkpoints_in

    write_mean(checkpoints_in(run_folder)[-last:], output)


@app.command("validate")
def validate(
    models: Annotated[
        list[str], typer.Argument(help="Hugging Face folders or names; checkpoints are such.")
    ],
    rows: Annotated[Path, typer.Option(help="Folder of prepared rows with a held-out side.")],
    tokenizer: Annotated[Path, typer.Option(help="tokenizer.json.")],
    n_rows: Annotated[int, typer.Option("--rows-used", help="Rows to measure on.")] = 256,
    n_holes: Annotated[int, typer.Option("--holes", help="Holes to fill, in each order.")] = 128,
    threads: Annotated[int, typer.Option(help="CPU threads; 0 leaves it to torch.")] = 0,
) -> None:
    """Measure models on the held-out side of prepared rows, all on the same rows and holes."""
    from rich.console import Console

    from codelsp.model_store.hub import transformers_folder
    from codelsp.training.assembly import held_out, model_in
    from codelsp.training.devices import Machine
    from codelsp.training.devices import threads as limited

    validator = held_out(rows, tokenizer, n_rows, n_holes)
    machine, console = Machine(), Console()
    with limited(threads):
        for name in models:
            folder = Path(name) if Path(name).is_dir() else transformers_folder(name)
            model = model_in(folder, validator.tokenizer)
            report = validator.measure(model.to(machine.device), machine)
            console.print(f"[bold]{name}[/]: {figures(report)}", highlight=False, soft_wrap=True)


@app.command("pack")
def pack(
    model: Annotated[Path, typer.Argument(help="Hugging Face folder, or a checkpoint.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the pieces.")],
    piece_mb: Annotated[float, typer.Option(help="Size of a piece, MiB.")] = 15.0,
) -> None:
    """Split a model into small files, its weights in bf16."""
    from codelsp.training.pieces import pack as write_pieces

    write_pieces(model, output, int(piece_mb * 2**20))


@app.command("unpack")
def unpack(
    pieces: Annotated[Path, typer.Argument(help="Folder of the pieces.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Hugging Face folder to write.")],
) -> None:
    """Join the pieces of a model."""
    from codelsp.training.pieces import unpack as join_pieces

    join_pieces(pieces, output)


def _branch(checkpoint: Path, output: Path) -> None:
    """Begin a run with a copy of a checkpoint, unless the run has begun already."""
    import shutil

    from codelsp.training.checkpoint import checkpoints_in, read_state

    read_state(checkpoint)
    if not checkpoints_in(output):
        shutil.copytree(checkpoint, output / checkpoint.name)


def figures(report: ValidationReport) -> str:
    """Return what was measured on held-out rows and holes, in one line."""
    return (
        f"perplexity {report.perplexity:.2f}, "
        f"{report.nats_per_token:.3f} nats a token, {report.bits_per_character:.3f} bits a "
        f"character, end token found {report.end_recall:.1%}; of {report.n_holes} holes exact "
        f"{report.spm_exact:.1%} SPM, {report.psm_exact:.1%} PSM; ended "
        f"{report.spm_ended:.0%} SPM, {report.psm_ended:.0%} PSM"
    )


class Display:
    """A run on the terminal: one live line, or a plain line now and then."""

    def __init__(self, console: Console, total: float) -> None:
        from rich.live import Live

        self._console, self._total = console, total
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None

    def __enter__(self) -> Display:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def on_step(self, report: StepReport) -> None:
        """Show a step."""
        line = (
            f"step {report.step:,}  {report.tokens / 1e6:.2f} M tokens  loss {report.loss:.3f}  "
            f"norm {report.norm:.2f}  rate {report.factor:.2f}  "
            f"{report.tokens_per_second:,.0f} tokens/s  MFU {report.utilization:.0%}"
        )
        if self._live is not None:
            self._live.update(line, refresh=True)
        elif report.step % _LINE_EVERY == 0:
            self._console.print(line, highlight=False)

    def on_validation(self, step: int, tokens: int, report: ValidationReport) -> None:
        """Show a validation."""
        self._console.print(
            f"[bold]held out[/] at step {step:,}, {tokens / 1e6:.2f} M tokens: {figures(report)}",
            highlight=False,
        )

    def on_note(self, text: str) -> None:
        """Show a note."""
        self._console.print(text, style="yellow", highlight=False)
