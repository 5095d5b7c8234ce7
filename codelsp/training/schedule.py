"""The learning rate over a run: warm up, stay, decay (WSD), by tokens or by wall clock.

The middle part does not know how long the run will be: a run may be prolonged, or a decayed model
branched off, at any moment.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Schedule:
    """Lengths in tokens, or in seconds of training, as ``unit`` says."""

    total: float
    warmup: float
    decay: float
    """The length of the last part, in which the rate falls."""
    floor: float = 0.05
    """The rate at the very end, as a share of the highest."""
    unit: Literal["tokens", "seconds"] = "tokens"
    curve: Literal["linear", "cosine"] = "linear"
    """How it falls."""

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

    def done(self, tokens: int, seconds: float) -> float:
        """Return how far a run is, in the schedule's own unit."""
        return tokens if self.unit == "tokens" else seconds
