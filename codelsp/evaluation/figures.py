"""``Figure``: one measured number beside its budget, and how a list of samples becomes one."""

from __future__ import annotations

import os
import platform
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Figure:
    """What was measured; ``value`` is None where it could not be, and ``note`` says why."""

    key: str
    what: str
    value: float | None
    unit: str
    budget: float
    is_floor: bool = False
    """Whether the budget is the least, not the most, that is wanted."""
    note: str = ""

    @property
    def is_met(self) -> bool:
        """Whether the budget is kept; a figure that is missing keeps none."""
        if self.value is None:
            return False
        return self.value >= self.budget if self.is_floor else self.value <= self.budget

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        return {
            "key": self.key,
            "what": self.what,
            "value": None if self.value is None else round(self.value, 3),
            "unit": self.unit,
            "budget": self.budget,
            "is_met": self.is_met,
            "note": self.note,
        }


def percentile(samples: Sequence[float], percent: float) -> float | None:
    """Return the value below which ``percent`` of ``samples`` lie, interpolated; None of none."""
    if not samples:
        return None
    ordered = sorted(samples)
    place = (len(ordered) - 1) * percent / 100
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def median(samples: Sequence[float]) -> float | None:
    """Return the middle of ``samples``; None of none."""
    return percentile(samples, 50)


def machine() -> str:
    """Return what a reader needs to compare: processor, cores, system, Python."""
    return (
        f"{_processor()}, {usable_cores()} cores, {platform.system()} {platform.machine()},"
        f" Python {platform.python_version()}"
        f"{'' if is_optimized() else ' built without optimizations'}"
    )


def is_optimized() -> bool:
    """Whether this Python was built with profile-guided optimization, or does not say.

    pyenv's are not, unless it was asked to.  Debian does not configure it but builds so; there,
    the flag that would be used is not among the variables.
    """
    options = str(sysconfig.get_config_var("CONFIG_ARGS") or "")
    flag = str(sysconfig.get_config_var("PGO_PROF_USE_FLAG") or "")
    return not flag or not options or "--enable-optimizations" in options


def usable_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    """Return the processor's name; Linux keeps it in a file, others tell Python."""
    try:
        described = Path("/proc/cpuinfo").read_text("utf-8").split("\n")
    except OSError:
        return platform.processor() or "unknown processor"
    names = (line.partition(":")[2].strip() for line in described if line.startswith("model name"))
    return next(names, platform.processor() or "unknown processor")
