"""Loops: a small model that has lost its way writes the same again and again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from codelsp.candidates.surroundings import cut_text, is_telling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codelsp.candidates.candidate import Candidate
    from codelsp.context.completion_context import CompletionContext

_STEP = "repetition"
LONGEST_PERIOD_LINES = 4
_LOOP = re.compile(r"(?P<unit>[^\n]{1,40}?)(?P=unit){3,}")
_LETTERS = re.compile(r"[^\W\d_]{2}")
_RULER = re.compile(r"(\W)\1*")
_LEAST_MARK_REPEATS = 16
_WINDOW_CHARS = 320


def cut_repetition(candidate: Candidate, _context: CompletionContext) -> Candidate:
    """End the text where it begins to repeat itself, after the first time.

    A loop within a line leaves nothing of that line: what was repeated was seldom right once.
    """
    lines = candidate.text.split("\n")
    n_kept = lines_before_loop(lines)
    if n_kept is not None:
        kept = "\n".join(lines[:n_kept])
        return cut_text(candidate, _STEP, "lines repeat themselves", len(kept))
    loop = loop_in_line(candidate.text)
    if loop is None:
        return candidate
    kept = candidate.text[: max(candidate.text.rfind("\n", 0, loop), 0)]
    if not kept.strip():
        return candidate.dropped(_STEP, "a line repeats itself")
    return cut_text(candidate, _STEP, "a line repeats itself", len(kept))


def lines_before_loop(lines: Sequence[str]) -> int | None:
    """Return how many of ``lines`` come before the first repeat, or None if they do not loop.

    One line has to come three times; several have to come whole twice.  Lines that say little
    (``0,``, ``}``, ``<br>``) may be repeated.
    """
    solid = [(number, line.strip()) for number, line in enumerate(lines) if line.strip()]
    texts = [text for _, text in solid]
    for start in range(len(texts)):
        for period in range(1, LONGEST_PERIOD_LINES + 1):
            repeats = 3 if period == 1 else 2
            unit = texts[start : start + period]
            if not any(is_telling(text) for text in unit):
                continue
            if texts[start : start + period * repeats] == unit * repeats:
                return solid[start + period][0]
    return None


def loop_in_line(text: str) -> int | None:
    """Return where a loop within one line begins near the end of ``text``, or None.

    Words loop when they come four times.  Rulers (``# ------``), indentation and short rows of
    numbers are no loops.
    """
    window = max(0, len(text) - _WINDOW_CHARS)
    for found in _LOOP.finditer(text, window):
        unit = found.group("unit")
        if _LETTERS.search(unit):
            return found.start()
        n_repeats = len(found.group()) // len(unit)
        if n_repeats >= _LEAST_MARK_REPEATS and not _RULER.fullmatch(found.group()):
            return found.start()
    return None
