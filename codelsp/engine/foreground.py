"""An engine for others: at an address of the user's choice, as long as the terminal is open."""

from __future__ import annotations

import os
import signal
import socket
import sys
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING

from codelsp.engine import spawn
from codelsp.engine.process import EngineAddress, address_of
from codelsp.engine.state_file import state_dir, state_path
from codelsp.engine.wanted import wanted_engine
from codelsp.errors import EngineUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from codelsp.settings import Settings

_START_SECONDS = 600.0
PLUGIN_BATCH_TOKENS = 2048
"""llama.cpp's own default: its ``/infill``, which other plugins ask, takes no more text around the
cursor than fits a batch.  Editors of codelsp send whole prompts, and want small batches instead."""


@dataclass(frozen=True)
class TorchChoices:
    """What the torch engine alone can be told; see ``HostOptions``."""

    device: str = "auto"
    dtype: str = "auto"
    adapters: tuple[str, ...] = ()
    trusts_code: bool = False
    allows_pickle: bool = False


@dataclass(frozen=True)
class Foreground:
    """Where to serve; other machines can reach any host but the loopback ones."""

    host: str = "127.0.0.1"
    port: int = 0
    """0 takes a free one."""
    api_key: str = ""
    """A random one if empty; there is always one."""
    torch: TorchChoices = field(default_factory=TorchChoices)


def serve_in_foreground(
    settings: Settings, where: Foreground, announce: Callable[[EngineAddress], None]
) -> int:
    """Serve until the engine ends or this process is told to; return the engine's exit status.

    ``announce`` is told the address and its key once the model is loaded.

    Raises:
        ModelNotFoundError, ModelFileError: there is no such model, or it cannot be loaded.
        EngineUnavailableError: the port is taken, or the engine does not start.
    """
    wanted = wanted_engine(settings, allows_pickle=where.torch.allows_pickle)
    _refuse_choices(wanted.engine, where.torch)
    options = wanted.options()
    _refuse_taken_port(where)
    folder = state_dir()
    # A file of its own, so that ``engine status`` and ``engine stop`` know it, and no editor takes
    # it for the engine that all share.
    state = str(state_path(folder, f"serve-{os.getpid()}")) if folder else ""
    options = replace(
        options,
        state=state,
        log="-",
        host=where.host,
        port=where.port,
        idle_seconds=0.0,
        batch_tokens=PLUGIN_BATCH_TOKENS,
        **asdict(where.torch),
    )
    engine = spawn.start_tied(options, _START_SECONDS, api_key=where.api_key)
    signal.signal(signal.SIGTERM, lambda *_: engine.close())
    announce(address_of(engine.state))
    try:
        return engine.wait()
    except KeyboardInterrupt:
        engine.close()
        return engine.wait()


def _refuse_choices(engine: str, choices: TorchChoices) -> None:
    if engine != "torch" and choices != TorchChoices():
        raise EngineUnavailableError(
            "--device, --dtype, --adapter, --trust-remote-code and --allow-pickle are for the torch"
            " engine; add --engine torch."
        )


def _refuse_taken_port(where: Foreground) -> None:
    try:
        families = socket.getaddrinfo(where.host, where.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise EngineUnavailableError(
            f"{where.host} is no address of this machine ({error.strerror or error});"
            " 127.0.0.1 is this machine alone, 0.0.0.0 all its networks."
        ) from None
    family, kind, _, _, address = families[0]
    with socket.socket(family, kind) as probe:
        if sys.platform != "win32":
            # A port whose last connections are still fading is free; on Windows this option
            # would take one away from another program.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            raise EngineUnavailableError(
                f"Port {where.port} of {where.host} cannot be used ({error.strerror});"
                " choose another with --port, or 0 for a free one."
            ) from None
