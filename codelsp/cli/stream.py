"""``codelsp corpus stream``: a data set to train on while it is read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from codelsp.cli.session import make_console


def stream(
    sources: Annotated[
        list[str],
        typer.Argument(help="Folders, archives, data files, or data sets of the Hub."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the plan.")] = Path(
        "stream"
    ),
    base: Annotated[
        str, typer.Option(help="Model that will be trained: store, folder, gpt2, OWNER/NAME.")
    ] = "",
    block_size: Annotated[int, typer.Option(help="Tokens in a row.")] = 2048,
    shuffle_buffer: Annotated[int, typer.Option(help="Documents to draw from.")] = 10_000,
    validation_share: Annotated[float, typer.Option(help="Share of documents held out.")] = 0.05,
    split: Annotated[str, typer.Option(help="Split of a data set.")] = "train",
    config: Annotated[str, typer.Option(help="Configuration of a data set.")] = "",
    text_column: Annotated[str, typer.Option(help="Column of a data set with the text.")] = "text",
    languages: Annotated[
        str, typer.Option(help="Language ids of source code, separated by commas.")
    ] = "",
    max_documents: Annotated[int, typer.Option(min=0, help="Of an epoch; 0 is all.")] = 0,
    whitespace_tokens: Annotated[
        bool, typer.Option("--whitespace-tokens", help="Add tokens for runs of spaces and tabs.")
    ] = False,
) -> None:
    """Plan a stream that ``codelsp train --base`` reads while it trains."""
    from codelsp.model_store.hub import transformers_folder
    from codelsp.training.stream_folder import write_stream
    from codelsp.training.streams import StreamPlan

    console = make_console(stderr=True)
    plan = StreamPlan(
        tuple(sources),
        block_size,
        shuffle_buffer,
        validation_share,
        split,
        config,
        text_column,
        tuple(name.strip() for name in languages.split(",") if name.strip()),
        max_documents,
    )
    plan.check()
    folder = transformers_folder(base, told=lambda line: console.print(line, markup=False))
    new = write_stream(plan, folder, output, has_whitespace=whitespace_tokens)
    console.print(f"{output}: new tokens: {' '.join(map(repr, new)) or 'none'}", markup=False)
