"""Results of the typing simulator to figures, with intervals over files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from codelsp.evaluation.figures import percentile
from codelsp.evaluation.intervals import Interval, difference, share
from codelsp.evaluation.typist import LOOK_COST

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from codelsp.evaluation.ledger import Ledger, Record

TYPING_METRICS: dict[str, tuple[str, Callable[[Record], tuple[float, float]]]] = {
    "keystrokes saved": (
        "keys not pressed, of those that typing everything takes; one key takes a completion",
        lambda r: (r["keys_without"] - r["keys_used"], r["keys_without"]),
    ),
    "keystrokes saved, glances counted": (
        "the same, where each new wrong completion costs one key more",
        lambda r: (
            r["keys_without"] - r["keys_used"] - LOOK_COST * r["distinct_wrong"],
            r["keys_without"],
        ),
    ),
    "ratio of completed code": (
        "characters written by completions, of all",
        lambda r: (r["completed_chars"], r["chars"]),
    ),
    "matched ratio": (
        "characters right from the first on, of all that were proposed",
        lambda r: (r["matched_chars"], r["proposed_chars"]),
    ),
    "shown": ("requests answered with something", lambda r: (r["shown"], r["asked"])),
    "right among shown": (
        "taken, of the answers that showed something: the acceptance rate of this typist",
        lambda r: (r["right"], r["shown"]),
    ),
    "right among distinct": (
        "the same, a completion that is typed along counted once",
        lambda r: (r["right"], r["distinct_shown"]),
    ),
    "marked as public code": (
        "answers with a stretch of known public code, of the new ones that showed something",
        lambda r: (r.get("public", 0), r.get("looked_up", 0)),
    ),
    "marked as insecure": (
        "the same with what is known to be insecure",
        lambda r: (r.get("insecure", 0), r.get("looked_up", 0)),
    ),
}
"""Name to what it says, and how it is made of one file's counts: numerator and denominator."""


def typing_figures(ledger: Ledger) -> dict[str, Any]:
    """Return the figures of one model, and the times of its replies in milliseconds."""
    records = list(ledger.records.values())
    times = [elapsed for record in records for elapsed in record["reply_ms"]]
    return {
        "model": ledger.head.get("model", ""),
        "figures": {name: _share(records, name).as_dict() for name in TYPING_METRICS},
        "keys": sum(record["keys_without"] for record in records),
        "files": len(records),
        "reply_ms": {f"p{percent}": percentile(times, percent) for percent in (50, 95)},
    }


def typing_differences(ledgers: Sequence[Ledger]) -> list[dict[str, Any]]:
    """Return how far the first model is above each other one, paired by file."""
    if not ledgers:
        return []
    first, *others = ledgers
    found = []
    for other in others:
        label = f"{first.head.get('model', '')} - {other.head.get('model', '')}"
        for name in TYPING_METRICS:
            apart = difference(_values(first, name), _values(other, name))
            found.append({"model": label, "metric": name, **apart.as_dict()})
    return found


def _values(ledger: Ledger, name: str) -> list[tuple[str, float, float]]:
    above_below = TYPING_METRICS[name][1]
    return [(record["file"], *above_below(record)) for record in ledger.records.values()]


def _share(records: Sequence[Record], name: str) -> Interval:
    above_below = TYPING_METRICS[name][1]
    return share([(record["file"], *above_below(record)) for record in records])
