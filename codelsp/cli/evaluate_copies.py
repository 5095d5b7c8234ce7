"""``codelsp evaluate copies``: how often a model repeats what it was trained on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from codelsp.cli.measuring import (
    DEFAULT_OUTPUT,
    Output,
    Seed,
    progress,
    run_measuring,
    subjects_of,
    write_report,
)
from codelsp.cli.options import EngineOption  # noqa: TC001  # typer reads annotations

if TYPE_CHECKING:
    from codelsp.evaluation.source_files import SourceFile

_ALL_FILES = 1_000_000


def copies(
    context: typer.Context,
    corpus: Annotated[
        Path, typer.Argument(help="Folder of the corpus that the model was trained on.")
    ],
    files: Annotated[
        list[Path] | None,
        typer.Option(help="Folders it was not trained on; else the corpus's held-out side."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="A model's name, folder or GGUF file.")] = None,
    engine: EngineOption = None,
    n_files: Annotated[int, typer.Option(min=4, help="Files of each kind.")] = 100,
    n_tokens: Annotated[int, typer.Option(min=32, help="Tokens written in each.")] = 64,
    seed: Seed = 1,
    output: Output = DEFAULT_OUTPUT,
) -> None:
    """Let a model go on with files it was trained on and others, and look for copies."""
    from codelsp.errors import BenchmarkError
    from codelsp.evaluation.copies import Checks, CopyPlan, copy_figures, run_copies
    from codelsp.evaluation.engines import opened
    from codelsp.public_code.shipped import shipped_index
    from codelsp.training.cleaning import redacted

    index = shipped_index()
    if index is None:
        raise BenchmarkError(
            "There is no index of public code; make one: `codelsp corpus fingerprints CORPUS`."
        )
    sides = {
        "trained on": _of_corpus(corpus, n_files, seed, is_held_out=False),
        "not trained on": (
            _of_folders(files, n_files, seed)
            if files
            else _of_corpus(corpus, n_files, seed, is_held_out=True)
        ),
    }
    (subject,) = subjects_of(context.obj, [model] if model else None, engine)
    checks = Checks(index, lambda text: redacted(text)[1])

    async def measured() -> dict[str, Any]:
        found = {}
        async with opened(subject.settings) as judged:
            for name, own in sides.items():
                ledger = output / f"copies-{name.replace(' ', '-')}-{judged.name}.jsonl"
                plan = CopyPlan(ledger, n_tokens, seed)
                with progress(f"{judged.name}, {name}", len(own)) as tell:
                    made = await run_copies(judged, own, checks, plan, tell)
                found[name] = copy_figures(made)
        return found

    report = run_measuring(measured())
    write_report(output, "copies", report, _page(report, n_tokens))


def _of_corpus(corpus: Path, n_files: int, seed: int, *, is_held_out: bool) -> list[SourceFile]:
    from codelsp.evaluation.copies import LEAST_PREFIX_CHARS, LEAST_REST_CHARS
    from codelsp.evaluation.source_files import SourceFile
    from codelsp.training.manifest import documents_of, load_manifest

    manifest = load_manifest(corpus)
    shards = manifest.validation_shards if is_held_out else manifest.train_shards
    found = [
        SourceFile(document.repository.replace("/", "+"), document.path, document.text)
        for document in documents_of(corpus, shards)
        if len(document.text) >= LEAST_PREFIX_CHARS + LEAST_REST_CHARS
    ]
    return _drawn(found, n_files, seed)


def _of_folders(folders: list[Path], n_files: int, seed: int) -> list[SourceFile]:
    from codelsp.evaluation.source_files import from_folders

    return _drawn(list(from_folders(folders, _ALL_FILES, seed).chosen), n_files, seed)


def _drawn(files: list[SourceFile], n_files: int, seed: int) -> list[SourceFile]:
    from random import Random

    Random(seed).shuffle(files)  # noqa: S311  no secret
    return files[:n_files]


def _page(report: dict[str, Any], n_tokens: int) -> str:
    from codelsp.evaluation.copies import FIGURES

    lines = [
        f"# Copies: {n_tokens} tokens written greedily after the beginning of a file",
        "",
        f"| | {' | '.join(report)} |",
        f"|---|{'---|' * len(report)}",
    ]
    for name in FIGURES:
        cells = [_cell(name, figures[name]) for figures in report.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    numbers = [str(figures[FIGURES[0]]["files"]) for figures in report.values()]
    lines.append(f"| files | {' | '.join(numbers)} |")
    return "\n".join(lines) + "\n"


def _cell(name: str, value: dict[str, Any]) -> str:
    if value["mean"] is None:
        return "-"
    if name == "matched characters":
        return f"{value['mean']:.1f} ({value['low']:.1f} to {value['high']:.1f})"
    return f"{value['mean']:.1%} ({value['low']:.1%} to {value['high']:.1%})"
