"""The sure part: where a model stops being sure, a completion stops too.

What a small model writes is often right for some words and then goes astray.  The words that are
right are worth a key; with the rest behind them they are worth nothing.  So of what may be shown
unasked, the beginning is taken that is expected to save most: its length times the chance that all
of it is right, which is the product of its tokens' probabilities.

It ends where a word does, for half a name is no help to a reader.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from codelsp.candidates.candidate import Candidate
    from codelsp.context.completion_context import CompletionContext

_STEP = "sure_part"
_LEAST_CHARS = 2
_WORTH_CUTTING = 1.2
"""How many times more than the whole a beginning must be worth: a closed bracket reads better."""
_VISIBLE = re.compile(r"\S")
_WORD = re.compile(r"\w")


def sure_part(candidate: Candidate, context: CompletionContext, least: float) -> Candidate:
    """Return the beginning of ``candidate`` that is worth most, or all of it.

    Args:
        candidate: Cleaned; without ``sureness`` it is returned as it is.
        context: Where it is to stand.
        least: The chance of being right that the beginning must have; where none has it, the
            candidate is returned as it is, for ranking to judge.
    """
    best_value, best, whole_value = 0.0, None, 0.0
    whole = len(candidate.text.rstrip())
    for end, log_prob, n_tokens in _beginnings(candidate, context):
        chance = math.exp(log_prob)
        n_visible = len(_VISIBLE.findall(candidate.text, _n_typed(candidate, context), end))
        if chance < least or n_visible < _LEAST_CHARS:
            continue
        # The key that takes it is paid whatever its length.
        value = chance * (n_visible - 1)
        if value > best_value:
            best_value, best = value, (end, n_tokens)
        if end >= whole:
            whole_value = value
    if best is None or whole_value * _WORTH_CUTTING >= best_value:
        return candidate
    return _cut(candidate, *best)


def _cut(candidate: Candidate, end: int, n_tokens: int) -> Candidate:
    """Return ``candidate`` up to ``end``; what it covered right of the cursor stands again."""
    cut = candidate.changed(
        _STEP,
        "the model is less sure of the rest",
        text=candidate.text[:end].rstrip(),
        log_probs=tuple(_steps(candidate, n_tokens)),
        errors_left=None,
    )
    return replace(cut, end=cut.end - len(cut.covered), covered="")


def _steps(candidate: Candidate, n_tokens: int) -> Iterator[float]:
    """Yield the log-probabilities of the first tokens, from their sums."""
    before = 0.0
    for _, total in candidate.sureness[:n_tokens]:
        yield total - before
        before = total


def _beginnings(
    candidate: Candidate, context: CompletionContext
) -> Iterator[tuple[int, float, int]]:
    """Yield the ends of beginnings that end with a word, their log-probability and tokens.

    Cleaning changes the white space of a text and cuts its end, so visible characters are what
    tokens and text are matched by.
    """
    text = candidate.text
    places = [match.end() for match in _VISIBLE.finditer(text, _n_typed(candidate, context))]
    for n_tokens, (n_visible, log_prob) in enumerate(candidate.sureness, 1):
        if n_visible >= len(places):
            yield len(text.rstrip()), log_prob, n_tokens
            return
        if n_visible == 0:
            continue
        end = places[n_visible - 1]
        if not (_WORD.match(text, end - 1) and _WORD.match(text, end)):
            yield end, log_prob, n_tokens


def _n_typed(candidate: Candidate, context: CompletionContext) -> int:
    """Return how much of the text stands before the cursor already."""
    return max(0, context.offset - candidate.start)
