"""Whether an engine that a state file tells of is really there, and ends those that are not fit."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

    from codelsp.engine.state_file import EngineState

_ANSWER_SECONDS = 5.0
_LEAVE_SECONDS = 3.0
_MODULES = frozenset(("codelsp.engine.host", "codelsp.torch_engine.host"))


def answers(state: EngineState) -> bool:
    """Tell whether the engine answers to its own API key.

    That is proof of who it is: nobody else knows the key, whatever became of the process number.
    """
    if not is_running(state):
        return False
    import httpcore

    # ``/health`` is open to everybody; this is not, and it does not wait for the model either.
    timeout = {"connect": _ANSWER_SECONDS, "read": _ANSWER_SECONDS, "write": _ANSWER_SECONDS}
    try:
        response = httpcore.request(
            "GET",
            f"{state.url}/props",
            headers={"Authorization": f"Bearer {state.api_key}"},
            extensions={"timeout": timeout},
        )
    except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, OSError):
        return False
    return response.status == 200  # noqa: PLR2004  # HTTP's OK.


def is_running(state: EngineState) -> bool:
    """Tell whether the process that the state names is an engine."""
    import psutil

    try:
        process = psutil.Process(state.pid)
        return process.status() != psutil.STATUS_ZOMBIE and _is_engine(process)
    except psutil.Error:
        return False


def end(state: EngineState) -> bool:
    """End the engine, and return whether there was one; another process of its number is spared."""
    import psutil

    try:
        process = psutil.Process(state.pid)
        if state.pid == os.getpid() or not _is_engine(process):
            return False
        process.terminate()
    except psutil.NoSuchProcess:
        return False
    try:
        _wait_or_kill(process)
    except psutil.NoSuchProcess:
        # It left, and whoever started it has taken note of that before we could.
        return True
    except psutil.TimeoutExpired:
        return False
    return True


def _wait_or_kill(process: psutil.Process) -> None:
    import psutil

    with suppress(psutil.TimeoutExpired):
        process.wait(_LEAVE_SECONDS)
        return
    process.kill()
    process.wait(_LEAVE_SECONDS)


def memory_bytes(state: EngineState) -> int:
    """Return the resident memory of the engine; 0 if it is gone."""
    import psutil

    try:
        return int(psutil.Process(state.pid).memory_info().rss)
    except psutil.Error:
        return 0


def _is_engine(process: object) -> bool:
    import psutil

    assert isinstance(process, psutil.Process)  # noqa: S101
    return not _MODULES.isdisjoint(process.cmdline())
