"""Finds, starts, shares and stops engine processes.

There is one for each user, model and set-up that matters.  Whoever needs one calls
``ensure_engine``: it returns the one that runs, or starts it.  A lock sees to it that two who need
it at once start one between them.

Architecture invariant: nothing here blocks the event loop.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from codelsp import __version__
from codelsp.engine import probe, spawn
from codelsp.engine.start_lock import StartLock
from codelsp.engine.state_file import (
    EngineState,
    read_state,
    read_states,
    remove_state,
    state_dir,
    state_path,
)
from codelsp.engine.wanted import WantedEngine, wanted_engine
from codelsp.errors import CodelspError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from codelsp.settings import Settings

logger = logging.getLogger(__name__)

_MOMENT_SECONDS = 0.2
_START_SECONDS = {"llama.cpp": 120.0, "torch": 900.0}
"""torch alone takes seconds to load, and a large model in a folder minutes."""
_UNUSED_SECONDS = 60.0


@dataclass(frozen=True)
class EngineAddress:
    """Where an engine is."""

    url: str
    api_key: str = field(repr=False)
    pid: int
    model: str
    version: str


@dataclass(frozen=True)
class EngineStatus:
    """An engine process, for people to look at."""

    address: EngineAddress
    engine: str
    model_path: str
    started: float
    """Seconds since 1970, as the next."""
    last_used: float
    memory_bytes: int
    log: str


def _ignore() -> None:
    """Nobody asked to know."""


async def ensure_engine(settings: Settings, seconds: float = 0.0) -> EngineAddress:
    """Return the engine for the model in ``settings``, started if need be, ready to answer.

    Cancelling calls a start off.  A start may take ``seconds``; 0 leaves that to us.

    Raises:
        ModelNotFoundError, ModelFileError: there is no such model, or it cannot be loaded.
        EngineUnavailableError: it does not start, and what its log says.
    """
    cancelled = threading.Event()
    try:
        return await asyncio.to_thread(_ensure, settings, cancelled, seconds)
    finally:
        cancelled.set()


class Start:
    """A start in a thread of its own, before anybody waits for the engine.

    The process that does it has much else to do meanwhile, and the new one has a processor of its
    own: so this returns when that has begun, or after a moment, if others are starting it, say.
    """

    def __init__(self, settings: Settings) -> None:
        self._cancelled = threading.Event()
        self._has_begun = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(settings,), name="engine-start", daemon=True
        )
        self._thread.start()
        self._has_begun.wait(_MOMENT_SECONDS)

    def call_off(self) -> None:
        """End it if the engine does not answer yet."""
        self._cancelled.set()
        self._thread.join(_MOMENT_SECONDS)

    def _run(self, settings: Settings) -> None:
        try:
            # An engine for this process alone is nothing that another thread could find.
            if state_dir() is not None:
                _ensure(settings, self._cancelled, 0.0, self._has_begun.set)
        except (CodelspError, OSError) as error:
            logger.info("the engine did not start: %s", error)
        finally:
            self._has_begun.set()


def engine_status() -> list[EngineStatus]:
    """Return the engines that run."""
    return [
        EngineStatus(
            address_of(state),
            state.engine,
            state.model_path,
            state.started,
            _last_used(path),
            probe.memory_bytes(state),
            state.log,
        )
        for path, state in _known()
        if probe.is_running(state)
    ]


def stop_engine(pid: int | None = None) -> list[int]:
    """Stop the engine with the process number ``pid``, or all; return those stopped.

    May take seconds: not for the event loop.
    """
    stopped = []
    for path, state in _known():
        if pid in {None, state.pid}:
            if probe.end(state):
                stopped.append(state.pid)
            path.unlink(missing_ok=True)
    return stopped


def log_path(settings: Settings) -> Path | None:
    """Return where the engine for ``settings`` logs; None if no folder for logs is writable.

    Raises:
        ModelNotFoundError, ModelFileError: there is no such model.
    """
    return wanted_engine(settings).log


def address_of(state: EngineState) -> EngineAddress:
    """Return the address that ``state`` tells of."""
    return EngineAddress(state.url, state.api_key, state.pid, state.model, state.version)


def _ensure(
    settings: Settings,
    cancelled: threading.Event,
    seconds: float,
    on_spawned: Callable[[], None] = _ignore,
) -> EngineAddress:
    wanted = wanted_engine(settings)
    seconds = seconds or _START_SECONDS[wanted.engine]
    folder = state_dir()
    if folder is None:
        return _ensure_private(wanted, seconds)
    path = state_path(folder, wanted.key)
    found = _fit(path, wanted)
    if found is not None:
        return address_of(found)
    with StartLock(path.with_suffix(".lock"), cancelled, seconds):
        # Another server may have started one while we waited for the lock.
        found = _fit(path, wanted)
        if found is None:
            options = replace(wanted.options(), state=str(path), log=str(wanted.log or ""))
            _clear(path, folder, wanted)
            found = spawn.start_shared(options, cancelled, seconds, on_spawned)
    return address_of(found)


_private: dict[str, spawn.TiedEngine] = {}
"""Engines of this process alone, where no folder can be written, by key."""


def _ensure_private(wanted: WantedEngine, seconds: float) -> EngineAddress:
    engine = _private.get(wanted.key)
    if engine is None or not probe.answers(engine.state):
        engine = spawn.start_tied(wanted.options(), seconds)
        _private[wanted.key] = engine
    return address_of(engine.state)


def _fit(path: Path, wanted: WantedEngine) -> EngineState | None:
    """Return the engine of the state file if it answers, and runs what we want."""
    state = read_state(path)
    if state is None or state.version != __version__ or state.model_stamp != wanted.stamp:
        return None
    return state if probe.answers(state) else None


def _clear(path: Path, folder: Path, wanted: WantedEngine) -> None:
    """Make way for a new engine: end one that is not fit, and those left by other versions.

    Two editors with two versions of codelsp must not end each other's engine in turn, so one of
    another version goes only if it has not been used for a minute.
    """
    state = read_state(path)
    if state is not None:
        probe.end(state)
    for other, left in read_states(folder).items():
        is_left = left.model_path == str(wanted.model.path) and left.version != __version__
        if is_left and time.time() - _last_used(other) > _UNUSED_SECONDS:
            probe.end(left)
            remove_state(other, left.pid)


def _known() -> Iterator[tuple[Path, EngineState]]:
    folder = state_dir()
    if folder is not None:
        yield from read_states(folder).items()


def _last_used(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
