"""``codelsp corpus``: build a training corpus from repositories, folders and archives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from codelsp.cli import corpus_tasks
from codelsp.cli.convert import convert
from codelsp.cli.stream import stream
from codelsp.errors import CorpusError

if TYPE_CHECKING:
    from rich.console import Console

    from codelsp.training.corpus import CorpusPlan
    from codelsp.training.manifest import CorpusManifest
    from codelsp.training.sources import Source

app = typer.Typer(name="corpus", help="Make and look at training corpora.", no_args_is_help=True)
app.command("problems")(corpus_tasks.problems)
app.command("docstrings")(corpus_tasks.docstrings)
app.command("convert")(convert)
app.command("stream")(stream)


@app.command("build")
def build(
    sources: Annotated[
        list[str] | None, typer.Argument(help="Repositories, folders, archives: [NAME=]PATH.")
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the corpus.")] = Path(
        "corpus"
    ),
    manifest: Annotated[
        Path | None,
        typer.Option(help="JSON list of repositories with repo, commit and licence, all checked."),
    ] = None,
    mirrors: Annotated[
        Path | None, typer.Option(help="Folder with the manifest's repositories: owner+name/.")
    ] = None,
    languages: Annotated[
        str, typer.Option(help="Language ids, separated by commas.")
    ] = "python,javascript,typescript,java,c,cpp,go,rust",
    licenses: Annotated[
        str, typer.Option(help="Allowed licenses, SPDX names.")
    ] = "MIT,BSD-2-Clause,BSD-3-Clause,Apache-2.0,ISC,PSF-2.0",
    exclude_hashes: Annotated[
        Path | None,
        typer.Option(help="File of SHA-256 of owner/name (lower case) that must stay out."),
    ] = None,
    decontaminate: Annotated[
        bool, typer.Option(help="Leave out files that share 13 words with HumanEval.")
    ] = True,
    humaneval: Annotated[Path | None, typer.Option(help="HumanEval tasks, JSON lines.")] = None,
    max_repository_mb: Annotated[float, typer.Option(help="Cap of a repository, MB.")] = 10.0,
    test_share: Annotated[float, typer.Option(min=0, max=1, help="Share of tests kept.")] = 0.2,
    validation_share: Annotated[
        float, typer.Option(min=0, max=0.5, help="Share of repositories held out.")
    ] = 0.04,
    workers: Annotated[int, typer.Option(min=1, help="Processes that read sources.")] = 1,
    executor: Annotated[
        str | None,
        typer.Option(help="Build as a datatrove pipeline: local, slurm or ray."),
    ] = None,
    tasks: Annotated[int, typer.Option(min=1, help="Of an executor: parts of the first pass.")] = 8,
    executor_option: Annotated[
        list[str] | None,
        typer.Option(help="Of an executor: KEY=VALUE, such as partition=cpu or time=2:00:00."),
    ] = None,
) -> None:
    """Filter, clean, deduplicate and split sources into a corpus, with provenance."""
    from rich.console import Console

    from codelsp.training.contamination import Contamination
    from codelsp.training.corpus import CorpusPlan, build_corpus
    from codelsp.training.filters import FileLimits
    from codelsp.training.sources import source_at
    from codelsp.training.split import reserved_names
    from codelsp.training.staging import StagingRules

    found = [source_at(spec) for spec in sources or []]
    if manifest is not None:
        found += _listed_sources(manifest, mirrors or manifest.parent)
    if not found:
        raise CorpusError("no source was named; give paths, or --manifest with --mirrors")
    plan = CorpusPlan(
        tuple(found),
        output,
        StagingRules(
            FileLimits(frozenset(languages.split(",")), test_share=test_share),
            frozenset(licenses.split(",")),
            Contamination.of_humaneval(humaneval) if decontaminate else None,
        ),
        max_repository_bytes=int(max_repository_mb * 1e6),
        validation_share=validation_share,
        reserved=reserved_names(exclude_hashes) if exclude_hashes else frozenset(),
        workers=workers,
    )
    console = Console(stderr=True)
    if executor is not None:
        _run_on(executor, plan, tasks, executor_option or [], console)
        return
    with _progress(console) as told:
        built = build_corpus(plan, told)
    show_statistics(built, console)


def _run_on(
    executor: str, plan: CorpusPlan, tasks: int, options: list[str], console: Console
) -> None:
    """Build on an executor; what it hands to a cluster's queue is not waited for."""
    from codelsp.training.cluster import corpus_executor
    from codelsp.training.manifest import MANIFEST, load_manifest

    pairs = [option.partition("=") for option in options]
    wrong = [key for key, separator, _ in pairs if not separator]
    if wrong:
        raise CorpusError(f"--executor-option {wrong[0]}: write it as KEY=VALUE")
    values = {key: int(value) if value.isdigit() else value for key, _, value in pairs}
    file = plan.output / MANIFEST
    before = file.stat().st_mtime_ns if file.is_file() else None
    corpus_executor(plan, executor, tasks, values).run()
    if file.is_file() and file.stat().st_mtime_ns != before:
        show_statistics(load_manifest(plan.output), console)
    else:
        console.print(f"The jobs are in the queue; {file} is there at the end.")


