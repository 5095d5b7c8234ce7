"""From scores to the next token: penalties, filters, chance; and what the model thought of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

FILTERS = ("top_k", "top_p", "min_p", "temperature", "infill")
"""The steps that are known, by llama.cpp's names."""
_DEFAULT_ORDER = ("top_k", "top_p", "min_p", "temperature")
_INFILL_LEAST = 0.2
_INFILL_END_WEIGHT = 3


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


def generator_of(seed: int) -> torch.Generator:
    """Return a source of chance; the same ``seed``, the same tokens."""
    return torch.Generator().manual_seed(seed & 0xFFFF_FFFF_FFFF)


def best_tokens(logits: Tensor, n_top: int) -> list[Choice]:
    """Return the best token of each row of ``logits``, (rows, vocabulary)."""
    best, tokens = logits.max(-1)
    log_probs = best - logits.logsumexp(-1)
    tops = _tops(logits, n_top)
    pairs = zip(tokens.tolist(), log_probs.tolist(), strict=True)
    return [Choice(token, log_prob, tops[row]) for row, (token, log_prob) in enumerate(pairs)]


@dataclass(frozen=True)
class Shortlist:
    """The scores of one row that choices are made from, found for all rows at once."""

    logits: Tensor
    """All of them, (vocabulary)."""
    scores: Tensor
    """Best first, (most tokens)."""
    tokens: Tensor
    log_total: float
    """Logarithm of the sum of all scores' exponentials."""


def shortlists(logits: Tensor, sampling: Sampling) -> list[Shortlist]:
    """Return what may be drawn for each row of ``logits``, (rows, vocabulary)."""
    k = _most_drawn(sampling, logits.shape[-1])
    scores, tokens = logits.float().cpu().topk(k)
    totals = logits.logsumexp(-1).tolist()
    return [Shortlist(*row) for row in zip(logits, scores, tokens, totals, strict=True)]


def drawn_token(
    shortlist: Shortlist,
    sampling: Sampling,
    chance: torch.Generator,
    *,
    ends: frozenset[int] = frozenset(),
    n_top: int = 0,
) -> Choice:
    """Return what ``sampled_token`` does where nothing but ``sampling`` matters."""
    token = _chosen(shortlist.scores, shortlist.tokens, sampling, chance, ends)
    log_prob = float(shortlist.logits[token]) - shortlist.log_total
    return Choice(token, log_prob, _tops(shortlist.logits[None], n_top)[0])


def sampled_token(  # noqa: PLR0913  # what is known at a step
    logits: Tensor,
    sampling: Sampling,
    chance: torch.Generator,
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
    log_total = logits.logsumexp(-1)
    scores = _adjusted(logits, sampling, history) if sampling.changes_scores else logits
    if allowed is not None:
        index = torch.tensor(allowed, device=logits.device)
        scores = torch.full_like(logits, -torch.inf).index_copy(0, index, scores[index])
    if sampling.is_greedy:
        token = int(scores.argmax())
    else:
        token = _drawn(scores.float().cpu(), sampling, chance, ends)
    return Choice(token, float(logits[token] - log_total), _tops(logits[None], n_top)[0])


def _tops(logits: Tensor, n_top: int) -> list[tuple[tuple[int, float], ...]]:
    if n_top <= 0:
        return [()] * logits.shape[0]
    log_probs = logits.log_softmax(-1)
    values, indices = log_probs.topk(min(n_top, logits.shape[-1]), -1)
    rows = zip(indices.tolist(), values.tolist(), strict=True)
    return [tuple(zip(tokens, probs, strict=True)) for tokens, probs in rows]


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


def _drawn(
    scores: Tensor, sampling: Sampling, chance: torch.Generator, ends: frozenset[int]
) -> int:
    kept, tokens = scores.topk(_most_drawn(sampling, scores.shape[0]))
    return _chosen(kept, tokens, sampling, chance, ends)


def _most_drawn(sampling: Sampling, n_scores: int) -> int:
    has_limit = "top_k" in sampling.order and sampling.top_k > 0
    return min(sampling.top_k, n_scores) if has_limit else n_scores


def _chosen(
    kept: Tensor,
    tokens: Tensor,
    sampling: Sampling,
    chance: torch.Generator,
    ends: frozenset[int],
) -> int:
    for step in sampling.order:
        kept, tokens = _STEPS[step](kept, tokens, sampling, ends)
    if torch.isnan(kept).any():
        return int(tokens[0])  # Whoever asked sees the NaN in its log-probability.
    return int(tokens[int(torch.multinomial(kept.softmax(-1), 1, generator=chance))])


def _top_k(
    scores: Tensor, tokens: Tensor, _sampling: Sampling, _ends: frozenset[int]
) -> tuple[Tensor, Tensor]:
    return scores, tokens  # Done first of all: the rest then works on few tokens.


def _top_p(
    scores: Tensor, tokens: Tensor, sampling: Sampling, _ends: frozenset[int]
) -> tuple[Tensor, Tensor]:
    if sampling.top_p >= 1.0:
        return scores, tokens
    probabilities = scores.softmax(-1)
    before = probabilities.cumsum(-1) - probabilities
    kept = before < sampling.top_p
    kept[0] = True
    return scores[kept], tokens[kept]


def _min_p(
    scores: Tensor, tokens: Tensor, sampling: Sampling, _ends: frozenset[int]
) -> tuple[Tensor, Tensor]:
    if sampling.min_p <= 0.0:
        return scores, tokens
    probabilities = scores.softmax(-1)
    kept = probabilities >= sampling.min_p * probabilities[0]
    return scores[kept], tokens[kept]


def _temperature(
    scores: Tensor, tokens: Tensor, sampling: Sampling, _ends: frozenset[int]
) -> tuple[Tensor, Tensor]:
    return scores / sampling.temperature, tokens


def _infill(
    scores: Tensor, tokens: Tensor, _sampling: Sampling, ends: frozenset[int]
) -> tuple[Tensor, Tensor]:
    """Rather end than write what is unlikely.

    After llama.cpp's sampler of this name, without its merging of tokens with a common beginning.
    """
    probabilities = scores.softmax(-1)
    is_end = torch.tensor([int(token) in ends for token in tokens])
    p_end, p_text = float(probabilities[is_end].sum()), float(probabilities[~is_end].sum())
    if is_end.any() and _INFILL_END_WEIGHT * p_end * len(tokens) > p_text:
        return scores[is_end], tokens[is_end]
    likely = is_end | (probabilities >= _INFILL_LEAST)
    n_texts = int((likely & ~is_end).sum())
    if n_texts == 0:
        # Nothing is likely: end if the model knows how, else its best.
        return (scores[is_end], tokens[is_end]) if is_end.any() else (scores[:1], tokens[:1])
    scores, tokens, is_end = scores[likely], tokens[likely], is_end[likely]
    kept = is_end | (scores.softmax(-1) >= 1 / (n_texts + 1))
    return scores[kept], tokens[kept]


_STEPS = {
    "top_k": _top_k,
    "top_p": _top_p,
    "min_p": _min_p,
    "temperature": _temperature,
    "infill": _infill,
}
