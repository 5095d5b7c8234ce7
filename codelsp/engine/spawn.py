"""Starts the engine process so that it belongs to nobody, and waits until it serves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from codelsp.engine.host import API_KEY_VARIABLE, HOST_MODULES, HostOptions
from codelsp.engine.state_file import EngineState, read_state
from codelsp.errors import EngineUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

_LOOK_SECONDS = 0.005
_SPINS = "1000"
"""Turns; the default of 300,000 is for machines with nothing else to do."""
_HUGE_PAGES_NAME = "glibc.malloc.hugetlb"
_OLD_LOG_BYTES = 1024 * 1024
_TAIL_BYTES, _TAIL_LINES = 4096, 6


def start_shared(
    options: HostOptions,
    cancelled: threading.Event,
    seconds: float,
    on_spawned: Callable[[], None],
) -> EngineState:
    """Start an engine that outlives this process, and return its state once it serves.

    ``on_spawned`` is called when its process has begun.

    Raises:
        EngineUnavailableError: it ended, or did not serve within ``seconds``; with its last words.
    """
    state, log = Path(options.state), Path(options.log) if options.log else None
    state.unlink(missing_ok=True)
    process = _spawn(options, log, state.parent)
    _reap(process)
    on_spawned()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not cancelled.is_set():
        served = read_state(state)
        if served is not None and served.pid == process.pid:
            return served
        if process.poll() is not None:
            raise EngineUnavailableError(_last_words("The engine did not start", log))
        time.sleep(_LOOK_SECONDS)
    process.kill()
    why = "The start of the engine was called off" if cancelled.is_set() else _too_slow(seconds)
    raise EngineUnavailableError(_last_words(why, log))


@dataclass(frozen=True)
class TiedEngine:
    """An engine that leaves with this process, or when it is closed."""

    state: EngineState
    process: subprocess.Popen[bytes]

    def wait(self) -> int:
        """Return its exit status, once it has left."""
        return self.process.wait()

    def close(self) -> None:
        """Let it leave."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        self.process.terminate()


def start_tied(options: HostOptions, seconds: float, *, api_key: str = "") -> TiedEngine:
    """Start an engine for this process alone, whose log goes to standard error or nowhere.

    Raises:
        EngineUnavailableError: it ended, or did not serve within ``seconds``.
    """
    process = subprocess.Popen(  # noqa: S603  # Our own interpreter and module.
        _command(replace(options, is_tied=True)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=None if options.log == "-" else subprocess.DEVNULL,
        cwd=Path(sys.executable).parent,
        env={**engine_environment(), API_KEY_VARIABLE: api_key},
    )
    _reap(process)
    too_late = threading.Timer(seconds, process.kill)
    too_late.daemon = True
    too_late.start()
    assert process.stdout is not None  # noqa: S101  # It is a pipe.
    line = process.stdout.readline()
    too_late.cancel()
    if not line:
        raise EngineUnavailableError(
            "The engine did not start; `codelsp engine start --foreground` shows why."
        )
    return TiedEngine(EngineState(**json.loads(line)), process)


def tail(log: Path) -> str:
    """Return the last lines of a log file."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").strip().split("\n")
    except OSError:
        return ""
    return "\n".join(lines[-_TAIL_LINES:])


def _spawn(options: HostOptions, log: Path | None, folder: Path) -> subprocess.Popen[bytes]:
    """Start the process without a tie to this one: no pipe, no terminal, no shared session.

    A pipe of the language server that it inherited would keep the editor waiting at its exit.  And
    it does not start in the editor's folder, whose Python files ``-m`` would find first.
    """
    output = _open_log(log) if log else os.open(os.devnull, os.O_WRONLY)
    try:
        return _detached(_command(options), output, folder)
    except OSError as error:
        raise EngineUnavailableError(
            f"The engine cannot be started with {sys.executable}: {error}."
        ) from error
    finally:
        os.close(output)


def _detached(command: list[str], output: int, folder: Path) -> subprocess.Popen[bytes]:
    def start(flags: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603  # Our own interpreter and module.
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
            env=engine_environment(),
            start_new_session=True,
            creationflags=flags,
        )

    if sys.platform == "win32":
        apart = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
        try:
            # Editors start their servers in jobs that end all their processes with themselves.
            return start(apart | subprocess.CREATE_BREAKAWAY_FROM_JOB)
        except PermissionError:
            return start(apart)  # Not every job lets go.
    return start(0)


def engine_environment() -> dict[str, str]:
    """Return this process's environment with what an engine needs; the user's own word counts.

    Its threads should not spin while they wait: on a machine that is busy elsewhere, one that spins
    keeps the one it waits for from running.  And its memory should be in huge pages where the
    system has them: all of it is read for every token, and in small pages the processor looks for
    the next one a thousand times meanwhile.  A keystroke takes a fifth less.
    """
    tunables = os.environ.get("GLIBC_TUNABLES", "")
    if _HUGE_PAGES_NAME not in tunables:
        tunables = ":".join(filter(None, (tunables, f"{_HUGE_PAGES_NAME}=1")))
    return {"GOMP_SPINCOUNT": _SPINS, **os.environ, "GLIBC_TUNABLES": tunables}


def _command(options: HostOptions) -> list[str]:
    return [sys.executable, "-m", HOST_MODULES[options.engine], json.dumps(asdict(options))]


def _open_log(log: Path) -> int:
    """Open the log for appending, for the user's eyes only; a long one is put aside."""
    if log.exists() and log.stat().st_size > _OLD_LOG_BYTES:
        log.replace(log.with_suffix(".old.log"))
    return os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def _reap(process: subprocess.Popen[bytes]) -> None:
    """Take note of the process's end, whenever that is, so that it leaves no zombie behind."""
    threading.Thread(target=process.wait, daemon=True, name="engine-reaper").start()


def _too_slow(seconds: float) -> str:
    return f"The engine did not serve within {seconds:g} seconds"


def _last_words(what: str, log: Path | None) -> str:
    if log is None:
        return f"{what}; it has no log, because no folder for one is writable."
    words = tail(log)
    return f"{what}. The end of its log, {log}:\n{words}" if words else f"{what}; see {log}."
