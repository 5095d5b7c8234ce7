"""Fits a candidate to the text right of the cursor: covers what it repeats, cuts what is too much.

The range may grow over the rest of the cursor's line, never beyond: no editor replaces text on
another line for an inline completion.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from codelsp.candidates.frame import Frame
from codelsp.candidates.surroundings import after_on_line, cut_text

if TYPE_CHECKING:
    from codelsp.candidates.brackets import Balance, Scan
    from codelsp.candidates.candidate import Candidate
    from codelsp.context.completion_context import CompletionContext

_STEP, _STRAY_STEP = "fit_suffix", "cut_stray_closer"
_CLOSER_RUN = re.compile(r"[)\]}\"'`>]+")
_MOST_OVERLAP = 200


@dataclass(frozen=True)
class Cover:
    """How much of the line's rest a candidate replaces, and how well all fits then."""

    n_chars: int
    is_overlap: bool
    balance: Balance | None

    @property
    def rank(self) -> tuple[int, int, int]:
        """Order: brackets that fit, then the longest text in common, then the least replaced."""
        cost = self.balance.cost if self.balance else 0
        return (cost, -self.n_chars, 0) if self.is_overlap else (cost, 0, self.n_chars)


def cut_stray_closer(candidate: Candidate, context: CompletionContext) -> Candidate:
    """End the text before a closing bracket that the document does not need.

    What comes later looks at the text's end, so this is seen to early.
    """
    frame = Frame.of(context)
    # Most generations have no bracket to fit.
    if frame is None or not _CLOSER_RUN.search(candidate.text):
        return candidate
    excess = frame.before().excess
    rest = after_on_line(candidate, context)
    frame = replace(frame, rest=rest)
    if not _is_stray(candidate.text, rest, frame, excess):
        return candidate
    for _, place in reversed(frame.scanned(candidate.text).closers):
        kept = candidate.text[:place].rstrip()
        if not _is_stray(kept, rest, frame, excess):
            if not kept.strip():
                break
            reason = "a closing bracket that the document does not need"
            return cut_text(candidate, _STRAY_STEP, reason, len(kept))
    return candidate.dropped(_STRAY_STEP, "closing brackets that the document does not need")


def _is_stray(text: str, rest: str, frame: Frame, excess: int) -> bool:
    """Whether ``text`` closes more than ``excess`` brackets that nothing opens."""
    balance = best_cover(text, rest, frame).balance
    return balance is not None and balance.excess > excess


def fit_suffix(candidate: Candidate, context: CompletionContext) -> Candidate:
    """Cover the text right of the cursor that the candidate repeats or closes."""
    rest = after_on_line(candidate, context)
    if not rest.strip():
        return candidate
    frame = Frame.of(context)
    cover = best_cover(candidate.text, rest, frame and replace(frame, rest=rest))
    return _covering(candidate, rest, cover)


def best_cover(text: str, rest: str, frame: Frame | None) -> Cover:
    """Return how much of ``rest`` it is best that ``text`` replaces."""
    text = _as_shown(text)
    scanned = frame.scanned(text) if frame else None
    lengths = {0: False}
    if frame is not None and scanned is not None:
        lengths.update(dict.fromkeys(_closed(rest, frame, scanned), False))
    lengths.update(dict.fromkeys(overlaps(text, rest), True))
    covers = (
        Cover(length, is_overlap, frame.after(text, length, scanned) if frame else None)
        for length, is_overlap in lengths.items()
    )
    return min(covers, key=lambda cover: cover.rank)


def _closed(rest: str, frame: Frame, scanned: Scan) -> range:
    """Return how many closers at the beginning of ``rest`` a text may close in their place."""
    run = _CLOSER_RUN.match(rest)
    n_closed = len(scanned.closers)
    if frame.quote is not None and scanned.quote is None:
        n_closed += len(frame.quote)
    return range(1, min(run.end() if run else 0, n_closed) + 1)


def overlaps(text: str, rest: str) -> list[int]:
    """Return every length of ``rest`` that ``text`` ends with, words kept whole.

    A first line that ends with all of ``rest`` counts too: what comes after it goes below.
    """
    whole = len(rest.rstrip())
    if not whole:
        return []
    text = _as_shown(text)
    found = [
        length
        for length in range(1, min(whole, len(text), _MOST_OVERLAP) + 1)
        if text.endswith(rest[:length]) and not _splits_word(text, rest, length)
    ]
    if len(text) > whole and text.endswith(rest[:whole]) and whole > _MOST_OVERLAP:
        found.append(whole)
    first, _, more = text.partition("\n")
    if more and first.strip() and first.endswith(rest[:whole]):
        found.append(whole)
    return found


def _as_shown(text: str) -> str:
    """Return ``text`` without a line end behind it, which ``trim_end`` takes off."""
    ending = text.rstrip()
    return ending if "\n" in text[len(ending) :] else text


def _splits_word(text: str, rest: str, length: int) -> bool:
    ends_inside = length < len(rest) and _is_word(rest[length - 1]) and _is_word(rest[length])
    place = len(text) - length
    begins_inside = place > 0 and _is_word(text[place - 1]) and _is_word(text[place])
    return ends_inside or begins_inside or not rest[:length].strip()


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _covering(candidate: Candidate, rest: str, cover: Cover) -> Candidate:
    if cover.n_chars == 0:
        return candidate
    covered = rest[: cover.n_chars]
    how = "repeats" if cover.is_overlap else "closes"
    return candidate.changed(
        _STEP,
        f"{how} {cover.n_chars} characters right of the cursor",
        end=candidate.end + cover.n_chars,
        covered=candidate.covered + covered,
    )


def uncovered(candidate: Candidate) -> Candidate:
    """Return the candidate with the text right of the cursor left alone."""
    n_chars = len(candidate.covered)
    return replace(candidate, end=candidate.end - n_chars, covered="")
