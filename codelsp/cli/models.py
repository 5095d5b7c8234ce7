"""``codelsp models``: the model store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from codelsp.cli.session import make_console

if TYPE_CHECKING:
    from codelsp.model_store import Model

app = typer.Typer(help="Which models there are, and how to get more.", no_args_is_help=True)


@app.command("list")
def list_all(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Show the models on this machine that have a name."""
    from codelsp.model_store import list_models

    described = [_described(model) for model in list_models()]
    console = make_console()
    if as_json:
        console.out(json.dumps(described, indent=2), highlight=False)
        return
    table = Table("model", "kind", "size", "where", box=None, pad_edge=False)
    for entry in described:
        size = "" if entry["bytes"] is None else f"{entry['bytes'] / 1e6:,.1f} MB"
        origin = "part of codelsp" if entry["is_embedded"] else entry["path"]
        table.add_row(entry["name"], entry["kind"], size, origin)
    console.print(table)


def _described(model: Model) -> dict[str, Any]:
    is_file = model.path.is_file()
    return {
        "name": model.name,
        "kind": model.kind.value,
        "path": str(model.path),
        "bytes": model.path.stat().st_size if is_file else None,
        "is_embedded": model.is_embedded,
    }


@app.command("add")
def add(
    path: Annotated[Path, typer.Argument(help="A GGUF file, or a folder of safetensors.")],
    name: Annotated[str, typer.Option(help="What to call it; default: as the file.")] = "",
) -> None:
    """Give a model on this machine a name; it stays where it is."""
    from codelsp.model_store.keep import add_model

    model = add_model(path, name or path.stem)
    make_console().print(f"{model.name} is {model.path}", markup=False)


@app.command("remove")
def remove(name: Annotated[str, typer.Argument(help="The model's name.")]) -> None:
    """Forget a model; what was pulled is deleted, what was added stays where it is."""
    from codelsp.model_store.keep import remove_model

    remove_model(name)
    make_console().print(f"{name} is forgotten", markup=False)


@app.command("pull")
def pull(
    source: Annotated[
        str,
        typer.Argument(help="An https URL, or OWNER/NAME:FILE.gguf of the Hugging Face Hub."),
    ],
    name: Annotated[str, typer.Option(help="What to call it; default: as the file.")] = "",
    sha256: Annotated[str, typer.Option(help="The hash that the file must have.")] = "",
) -> None:
    """Download a model; one that broke off goes on where it stopped."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    from codelsp.model_store.pull import pull_model

    columns = (BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=make_console(stderr=True), transient=True) as progress:
        task = progress.add_task(source, total=None)

        def show(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total or None)

        model = pull_model(source, name, sha256=sha256, progress=show)
    make_console().print(f"{model.name} is {model.path}", markup=False)


@app.command("verify")
def verify(
    name: Annotated[str, typer.Argument(help="The model; default: the one set.")] = "",
) -> None:
    """Look whether a model's files are whole and what they were."""
    from codelsp.model_store.verify import verify_model

    for sentence in verify_model(name):
        make_console().print(sentence, markup=False)


@app.command("recommend")
def recommend_models() -> None:
    """Say which open models suit this machine."""
    import psutil

    from codelsp.model_store.recommend import recommend

    memory_bytes = psutil.virtual_memory().total
    console = make_console()
    fitting = recommend(memory_bytes)
    console.print(f"This machine has {memory_bytes / 1e9:.0f} GB of memory.")
    if not fitting:
        console.print("That is little: the embedded model is the one to use.")
        return
    for each in fitting:
        free = "" if each.model.is_commercial_use_free else ", not for commercial use"
        console.print(f"\n{each.model.name}: {each.reason} ({each.model.license}{free})")
        command = f"codelsp models pull {each.model.source} --name {each.model.name}"
        console.print(f"  {command}", soft_wrap=True, markup=False)
