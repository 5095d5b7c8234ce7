"""Whether the machine has nothing better to do than to train.

It has while nobody is completing code, the processors have less to do than half of them could, and
a laptop is on mains power.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import psutil

from codelsp.engine.state_file import read_states, state_dir

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

QUIET_SECONDS = 120.0
"""So long nobody must have asked the engine; it notes requests within 15 seconds."""
MOST_LOAD = 0.5
"""Share of all processors that others may use."""
_LOOK_SECONDS = 5.0
_LEAST_SPAN_SECONDS = 0.5


class Idleness:
    """Looks at the machine; its first look starts the measurement of the load.

    Args:
        engines: The folder of the engines' state files; None is the user's own.
        quiet_seconds: How long no engine may have worked.
        most_load: Share of all processors that other processes may use.
    """

    def __init__(
        self,
        engines: Path | None = None,
        quiet_seconds: float = QUIET_SECONDS,
        most_load: float = MOST_LOAD,
    ) -> None:
        self._engines = engines or state_dir()
        self._quiet_seconds = quiet_seconds
        self._most_load = most_load
        self._own = psutil.Process()
        self._last = self._measured()

    def reason_busy(self) -> str | None:
        """Return why this is no time to train; None if it is one."""
        seconds = self._seconds_since_work()
        if seconds < self._quiet_seconds:
            return f"code was completed {seconds:.0f} seconds ago"
        if _is_on_battery():
            return "the machine runs on its battery"
        load = self._load_of_others()
        if load > self._most_load:
            return f"other programs use {load:.0%} of the processors"
        return None

    def wait(self, stopping: Callable[[], bool], told: Callable[[str], None]) -> None:
        """Return when the machine is idle, or ``stopping`` says so; ``told`` hears why it waits."""
        while not stopping():
            reason = self.reason_busy()
            if reason is None:
                return
            told(reason)
            until = time.monotonic() + _LOOK_SECONDS
            while time.monotonic() < until and not stopping():
                time.sleep(0.2)

    def _seconds_since_work(self) -> float:
        """Return the seconds since any engine worked; an engine renews its file's time then."""
        if self._engines is None:
            return float("inf")
        newest = 0.0
        for file, state in read_states(self._engines).items():
            if psutil.pid_exists(state.pid):
                try:
                    newest = max(newest, file.stat().st_mtime)
                except OSError:
                    continue
        return time.time() - newest

    def _load_of_others(self) -> float:
        now = self._measured()
        # Too short a span says nothing: what was known before holds.
        if now[0] - self._last[0] < _LEAST_SPAN_SECONDS:
            time.sleep(_LEAST_SPAN_SECONDS)
            now = self._measured()
        span = now[0] - self._last[0]
        busy = (now[1] - self._last[1]) / span / (psutil.cpu_count() or 1)
        self._last = now
        return max(0.0, busy)

    def _measured(self) -> tuple[float, float]:
        """Return the clock, and the processor seconds that others have had, at usual priority."""
        times = psutil.cpu_times()
        own = self._own.cpu_times()
        # Where low priority is counted apart, this process's own time is in that count.
        own_seconds = 0.0 if hasattr(times, "nice") else own.user + own.system
        return time.monotonic(), times.user + times.system - own_seconds


def _is_on_battery() -> bool:
    try:
        battery = psutil.sensors_battery()
    except (AttributeError, OSError, RuntimeError):
        return False
    return battery is not None and battery.power_plugged is False
