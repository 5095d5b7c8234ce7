"""The learning rate over a run: warm up, stay, decay (WSD), by tokens, steps or wall clock.

The middle part does not know how long the run will be: a run may be prolonged, or a decayed model
branched off, at any moment.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

Unit = Literal["tokens", "seconds", "steps"]
Curve = Literal["linear", "cosine"]


@dataclass(frozen=True)
class Schedule:
    """Lengths in tokens, in seconds of training, or in steps, as ``unit`` says.

    Raises:
        ValueError: a length or a share is none, or there is no such unit or curve.
    """

    total: float
    warmup: float
    decay: float
    """The length of the last part, in which the rate falls."""
    floor: float = 0.05
    """The rate at the very end, as a share of the highest."""
    unit: Unit = "tokens"
    curve: Curve = "linear"
    """How it falls."""

    def __post_init__(self) -> None:
        for name in ("total", "warmup", "decay", "floor"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
                raise ValueError(f"schedule.{name} is {value!r}, and not a number from 0 on")
        for name, choices in (("unit", get_args(Unit)), ("curve", get_args(Curve))):
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"schedule.{name} is {getattr(self, name)!r}, and none of {', '.join(choices)}"
                )

    def factor(self, done: float) -> float:
        """Return the share of the highest rate after ``done``."""
        left = self.total - done
        factor = min(1.0, (done + 1) / self.warmup) if self.warmup else 1.0
        if left < self.decay:
            share = max(0.0, left) / self.decay
            if self.curve == "cosine":
                share = (1 - math.cos(math.pi * share)) / 2
            factor = min(factor, self.floor + (1 - self.floor) * share)
        return factor

    def is_over(self, done: float) -> bool:
        """Tell whether the run has reached its end."""
        return done >= self.total

    def done(self, tokens: int, seconds: float, steps: int) -> float:
        """Return how far a run is, in the schedule's own unit."""
        return {"tokens": tokens, "seconds": seconds, "steps": steps}[self.unit]
