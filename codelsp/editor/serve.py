"""How the server is started: over stdio, TCP or WebSocket.

Architecture invariant: importing this module loads neither pygls nor lsprotocol; over stdio they
are imported after ``initialize`` has been answered.
"""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Mapping
    from pathlib import Path
    from typing import Any

    from codelsp.editor.connections import Listening, ServerFactory
    from codelsp.editor.greeting import Greeting
    from codelsp.editor.opening import FdPipe, Opening
    from codelsp.editor.page import Page
    from codelsp.engine.port import Engine
    from codelsp.settings import Settings

    EngineFactory = Callable[[Settings], Engine]

logger = logging.getLogger(__name__)

_MOST_KEPT_BYTES = 8 * 2**20
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class ServeOptions:
    """What the command line says about serving."""

    log_file: Path | None = None
    """None means the file in the user's log folder."""
    log_level: str = "info"
    overrides: Mapping[str, object] = field(default_factory=dict)
    """Settings from the command line; they win over all others."""
    statistics_file: Path | None = None
    """None means the file in the user's state folder."""
    token: str = ""
    """What WebSocket clients must show as ``?token=``; without one, web pages are refused."""
    page: Page | None = None
    """What a browser gets where WebSocket clients connect; None means nothing."""
    engine_factory: EngineFactory | None = None
    """What makes the engine; None means the one that the settings name."""
    on_listening: Listening | None = None
    """Called with host and port once connections are accepted."""


def serve_stdio(options: ServeOptions) -> int:
    """Serve one editor over standard input and output; return the exit code."""
    from codelsp.editor.opening import open_session, take_over_stdio

    pipe = take_over_stdio()
    opening = open_session(pipe, options.overrides)
    if opening.greeting is None:
        return opening.lifecycle.exit_code
    import asyncio  # not before the editor has been answered

    with _engine_begun(opening.greeting, options), contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve_opened(pipe, opening, opening.greeting, options))
    return opening.lifecycle.exit_code


@contextlib.contextmanager
def _engine_begun(greeting: Greeting, options: ServeOptions) -> Iterator[None]:
    """Have the engine's process started, which takes as long as importing the rest of this one."""
    from codelsp.engine.open import begin_start
    from codelsp.errors import CodelspError

    is_wanted = options.engine_factory is None and greeting.settings.enabled
    start = None
    # What is wrong with the workspace or its model, the session finds out and tells.
    with contextlib.suppress(CodelspError, OSError):
        start = begin_start(_likely_settings(greeting)) if is_wanted else None
    try:
        yield
    finally:
        if start is not None:
            start.call_off()


def _likely_settings(greeting: Greeting) -> Settings:
    from codelsp.editor.model_choice import settings_for
    from codelsp.editor.workspace import likely_language

    return settings_for(greeting.settings, likely_language(greeting.roots), greeting.roots)


async def _serve_opened(
    pipe: FdPipe, opening: Opening, greeting: Greeting, options: ServeOptions
) -> None:
    """Serve the session that was opened; its engine is found while pygls is being imported."""
    import asyncio

    from codelsp.editor import garbage
    from codelsp.editor.session import Session

    garbage.settle_later()
    session = Session(greeting, options.engine_factory or _settled_engine)
    if session.settings.enabled:
        warming = asyncio.ensure_future(session.warm_up())
    new_server = await asyncio.to_thread(_prepared, options)
    from codelsp.editor.connections import serve_pipe

    server = new_server()
    server.process_id = greeting.process_id
    server.protocol.lifecycle = opening.lifecycle
    server.protocol.set_writer(pipe)
    server.begin(session)
    await serve_pipe(server, pipe, opening)
    if session.settings.enabled:
        warming.cancel()


def serve_tcp(host: str, port: int, options: ServeOptions) -> int:
    """Serve any number of editors over TCP, until interrupted; return the exit code."""
    new_server = _prepared(options)
    _warn_if_reachable(host)
    from codelsp.editor import garbage
    from codelsp.editor.connections import listen_tcp

    garbage.settle()
    return _run(listen_tcp(host, port, new_server, options.on_listening or _log_address))


def serve_ws(host: str, port: int, options: ServeOptions) -> int:
    """Serve any number of editors over WebSocket, until interrupted; return the exit code."""
    new_server = _prepared(options)
    _warn_if_reachable(host)
    from codelsp.editor import garbage
    from codelsp.editor.connections import listen_ws

    garbage.settle()
    listening = options.on_listening or _log_address
    return _run(listen_ws(host, port, options, new_server, listening))


def _prepared(options: ServeOptions) -> ServerFactory:
    """Set the log up, and return what makes a server for each editor."""
    from codelsp.editor import logs

    _keep_freed_memory()
    logs.configure(options.log_file, options.log_level)
    from codelsp.editor.handlers import register
    from codelsp.editor.server import CodeServer
    from codelsp.editor.statistics import Statistics, default_path

    statistics = Statistics(options.statistics_file or default_path())
    engine_factory = options.engine_factory or _settled_engine

    def new_server() -> CodeServer:
        server = CodeServer(engine_factory, overrides=options.overrides, statistics=statistics)
        register(server)
        return server

    return new_server


def _keep_freed_memory() -> None:
    """Have some of what is freed kept: every keystroke writes the document anew.

    Without, a long one's memory is given back and taken anew each time, which can cost a
    millisecond.
    """
    from codelsp.malloc import MallocOption, set_malloc_option

    set_malloc_option(MallocOption.MMAP_THRESHOLD, _MOST_KEPT_BYTES)
    set_malloc_option(MallocOption.TRIM_THRESHOLD, _MOST_KEPT_BYTES)


def _settled_engine(settings: Settings) -> Engine:
    from codelsp.engine.open import open_engine

    return open_engine(settings)


def _run(listening: Coroutine[Any, Any, None]) -> int:
    import asyncio

    async def serve() -> None:
        from codelsp.editor.connections import stop_signals

        task = asyncio.ensure_future(listening)
        stop_signals(asyncio.get_running_loop(), task)
        with contextlib.suppress(asyncio.CancelledError):
            await task

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve())
    return 0


def _warn_if_reachable(host: str) -> None:
    if host not in _LOOPBACK:
        logger.warning("%s is reachable from other machines, and whoever connects is served", host)


def _log_address(host: str, port: int) -> None:
    logger.warning("listening on %s:%d", host, port)
