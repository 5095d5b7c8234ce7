"""What every command shares: the effective settings, the console, the engine that is ready."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console

from codelsp.cli.overrides import PLACE
from codelsp.errors import EngineLoadingError, EngineUnavailableError, SettingsError
from codelsp.settings import Layer, Problem, Settings, read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from codelsp.engine.port import Engine, ModelInfo

LOADING_SECONDS = 120.0
"""How long a command waits for a model to be loaded; an editor would not."""
_POLL_SECONDS = 0.05
EXIT_INTERRUPTED = 130
PIPE_WIDTH = 160
"""Columns where there is no terminal to ask; a table for a file need not be squeezed."""


@dataclass
class Invocation:
    """The options that stand before the command."""

    overrides: dict[str, Any] = field(default_factory=dict)
    is_debug: bool = False

    def with_options(self, **options: Any) -> Invocation:  # values of settings
        """Return the same with a command's own options on top; None is no choice."""
        chosen = {key: value for key, value in options.items() if value is not None}
        return replace(self, overrides={**self.overrides, **chosen})


def make_console(*, stderr: bool = False) -> Console:
    """Return a console that never fails for a character its terminal does not have."""
    stream = sys.stderr if stderr else sys.stdout
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="replace")
    return Console(file=stream, highlight=False, width=None if stream.isatty() else PIPE_WIDTH)


def settings_layers(
    invocation: Invocation, workspace: Path | None
) -> tuple[list[Layer], tuple[Problem, ...]]:
    """Return the layers in force for ``workspace``, least important first, and files' problems."""
    from codelsp.settings.files import read_user_file, read_workspace_files

    layers, problems = read_user_file()
    if workspace is not None:
        own, own_problems = read_workspace_files(workspace)
        layers, problems = (*layers, *own), (*problems, *own_problems)
    return [*layers, Layer(PLACE, invocation.overrides)], problems


def effective_settings(invocation: Invocation, workspace: Path | None = None) -> Settings:
    """Return the settings in force; problems of files are told on stderr.

    Raises:
        SettingsError: a setting given on the command line is wrong.
    """
    layers, problems = settings_layers(invocation, workspace)
    settings, more = read_settings(layers)
    console = make_console(stderr=True)
    for problem in (*problems, *more):
        if problem.place == PLACE:
            raise SettingsError(f"{problem.key}: {problem.message}")
        console.print(f"codelsp: {problem}", style="yellow", markup=False)
    return settings


def workspace_of(path: Path) -> Path:
    """Return the project folder that ``path`` belongs to: the nearest with a sign of one."""
    signs = (".git", "pyproject.toml", "codelsp.toml", "package.json", "Cargo.toml", "go.mod")
    folders = path.absolute().parents
    for folder in folders:
        if any((folder / sign).exists() for sign in signs):
            return folder
    return folders[0]


async def wait_until_ready(engine: Engine) -> tuple[ModelInfo, float]:
    """Return the engine's model when it is loaded, and the milliseconds that took.

    Raises:
        EngineUnavailableError: nothing answers, or the model takes more than two minutes.
    """
    began = time.perf_counter()
    while True:
        try:
            model = await engine.connect()
        except EngineLoadingError as error:  # noqa: PERF203  # it is asked once every 50 ms
            if time.perf_counter() - began > LOADING_SECONDS:
                raise EngineUnavailableError(f"{error} It took too long.") from error
            await asyncio.sleep(_POLL_SECONDS)
        else:
            return model, (time.perf_counter() - began) * 1e3


@contextlib.contextmanager
def resumable() -> Iterator[None]:
    """End the command where Ctrl-C falls inside, and say that it can be gone on with."""
    try:
        yield
    except KeyboardInterrupt:
        make_console(stderr=True).print(
            "Interrupted; the same command goes on from here.", style="yellow"
        )
        raise typer.Exit(EXIT_INTERRUPTED) from None
