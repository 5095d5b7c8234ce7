"""When an engine process should leave: nobody has asked it anything, or nobody can find it."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from codelsp.engine.state_file import read_state

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from pathlib import Path

_LONGEST_LOOK_SECONDS = 15.0
_LOOKS_PER_IDLE_TIME = 5
_MOST_LOG_BYTES = 8 * 1024 * 1024


class IdleWatch:
    """Looks now and then whether the engine is still of use.

    Args:
        work_done: returns a number that grows with every request, None while one is answered.
        idle_seconds: how long it may stay the same; 0 for ever.
    """

    def __init__(self, work_done: Callable[[], float | None], idle_seconds: float) -> None:
        self.reason = ""
        """Why the engine leaves."""
        self._work_done = work_done
        self._idle_seconds = idle_seconds
        self._last_work: float | None = 0.0
        self._last_change = time.monotonic()

    def run(self, leave: threading.Event, state: Path | None) -> None:
        """Return when it is time to leave: idle, told so, or no longer found in ``state``."""
        seconds = _LONGEST_LOOK_SECONDS
        if self._idle_seconds:
            seconds = min(seconds, self._idle_seconds / _LOOKS_PER_IDLE_TIME)
        while not leave.wait(seconds):
            if self._is_idle(state):
                self.reason = f"idle for {self._idle_seconds:g} seconds"
                return
            if state is not None and _is_lost(state):
                self.reason = "its state file is gone or another engine's"
                return
            _keep_log_short()
        self.reason = "it was told to"

    def _is_idle(self, state: Path | None) -> bool:
        work = self._work_done()
        now = time.monotonic()
        if work is None or work != self._last_work:
            self._last_work, self._last_change = work, now
            if state is not None:
                with suppress(OSError):
                    os.utime(state)
        return 0 < self._idle_seconds <= now - self._last_change


def _is_lost(path: Path) -> bool:
    state = read_state(path)
    return state is None or state.pid != os.getpid()


def _keep_log_short() -> None:
    """Empty the log that standard error goes to, should llama.cpp ever flood it."""
    with suppress(OSError):
        if os.fstat(2).st_size > _MOST_LOG_BYTES:
            os.ftruncate(2, 0)
