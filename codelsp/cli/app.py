"""The typer application: global options, the commands, and what an error looks like."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from codelsp import __version__
from codelsp.cli import (
    adapt,
    bench,
    complete,
    corpus,
    docstring,
    doctor,
    engine,
    evaluate,
    export,
    generate,
    habits,
    interact,
    models,
    playground,
    plugin,
    settings,
    tokenizer,
    train,
)
from codelsp.cli.extras import advice
from codelsp.cli.overrides import parse_overrides
from codelsp.cli.session import Invocation, make_console
from codelsp.errors import CodelspError

if TYPE_CHECKING:
    from collections.abc import Sequence

EXIT_ERROR = 2

EPILOG = (
    "The language server: codelsp --stdio | --tcp HOST:PORT | --ws HOST:PORT"
    " [--log-file FILE] [--log-level LEVEL] [--set KEY=VALUE]"
)

app = typer.Typer(
    name="codelsp",
    help="Private, local code completion for every editor that speaks LSP.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("complete")(complete.complete)
app.command("docstring")(docstring.docstring)
app.add_typer(engine.app, name="engine")
app.add_typer(models.app, name="models")
app.command("generate")(generate.generate)
app.command("interact")(interact.interact)
app.command("doctor")(doctor.doctor)
app.command("bench")(bench.bench)
app.command("playground")(playground.playground)
app.command("plugin")(plugin.plugin)
app.command("settings")(settings.settings)
app.add_typer(corpus.app)
app.add_typer(tokenizer.app)
app.add_typer(train.app)
app.command("adapt")(adapt.adapt)
app.command("habits")(habits.habits)
app.command("export")(export.export)
app.add_typer(evaluate.app)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        make_console().print(f"codelsp {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Set a setting; may be repeated."),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks and logs.")] = False,
    version: Annotated[  # noqa: ARG001  # its callback does the work
        bool,
        typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """Take the options that stand before the command."""
    if debug:
        logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
        logging.getLogger("asyncio").setLevel(logging.INFO)
    else:
        # Why there is no engine is told in one line, at the end; a command tries it once.
        logging.getLogger("codelsp.engine.open").addHandler(logging.NullHandler())
    context.obj = Invocation(parse_overrides(overrides or ()), is_debug=debug)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; an error of ours is one line on stderr."""
    try:
        code = app(args=list(arguments), prog_name="codelsp", standalone_mode=True)
    except CodelspError as error:
        if "--debug" in arguments:
            raise
        return _told(str(error))
    except ModuleNotFoundError as error:
        said = advice(error.name or "", arguments)
        if said is None or "--debug" in arguments:
            raise
        return _told(said)
    except Exception as error:
        from codelsp.training.disk import is_full

        if not is_full(error) or "--debug" in arguments:
            raise
        return _told(f"There is no room left on the disk ({error}); free some, and try again.")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return int(code or 0)


def _told(message: str) -> int:
    make_console(stderr=True).print(f"codelsp: {message}", style="red", markup=False)
    return EXIT_ERROR
