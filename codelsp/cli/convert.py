"""``codelsp corpus convert``: a folder of source code to windows of token ids."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from codelsp.cli.session import make_console, resumable
from codelsp.errors import CorpusError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from codelsp.training.segments import Converted

_MB = 1e6


def convert(
    folder: Annotated[Path, typer.Argument(help="Folder with source code.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the windows.")] = Path(
        "segments"
    ),
    base: Annotated[
        str, typer.Option(help="Model that will be trained: store, folder, gpt2, OWNER/NAME.")
    ] = "",
    languages: Annotated[
        str, typer.Option(help="Language ids, separated by commas.")
    ] = "python,java,c,cpp,javascript,typescript",
    segment_len: Annotated[
        int, typer.Option("--segment-len", "--segment_len", help="Tokens in a window.")
    ] = 256,
    stride: Annotated[int, typer.Option(help="Tokens from a window to the next.")] = 10,
    dev_size: Annotated[
        float, typer.Option("--dev-size", "--dev_size", help="Share of the text held out.")
    ] = 0.1,
    split_by: Annotated[
        str, typer.Option(help="What goes to one side whole: auto, repository, file.")
    ] = "auto",
    whitespace_tokens: Annotated[
        bool, typer.Option("--whitespace-tokens", help="Add tokens for runs of spaces and tabs.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Which units are held out.")] = 122,
    max_file_mb: Annotated[float, typer.Option(help="Larger files are left out.")] = 1.0,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Also write train.jsonl and dev.jsonl, as auto_coding.")
    ] = False,
) -> None:
    """Cut a folder of source code into windows of token ids, with a held-out side."""
    from codelsp.model_store.hub import transformers_folder
    from codelsp.training.code_folder import SPLITS
    from codelsp.training.segments import ConvertPlan
    from codelsp.training.segments import convert as write_windows

    if split_by not in SPLITS:
        raise CorpusError(f"--split-by is one of {', '.join(SPLITS)}")
    console = make_console(stderr=True)
    plan = ConvertPlan(
        folder,
        output,
        transformers_folder(base, told=lambda line: console.print(line, markup=False)),
        tuple(name.strip() for name in languages.split(",") if name.strip()),
        segment_len,
        stride,
        dev_size,
        split_by,  # type: ignore[arg-type]  # looked up above
        seed,
        whitespace_tokens,
        int(max_file_mb * _MB),
    )
    began = time.perf_counter()
    with resumable(), _bar(console) as told:
        report = write_windows(plan, told)
    _show(report, plan.output, console)
    seconds = time.perf_counter() - began
    console.print(
        f"{report.n_bytes / _MB:,.1f} MB in {seconds:.1f} s, {peak_memory_mb():,.0f} MB of memory"
    )
    if jsonl:
        _write_jsonl(plan.output, report)


def _write_jsonl(output: Path, report: Converted) -> None:
    from codelsp.training.segments import write_jsonl
    from codelsp.training.tokenizer import load_tokenizer

    tokenizer = load_tokenizer(output / "tokenizer.json")
    for side, name in (("train", "train"), ("validation", "dev")):
        if report.n_files[side]:
            write_jsonl(output, side, output / f"{name}.jsonl", tokenizer)


def peak_memory_mb() -> float:
    """Return the most memory that this process has held, MB."""
    if sys.platform == "win32":
        import psutil

        return float(psutil.Process().memory_info().peak_wset) / _MB
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (_MB if sys.platform == "darwin" else 1e3)


class _bar:  # noqa: N801  used as a function in a with statement
    """A bar over the bytes of a folder."""

    def __init__(self, console: Console) -> None:
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        self._bar = Progress("converting", *columns, console=console)
        self._task = self._bar.add_task("", total=None)

    def __enter__(self) -> Callable[[int, int], None]:
        self._bar.start()
        return lambda done, total: self._bar.update(self._task, completed=done, total=total)

    def __exit__(self, *_: object) -> None:
        self._bar.stop()


def _show(report: Converted, output: Path, console: Console) -> None:
    for side in ("train", "validation"):
        console.print(
            f"{side}: {report.n_files[side]:,} files, {report.n_tokens[side]:,} tokens,"
            f" {report.n_windows[side]:,} windows"
        )
    if report.left_out:
        reasons = ", ".join(f"{n:,} {reason}" for reason, n in sorted(report.left_out.items()))
        console.print(f"left out: {reasons}")
    if not report.n_files["validation"]:
        console.print(
            "nothing is held out, so there is no perplexity and no early stop: a single"
            f" {report.split_by} cannot be on both sides",
            style="yellow",
        )
    added = " ".join(map(repr, report.new_tokens)) or "none"
    console.print(f"{output}: split by {report.split_by}; new tokens: {added}", markup=False)
