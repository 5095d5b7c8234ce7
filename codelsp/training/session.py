"""One session of a run: when it saves, when it stops, and what a signal does."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from codelsp.training.recipe import Recipe


@dataclass(frozen=True)
class Limits:
    """When to stop before the schedule does; for runs in pieces."""

    seconds: float = float("inf")
    """Of wall clock in this session."""
    steps: int = 2**62


NO_LIMITS = Limits()


class Clock:
    """When checkpoints and validations are due, and when the session is over."""

    def __init__(self, recipe: Recipe, seconds: float, limits: Limits) -> None:
        self._cadence, self._limits = recipe.cadence, limits
        self._saved = self._validated = seconds
        self._started = time.monotonic()

    def checkpoint_is_due(self, seconds: float, step: int) -> bool:
        """Tell whether to save now, after ``seconds`` and ``step`` steps; then it counts anew."""
        if self._cadence.checkpoint_steps:
            return step % self._cadence.checkpoint_steps == 0
        if seconds - self._saved < self._cadence.checkpoint:
            return False
        self._saved = seconds
        return True

    def validation_is_due(self, seconds: float, step: int) -> bool:
        """Tell whether to validate now, at ``step`` of the run; the next time counts anew."""
        if self._cadence.validate_steps:
            return step % self._cadence.validate_steps == 0
        if seconds - self._validated < self._cadence.validate:
            return False
        self._validated = seconds
        return True

    def is_over(self, n_steps: int) -> bool:
        """Tell whether a limit is reached after ``n_steps`` of this session."""
        spent = time.monotonic() - self._started
        return n_steps >= self._limits.steps or spent >= self._limits.seconds


@contextmanager
def stopping_on_signals(stop: threading.Event) -> Iterator[None]:
    """Let SIGTERM and Ctrl-C end the run after its step; a second Ctrl-C ends it at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(number: int, frame: object) -> None:
        del number, frame
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def lower_priority() -> None:
    """Give way to everything else on this machine, where the system can."""
    with suppress(AttributeError, OSError):
        os.nice(19)
