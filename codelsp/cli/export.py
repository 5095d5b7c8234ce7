"""``codelsp export``: a trained model as a folder that others can use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from codelsp.errors import ModelFileError


def export(
    source: Annotated[
        Path,
        typer.Argument(help="A Hugging Face folder, a checkpoint, or a run's folder."),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder to write; its name is the model's.")
    ],
    gguf: Annotated[
        list[str] | None,
        typer.Option(help="GGUF files to write: q8_0, f16, f32; may be repeated."),
    ] = None,
    dtype: Annotated[str, typer.Option(help="Of the safetensors: bf16, f16, f32.")] = "bf16",
    last: Annotated[
        int, typer.Option(min=1, help="Of a run: the last checkpoints that are averaged.")
    ] = 6,
    attach: Annotated[
        list[Path] | None,
        typer.Option(exists=True, dir_okay=False, help="Files to add: recipe.toml, card.md."),
    ] = None,
    description: Annotated[str, typer.Option(help="For the GGUF files.")] = "",
    author: Annotated[str, typer.Option(help="For the GGUF files.")] = "",
    license_: Annotated[
        str, typer.Option("--license", help="For the GGUF files, an SPDX name.")
    ] = "",
) -> None:
    """Write a model as a Hugging Face folder with GGUF files and hashes."""
    from rich.console import Console

    from codelsp.training.export import Credits
    from codelsp.training.gguf_weights import Precision
    from codelsp.training.release import Release, release

    known = [each.value for each in Precision]
    for name in gguf or ():
        if name not in known:
            raise ModelFileError(f"no GGUF precision {name!r}; there are {', '.join(known)}")
    if dtype not in ("bf16", "f16", "f32"):
        raise ModelFileError(f"no dtype {dtype!r}; there are bf16, f16, f32")
    wanted = Release(
        dtype,
        tuple(Precision(name) for name in gguf or ("q8_0",)),
        Credits("", description, author, license_),
        tuple(attach or ()),
        last,
    )
    folder = release(source, output, wanted)
    console = Console(stderr=True)
    for file in sorted(folder.iterdir()):
        console.print(f"{file.stat().st_size:>12,}  {file}", highlight=False, soft_wrap=True)