@app.command("fingerprints")
def fingerprints(
    corpus: Annotated[Path, typer.Argument(help="Folder of the corpus.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File to write: public-code.fuse.")
    ] = Path("public-code.fuse"),
) -> None:
    """Write an index of the corpus's code, by which suggestions are checked for copies of it."""
    from rich.console import Console
    from rich.progress import Progress

    from codelsp.training.public_code import index_corpus

    console = Console(stderr=True)
    with Progress(console=console) as bar:
        task = bar.add_task("reading", total=None)
        made = index_corpus(
            corpus,
            output,
            lambda n, tokens: bar.update(task, description=f"{n:,} files, {tokens:,} tokens"),
        )
    console.print(
        f"{output}: {made.n_runs:,} runs of {made.n_tokens:,} tokens in {made.n_documents:,} files,"
        f" {made.n_bytes / 1e6:.1f} MB; {made.n_common:,} runs that many repositories share are"
        " left out",
        highlight=False,
    )


@app.command("show")
def show(folder: Annotated[Path, typer.Argument(help="Folder of the corpus.")]) -> None:
    """Show what a corpus holds and what was left out."""
    from rich.console import Console

    from codelsp.training.manifest import load_manifest

    show_statistics(load_manifest(folder), Console())


def _listed_sources(manifest: Path, mirrors: Path) -> list[Source]:
    """Return the sources of a manifest that are there; its licenses count as checked."""
    from codelsp.training.sources import Source, git_directory

    try:
        entries = json.loads(manifest.read_text(encoding="utf-8"))
        listed = [(entry["repo"], entry["commit"], entry["licence"]) for entry in entries]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorpusError(f"{manifest} is no list of repositories: {error}") from error
    found = []
    for name, commit, license_name in listed:
        folder = mirrors / name.replace("/", "+")
        for path in (folder / "repo", folder):
            if git_directory(path) is not None:
                found.append(Source(name, path, commit, license_name))
                break
    return found


class _progress:  # noqa: N801  used as a function in a with statement
    """A bar for the step a build is at."""

    def __init__(self, console: Console) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

        self._bar = Progress(
            "{task.description}",
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
        )
        self._tasks: dict[str, int] = {}

    def __enter__(self) -> _progress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, step: str, done: int, total: int) -> None:
        from rich.progress import TaskID

        if step not in self._tasks:
            self._tasks[step] = self._bar.add_task(step, total=total)
        self._bar.update(TaskID(self._tasks[step]), completed=done)


def show_statistics(manifest: CorpusManifest, console: Console) -> None:
    """Print a corpus's sizes, its reasons for leaving files out, and its problems."""
    from rich.table import Table

    table = Table(title="Kept")
    for column in ("language", "files", "characters"):
        table.add_column(column, justify="left" if column == "language" else "right")
    for language, n in sorted(manifest.characters.items(), key=lambda item: -item[1]):
        table.add_row(language, f"{manifest.documents[language]:,}", f"{n:,}")
    console.print(table)
    console.print(
        f"{len(manifest.train_repositories)} repositories to train on, "
        f"{len(manifest.validation_repositories)} held out; "
        f"{manifest.n_redacted:,} addresses and secrets taken out"
    )
    reasons = Table(title="Left out")
    reasons.add_column("reason")
    reasons.add_column("files", justify="right")
    for reason, n in manifest.left_out.items():
        reasons.add_row(reason, f"{n:,}")
    console.print(reasons)
    for source in manifest.sources:
        if source["problem"]:
            console.print(f"left out: {source['name']}: {source['problem']}", style="yellow")
