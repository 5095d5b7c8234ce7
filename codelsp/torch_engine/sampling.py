"""From scores to the next token: penalties, filters, chance; and what the model thought of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    Floats = NDArray[np.floating]
    Tokens = NDArray[np.int64]
    Flags = NDArray[np.bool_]

FILTERS = ("top_k", "top_p", "min_p", "temperature", "infill")
"""The steps that are known, by llama.cpp's names."""
_DEFAULT_ORDER = ("top_k", "top_p", "min_p", "temperature")
_INFILL_LEAST = 0.2
_INFILL_END_WEIGHT = 3
_LEAST_SHARE = 1e-9


@dataclass(frozen=True)
class Sampling:
    """How tokens are chosen; the defaults are greedy."""

    temperature: float = 0.0
    """0 takes the best token, whatever the rest says."""
    top_k: int = 0
    """0 for all."""
    top_p: float = 1.0
    min_p: float = 0.0
    seed: int = 0
    order: tuple[str, ...] = _DEFAULT_ORDER
    repeat_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    penalized_tokens: int = 64
    """How many of the last tokens the penalties look at; -1 for all."""
    logit_bias: Mapping[int, float] = field(default_factory=dict, hash=False)

    @property
    def is_greedy(self) -> bool:
        """Whether the best token is taken."""
        return self.temperature <= 0.0

    @property
    def changes_scores(self) -> bool:
        """Whether penalties or biases change which token is best."""
        return bool(self.logit_bias) or self._has_penalties

    @property
    def _has_penalties(self) -> bool:
        return (self.repeat_penalty, self.presence_penalty, self.frequency_penalty) != (1.0, 0, 0)


@dataclass(frozen=True)
class Choice:
    """The token that was chosen."""

    token: int
    log_prob: float
    """Natural logarithm of its probability before any filter; NaN if the model computes NaN."""
    top: tuple[tuple[int, float], ...] = ()
    """The likeliest tokens and their logarithms, best first."""


@dataclass(frozen=True)
class Shortlists:
    """The best tokens of each row, best first."""

    scores: Floats
    """(rows, k)"""
    tokens: Tokens
    """(rows, k)"""
    log_totals: Floats
    """Logarithms of the sums of the exponentials of all scores, those not listed too: (rows)."""

    def of_rows(self, rows: Sequence[int]) -> Shortlists:
        """Return the lists of these rows, in this order; one may come several times."""
        if list(rows) == list(range(len(self.tokens))):
            return self
        index = np.asarray(rows)
        return Shortlists(self.scores[index], self.tokens[index], self.log_totals[index])

    def choices(self, n_top: int, indices: Tokens | None = None) -> list[Choice]:
        """Return of each row the token at its index, else the best; and ``n_top`` to tell of."""
        tokens, scores = self.tokens[:, 0], self.scores[:, 0]
        if indices is not None:
            rows = np.arange(len(indices))
            tokens, scores = self.tokens[rows, indices], self.scores[rows, indices]
        rows_of = zip(
            tokens.tolist(), scores.tolist(), self.log_totals.tolist(), self.tops(n_top),
            strict=True,
        )  # fmt: skip
        return [Choice(token, score - total, top) for token, score, total, top in rows_of]

    def tops(self, n_top: int) -> list[tuple[tuple[int, float], ...]]:
        """Return the ``n_top`` likeliest tokens of each row, and their logarithms."""
        if n_top <= 0:
            return [()] * len(self.tokens)
        rows = zip(
            self.tokens[:, :n_top].tolist(), self.scores[:, :n_top].tolist(),
            self.log_totals.tolist(), strict=True,
        )  # fmt: skip
        return [
            tuple((token, score - total) for token, score in zip(tokens, scores, strict=True))
            for tokens, scores, total in rows
        ]


class ListBest(Protocol):
    """Lists the best tokens."""

    def __call__(self, logits: Tensor, k: int) -> Shortlists:
        """Return the ``k`` best tokens of each row of ``logits``, (rows, vocabulary)."""


def shortlists(logits: Tensor, k: int) -> Shortlists:
    """Return the ``k`` best tokens of each row of ``logits``, (rows, vocabulary)."""
    scores, tokens = logits.max(-1, keepdim=True) if k == 1 else logits.topk(k)
    totals = logits.logsumexp(-1, keepdim=True)
    # One copy in the place of three, for each is waited for; 64 bits hold a token's id, too.
    columns = torch.cat([each.double() for each in (scores, tokens, totals)], -1).cpu().numpy()
    return Shortlists(
        columns[:, :k].astype(np.float32), columns[:, k:-1].astype(np.int64), columns[:, -1]
    )


def length_of_shortlists(sampling: Sampling, n_top: int, n_scores: int) -> int:
    """Return how many tokens are needed to choose one, and to tell of ``n_top``."""
    drawn = 1 if sampling.is_greedy else _most_drawn(sampling, n_scores)
    return min(max(drawn, n_top), n_scores)


def chosen_tokens(
    lists: Shortlists,
    sampling: Sampling,
    chances: Sequence[random.Random],
    *,
    ends: frozenset[int] = frozenset(),
    n_top: int = 0,
) -> list[Choice]:
    """Return one token of each row, where nothing but ``sampling`` matters.

    Args:
        lists: As long as ``length_of_shortlists`` says, or longer.
        sampling: How to choose.
        chances: A source of chance for each row.
        ends: The tokens that end a text, for the ``infill`` step.
        n_top: How many of the likeliest tokens to tell.
    """
    if sampling.is_greedy:
        return lists.choices(n_top)
    k = _most_drawn(sampling, lists.tokens.shape[1])
    drawn = _drawn(lists.scores[:, :k], lists.tokens[:, :k], sampling, chances, ends)
    return lists.choices(n_top, drawn)


