"""Two opinions on how a line goes on: the model's, and that of the words written before.

Where both say the same, it is likelier than either thinks alone; where they differ, each is worth
half.  A mixture of a neural model and an n-gram cache is better than both (Hellendoorn and
Devanbu, 2017); here whole beginnings are mixed and not single tokens, because a model behind a
wire says only what it thinks of its own.
"""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from codelsp.engine.port import Token

if TYPE_CHECKING:
    from codelsp.pipeline.generated import Generated

_DISSENT = 0.5
"""What a beginning is still worth when the other says something else."""


def mixed(one: Generated, other: Generated | None) -> Generated:
    """Return ``one`` with the log-probabilities of both opinions.

    White space is not looked at: how deep a line is indented is no difference of opinion.
    Without log-probabilities on both sides, ``one`` is returned as it is.
    """
    if other is None or not one.has_opinion or (other.text and not other.has_opinion):
        return one
    sums = other.sums
    said, heard = _visible(one.text), _visible(other.text)
    tokens: list[Token] = []
    before = 0.0
    for token, (n_visible, total) in zip(one.tokens, one.sums, strict=True):
        if token.log_prob is None:
            tokens.append(token)
            continue
        agrees = n_visible <= len(heard) and said[:n_visible] == heard[:n_visible]
        beside = next((far for n, far in sums if n >= n_visible), None) if agrees else None
        after = _both(total, beside)
        tokens.append(Token(token.text, min(after - before, 0.0)))
        before = min(after, before)
    return replace(one, tokens=tuple(tokens))


def _both(log_prob: float, beside: float | None) -> float:
    """Return the log-probability of a beginning that ``beside`` agrees with, or does not (None)."""
    chance = math.exp(log_prob)
    if beside is None:
        together = _DISSENT * chance
    else:
        together = 1.0 - (1.0 - chance) * (1.0 - math.exp(beside))
    # What neither takes for possible has no logarithm any more.
    return math.log(max(together, sys.float_info.min))


def _visible(text: str) -> str:
    return "".join(text.split())
