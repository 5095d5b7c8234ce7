"""A lock between processes, held while an engine is started."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from codelsp.errors import EngineUnavailableError

if TYPE_CHECKING:
    import threading
    from pathlib import Path

_LOOK_SECONDS = 0.01


class StartLock:
    """Waits for its turn, but not when the start is called off, nor for ever.

    The operating system frees the lock of a process that dies (``filelock`` uses its locks, where
    a file's mere existence would outlive a kill).
    """

    def __init__(self, path: Path, cancelled: threading.Event, seconds: float) -> None:
        from filelock import FileLock

        self._lock = FileLock(path)
        self._cancelled = cancelled
        self._seconds = seconds

    def __enter__(self) -> None:
        deadline = time.monotonic() + self._seconds
        while not self._is_acquired():
            if self._cancelled.is_set() or time.monotonic() > deadline:
                raise EngineUnavailableError(
                    "Another codelsp is starting the engine and has not finished;"
                    " `codelsp engine status` says more."
                )
            time.sleep(_LOOK_SECONDS)

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def _is_acquired(self) -> bool:
        from filelock import Timeout

        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            return False
        return True
