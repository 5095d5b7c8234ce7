"""``codelsp engine``: the engine processes that all windows share."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from codelsp.cli.session import Invocation, effective_settings, make_console
from codelsp.errors import CodelspError

if TYPE_CHECKING:
    from codelsp.engine.process import EngineAddress, EngineStatus
    from codelsp.settings import Settings

app = typer.Typer(help="The engine that all windows share.", no_args_is_help=True)
DEFAULT_LOG_LINES = 50
_MINUTE = 60.0


@app.command("start")
def start(
    context: typer.Context,
    model: Annotated[str | None, typer.Option(help="A model's name, folder or GGUF file.")] = None,
    engine: Annotated[
        str | None, typer.Option(help="What runs it: auto, llama.cpp or torch.")
    ] = None,
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Run an engine here, until Ctrl-C.")
    ] = False,
    host: Annotated[
        str, typer.Option(help="With --foreground: whom to serve; 0.0.0.0 is every network.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="With --foreground: 0 takes a free one.")
    ] = 0,
    api_key: Annotated[
        str,
        typer.Option(
            envvar="CODELSP_API_KEY", help="With --foreground: the key; a random one if none."
        ),
    ] = "",
    device: Annotated[
        str, typer.Option(help="torch, with --foreground: auto, cuda, mps or cpu.")
    ] = "auto",
    dtype: Annotated[
        str,
        typer.Option(
            help="torch, with --foreground: auto, float32, bfloat16, float16 or int8 (CPU)."
        ),
    ] = "auto",
    adapter: Annotated[
        list[Path] | None,
        typer.Option(help="torch, with --foreground: a folder of peft; may be repeated."),
    ] = None,
    trust_remote_code: Annotated[
        bool,
        typer.Option(
            "--trust-remote-code", help="torch, with --foreground: run the model's own Python code."
        ),
    ] = False,
    allow_pickle: Annotated[
        bool,
        typer.Option(
            "--allow-pickle", help="torch, with --foreground: load .bin files, which may run code."
        ),
    ] = False,
) -> None:
    """Start the shared engine, or find it running."""
    from codelsp.engine.foreground import Foreground, TorchChoices, serve_in_foreground

    invocation: Invocation = context.obj.with_options(model=model, engine=engine)
    settings = effective_settings(invocation)
    folders = tuple(str(each.expanduser().resolve()) for each in adapter or ())
    choices = TorchChoices(device, dtype, folders, trust_remote_code, allow_pickle)
    where = Foreground(host, port, api_key, choices)
    if foreground:
        raise typer.Exit(serve_in_foreground(settings, where, _announce))
    if where != Foreground(api_key=api_key):
        raise CodelspError(
            "The shared engine follows your settings, so that every editor finds the same one;"
            " for an engine with other choices add --foreground, and set `engine` to its URL."
        )
    if settings.engine.startswith(("http://", "https://")):
        raise CodelspError(
            f"`engine` is {settings.engine}: that server is not codelsp's to start; for one of"
            " your own add --engine auto."
        )
    from codelsp.engine.process import ensure_engine

    began = time.perf_counter()
    address = asyncio.run(ensure_engine(settings))
    elapsed_ms = (time.perf_counter() - began) * 1e3
    make_console().print(
        f"{address.model} at {address.url}, process {address.pid}, ready in {elapsed_ms:.0f} ms",
        markup=False,
    )


def _announce(address: EngineAddress) -> None:
    console = make_console()
    console.print(f"{address.model} at {address.url}, process {address.pid}", markup=False)
    console.print(f"engine_api_key: {address.api_key}", markup=False)


@app.command("status")
def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Show the engines that run."""
    from codelsp.engine.process import engine_status

    engines = [_described(each) for each in engine_status()]
    console = make_console()
    if as_json:
        console.out(json.dumps(engines, indent=2), highlight=False)
        return
    if not engines:
        console.print("No engine runs; one starts when it is needed.")
        return
    columns = ("model", "engine", "address", "process", "memory", "up", "last used")
    table = Table(*columns, box=None, pad_edge=False)
    now = time.time()
    for each in engines:
        table.add_row(
            each["model"],
            each["engine"],
            each["url"],
            str(each["pid"]),
            f"{each['memory_bytes'] / 1e6:.0f} MB",
            f"{(now - each['started']) / _MINUTE:.0f} min",
            f"{(now - each['last_used']) / _MINUTE:.0f} min ago",
        )
    console.print(table)


def _described(one: EngineStatus) -> dict[str, Any]:
    """Return an engine as plain values; its key stays where it is."""
    return {
        "model": one.address.model,
        "engine": one.engine,
        "url": one.address.url,
        "pid": one.address.pid,
        "version": one.address.version,
        "model_path": one.model_path,
        "memory_bytes": one.memory_bytes,
        "started": one.started,
        "last_used": one.last_used,
        "log": one.log,
    }


@app.command("stop")
def stop(
    pid: Annotated[int | None, typer.Argument(help="The process; all engines if none.")] = None,
) -> None:
    """Stop the engines; the next request starts one again."""
    from codelsp.engine.process import stop_engine

    stopped = stop_engine(pid)
    if stopped:
        make_console().print(f"Stopped {', '.join(map(str, stopped))}.")
    else:
        make_console().print("No engine was running.")


@app.command("logs")
def logs(
    context: typer.Context,
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=1, help="How many of the last lines.")
    ] = DEFAULT_LOG_LINES,
    model: Annotated[
        str | None, typer.Option(help="Whose engine; default: the one set, else one that runs.")
    ] = None,
    engine: Annotated[
        str | None, typer.Option(help="What runs it: auto, llama.cpp or torch.")
    ] = None,
) -> None:
    """Print the end of an engine's log."""
    settings = effective_settings(context.obj.with_options(model=model, engine=engine))
    path = _log_path(settings, is_chosen=bool(model or engine))
    content = path.read_text("utf-8", errors="replace").rstrip().split("\n")
    console = make_console()
    console.print(str(path), style="dim", markup=False)
    for line in content[-lines:]:
        console.out(line, highlight=False)


def _log_path(settings: Settings, *, is_chosen: bool) -> Path:
    """Return the log of the engine for ``settings``, one that runs or has run.

    If that one does not run, and nobody asked for it by name, the one that does is meant.

    Raises:
        CodelspError: there is none.
    """
    from codelsp.engine.process import engine_status, log_path

    path = log_path(settings)
    running = {
        Path(each.log): each.last_used
        for each in engine_status()
        if each.log and Path(each.log).is_file()
    }
    if running and path not in running and not is_chosen:
        return max(running, key=lambda log: running[log])
    if path is None or not path.is_file():
        raise CodelspError(f"There is no log yet{f' at {path}' if path else ''}.")
    return path
