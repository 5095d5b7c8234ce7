"""When Python looks for garbage: while nobody waits.

Reference counts free nearly everything at once.  What is left, objects that hold each other, a
collector looks for after every few hundred new objects, in the middle of whatever is being done:
two milliseconds of one keystroke in fifteen.  So it waits for longer, and is called when an answer
has been written.  To call it after each one is worse: what it looks at takes the place of what the
next keystroke needs in the processor's caches.

The collector is the process's, and so are these functions.
"""

from __future__ import annotations

import gc
import threading
from itertools import count

WORTH_LOOKING = 7_000
"""New objects since the last look, about a megabyte: those of a dozen keystrokes."""
_AUTOMATIC = 50_000
"""New objects after which it looks by itself, wait who may."""
_FULL_EVERY = 64
"""Looks of which one is at old objects too."""

_looks = count(1)
_must_settle = threading.Event()


def settle_later() -> None:
    """Settle when the first answer has been given: an editor waits for that.

    Meanwhile Python looks as often as it likes.  Where it does not, what stays lies scattered among
    what does not, and each keystroke takes a twentieth longer.
    """
    _must_settle.set()


def settle() -> None:
    """Look at all there is, and never again at it: what has been imported stays."""
    _must_settle.clear()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_AUTOMATIC)


def collect() -> None:
    """Look for garbage, if there may be much, now that nobody waits."""
    if _must_settle.is_set():
        settle()
    elif gc.get_count()[0] >= WORTH_LOOKING:
        gc.collect(1 if next(_looks) % _FULL_EVERY else 2)