def sampled_token(  # noqa: PLR0913  # what is known at a step
    logits: Tensor,
    sampling: Sampling,
    chance: random.Random,
    *,
    history: Sequence[int] = (),
    ends: frozenset[int] = frozenset(),
    n_top: int = 0,
    allowed: Sequence[int] | None = None,
) -> Choice:
    """Return one token for ``logits``, (vocabulary).

    Args:
        logits: The model's scores.
        sampling: How to choose.
        chance: The source of chance.
        history: The tokens before, for penalties.
        ends: The tokens that end a text, for the ``infill`` step.
        n_top: How many of the likeliest tokens to tell.
        allowed: The only tokens that may come; None for all.
    """
    n_scores = len(logits)
    scores = _adjusted(logits, sampling, history) if sampling.changes_scores else logits
    if allowed is not None:
        index = torch.tensor(allowed, device=logits.device)
        scores = torch.full_like(logits, -torch.inf).index_copy(0, index, scores[index])
    lists = shortlists(scores[None], length_of_shortlists(sampling, 0, n_scores))
    token = chosen_tokens(lists, sampling, [chance], ends=ends)[0].token
    # What is told is what the model thought, whatever may come.
    thought = shortlists(logits[None], max(1, min(n_top, n_scores)))
    return Choice(
        token, float(logits[token]) - float(thought.log_totals[0]), thought.tops(n_top)[0]
    )


def _adjusted(logits: Tensor, sampling: Sampling, history: Sequence[int]) -> Tensor:
    scores = logits.clone()
    for token, bias in sampling.logit_bias.items():
        scores[token] += bias
    window = sampling.penalized_tokens
    recent = history if window < 0 else history[len(history) - min(window, len(history)) :]
    counts: dict[int, int] = {}
    for token in recent:
        counts[token] = counts.get(token, 0) + 1
    for token, count in counts.items():
        score = scores[token]
        scores[token] = (
            score / sampling.repeat_penalty if score > 0 else score * sampling.repeat_penalty
        )
        scores[token] -= sampling.presence_penalty + count * sampling.frequency_penalty
    return scores


def _most_drawn(sampling: Sampling, n_scores: int) -> int:
    has_limit = "top_k" in sampling.order and sampling.top_k > 0
    return min(sampling.top_k, n_scores) if has_limit else n_scores


def _drawn(
    scores: Floats,
    tokens: Tokens,
    sampling: Sampling,
    chances: Sequence[random.Random],
    ends: frozenset[int],
) -> Tokens:
    """Return the index of one of ``tokens`` for each row; scores are best first."""
    scores = scores.astype(np.float64)
    with np.errstate(invalid="ignore"):  # Infinite scores make NaN.
        for step in sampling.order:
            if step == "infill":
                scores = _infill(scores, np.isin(tokens, list(ends)))
            else:
                scores = _STEPS[step](scores, sampling)
        reached = _weights(scores).cumsum(1)
    total = reached[:, -1]
    wanted = np.minimum([chance.random() for chance in chances] * total, np.nextafter(total, 0))
    # NaN is not above anything, so it chooses the first; whoever asked sees it in what that says.
    indices: Tokens = (reached <= wanted[:, None]).sum(1)
    return indices


def _weights(scores: Floats) -> Floats:
    """Return what is in proportion to the probabilities, 1 for the best."""
    weights: Floats = np.exp(scores - scores.max(1, keepdims=True))
    return weights


def _shares(scores: Floats) -> Floats:
    weights = _weights(scores)
    shares: Floats = weights / weights.sum(1, keepdims=True)
    return shares


def _only(scores: Floats, kept: Flags) -> Floats:
    return np.where(kept, scores, -np.inf)


def _top_k(scores: Floats, _sampling: Sampling) -> Floats:
    return scores  # Done first of all: the rest then works on few tokens.


def _temperature(scores: Floats, sampling: Sampling) -> Floats:
    return scores / sampling.temperature


def _top_p(scores: Floats, sampling: Sampling) -> Floats:
    if sampling.top_p >= 1.0:
        return scores
    shares = _shares(scores)
    return _only(scores, shares.cumsum(1) - shares < max(sampling.top_p, _LEAST_SHARE))


def _min_p(scores: Floats, sampling: Sampling) -> Floats:
    if sampling.min_p <= 0.0:
        return scores
    return _only(scores, _weights(scores) >= sampling.min_p)


def _infill(scores: Floats, is_end: Flags) -> Floats:
    """Rather end than write what is unlikely.

    After llama.cpp's sampler of this name, without its merging of tokens with a common beginning.
    """
    shares = _shares(scores)
    kept = shares > 0
    ends = kept & is_end
    has_ends = ends.any(1, keepdims=True)
    p_end = (shares * is_end).sum(1, keepdims=True)
    is_over = has_ends & (_INFILL_END_WEIGHT * p_end * kept.sum(1, keepdims=True) > 1 - p_end)
    likely = ends | (shares >= _INFILL_LEAST)
    n_texts = (likely & ~is_end).sum(1, keepdims=True)
    again = shares * likely / (shares * likely).sum(1, keepdims=True).clip(_LEAST_SHARE)
    texts = ends | (likely & (again >= 1 / (n_texts + 1)))
    # Where nothing is likely: end if the model knows how, else its best.
    best = kept & (kept.cumsum(1) == 1)
    unlikely = np.where(has_ends, ends, best)
    return _only(scores, np.where(is_over, ends, np.where(n_texts == 0, unlikely, texts)))


_STEPS = {"top_k": _top_k, "top_p": _top_p, "min_p": _min_p, "temperature": _temperature}
