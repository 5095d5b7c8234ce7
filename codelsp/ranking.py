"""Best first; below the threshold, nothing.

The estimate is a logistic regression over a few figures that cost nothing: what the model thought
of its own tokens, how long the text is, how it ended, and what the steps of ``candidates`` found.
It serves two questions, with weights for each.  *Which of several is best?* is asked when the user
asks: there the mean over tokens ranks better than the sum (Chen et al. 2021, section 3.2).  *Is the
one there is right as a whole?* is asked when nobody does: there the product of the probabilities is
the answer, and no weights that were fitted did better (``codelsp evaluate threshold``).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from codelsp.candidates.candidate import Verdict
from codelsp.candidates.surroundings import split_lines
from codelsp.context.completion_context import Trigger
from codelsp.document.syntax import TextKind
from codelsp.engine.port import FinishReason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from codelsp.candidates.candidate import Candidate
    from codelsp.context.completion_context import CompletionContext

_STEP = "rank"
_USUAL_TOKENS = 6
_CHARS_OF_TOKEN = 3.5
_MOST_COUNTED = 4
_LEAST_CHANCE = 1e-3
"""Chances nearer to 0 or 1 are taken for this: a model is not as sure as it says."""
_WAITS_FOR_MORE = re.compile(r".*(?:[([{,.=+*/%&|<-]|\b(?:and|or|not|in|is|return))\s*", re.DOTALL)
_SHORTENERS = frozenset(("check_syntax", "cut_repetition", "cut_unfinished"))


@dataclass(frozen=True)
class Features:
    """What is known of a candidate, as numbers; each is 0 where it says nothing."""

    mean_probability: float
    """Geometric mean of the tokens' probabilities."""
    least_probability: float
    """Of the least likely token."""
    first_probability: float
    """Of the first token: whether the model knew how to go on at all."""
    joint_log_odds: float
    """Log-odds of the product of all: of the model's own chance that every token is right."""
    log_length: float
    """Natural logarithm of the tokens, over a usual number of them."""
    more_lines: float
    """Lines after the first, up to four."""
    has_ended: float
    """1 if the model said that it was done, without being cut."""
    ran_out: float
    """1 if the token budget ended it."""
    errors_left: float
    """Syntax errors around it, up to four."""
    was_repaired: float
    """1 if a step had to shorten or repair it."""
    covers_rest: float
    """1 if it repeats what stands right of the cursor: it knows where it is to end."""
    waits_for_more: float
    """1 if it ends with an operator, a comma or an open bracket."""
    in_comment: float
    in_string: float


@dataclass(frozen=True)
class RankingWeights:
    """What each feature adds to the log-odds of being right; the names are those of ``Features``.

    A candidate with the usual spread of its tokens comes to about 0.8 for a mean log-probability
    of -0.15, 0.45 for -0.7, and 0.15 for -1.5.
    """

    bias: float = -2.5
    """With log-probabilities."""
    bias_unknown: float = 0.0
    """Where the engine gives no log-probabilities: an even chance."""
    mean_probability: float = 3.6
    least_probability: float = 0.8
    first_probability: float = 0.6
    joint_log_odds: float = 0.0
    log_length: float = -0.25
    more_lines: float = -0.15
    has_ended: float = 0.25
    ran_out: float = -0.5
    errors_left: float = -0.4
    was_repaired: float = -0.5
    covers_rest: float = 0.3
    waits_for_more: float = -0.4
    in_comment: float = -0.4
    in_string: float = -0.3


WEIGHTS = RankingWeights()
"""For several candidates that the user has asked for."""
UNASKED = RankingWeights(
    bias=0.0,
    mean_probability=0.0,
    least_probability=0.0,
    first_probability=0.0,
    joint_log_odds=1.0,
    log_length=0.0,
    more_lines=0.0,
    has_ended=0.0,
    covers_rest=0.0,
    waits_for_more=0.0,
    in_comment=0.0,
    in_string=0.0,
)
"""For the one that nobody asked for: its tokens' joint probability, less what speaks against it."""
_NAMES = tuple(each.name for each in fields(Features))


def features(candidate: Candidate, context: CompletionContext) -> Features:
    """Return what is known of ``candidate``."""
    log_probs = candidate.log_probs
    mean = candidate.mean_log_prob
    text = candidate.text
    n_tokens = len(log_probs) or max(len(text) / _CHARS_OF_TOKEN, 1.0)
    changed = {each.step for each in candidate.verdicts if each.action == "changed"}
    return Features(
        mean_probability=0.0 if mean is None else math.exp(min(mean, 0.0)),
        least_probability=math.exp(min(*log_probs, 0.0)) if log_probs else 0.0,
        first_probability=math.exp(min(log_probs[0], 0.0)) if log_probs else 0.0,
        joint_log_odds=_log_odds(sum(log_probs)) if log_probs else 0.0,
        log_length=math.log(n_tokens / _USUAL_TOKENS),
        more_lines=float(min(len(split_lines(text.strip())) - 1, _MOST_COUNTED)),
        has_ended=float(candidate.finish_reason is FinishReason.END and not changed),
        ran_out=float(candidate.finish_reason is FinishReason.LENGTH),
        errors_left=float(min(candidate.errors_left or 0, _MOST_COUNTED)),
        was_repaired=float(bool(changed & _SHORTENERS and not candidate.covered)),
        covers_rest=float(bool(candidate.covered.strip())),
        waits_for_more=float(_WAITS_FOR_MORE.fullmatch(text) is not None),
        in_comment=float(context.text_kind in {TextKind.COMMENT, TextKind.DOCSTRING}),
        in_string=float(context.text_kind is TextKind.STRING),
    )


def _log_odds(log_probability: float) -> float:
    chance = math.exp(min(log_probability, 0.0))
    return math.log(max(chance, _LEAST_CHANCE)) - math.log(max(1.0 - chance, _LEAST_CHANCE))


def estimate(
    candidate: Candidate, context: CompletionContext, weights: RankingWeights | None = None
) -> float:
    """Return the estimated chance, 0 to 1, that the user wants this very text."""
    if weights is None:
        weights = UNASKED if context.query.trigger is Trigger.AUTOMATIC else WEIGHTS
    known = features(candidate, context)
    log_odds = weights.bias if candidate.log_probs else weights.bias_unknown
    log_odds += sum(weight * getattr(known, name) for name, weight in _at_work(weights))
    return 1.0 / (1.0 + math.exp(-log_odds))


@lru_cache(maxsize=8)
def _at_work(weights: RankingWeights) -> tuple[tuple[str, float], ...]:
    """Return the features that have a weight, with it."""
    return tuple((name, getattr(weights, name)) for name in _NAMES if getattr(weights, name))


def judge(candidate: Candidate, context: CompletionContext, threshold: float) -> Candidate:
    """Return ``candidate`` with its score, dropped if nobody asked and the score is too low."""
    score = estimate(candidate, context)
    scored = replace(candidate, score=score)
    if context.query.trigger is Trigger.AUTOMATIC and score < threshold:
        return scored.dropped(_STEP, f"score {score:.2f} is below the threshold {threshold:.2f}")
    verdict = Verdict(_STEP, "kept", f"score {score:.2f}")
    return replace(scored, verdicts=(*scored.verdicts, verdict))


def saving(candidate: Candidate, context: CompletionContext) -> float:
    """Return the keys that showing ``candidate`` is expected to save.

    The one that takes it is paid whatever its length.  Its chance is the product of its tokens',
    or its score, where these are not known.
    """
    typed = max(0, context.offset - candidate.start)
    n_visible = len("".join(candidate.text[typed:].split()))
    known = candidate.log_probs
    chance = math.exp(min(sum(known), 0.0)) if known else candidate.score or 0.0
    return chance * max(0, n_visible - 1)


def rank(
    candidates: Iterable[Candidate], context: CompletionContext, threshold: float
) -> list[Candidate]:
    """Return ``candidates`` with their scores: those to show best first, then the dropped ones.

    Who asked is shown first what is likeliest; who only types, what is expected to save most.

    Of candidates that say the same, the best is shown.  Equal ones keep their order.
    """
    unasked = context.query.trigger is Trigger.AUTOMATIC
    judged = [each if each.is_dropped else judge(each, context, threshold) for each in candidates]
    alive = sorted(
        (each for each in judged if not each.is_dropped),
        key=lambda candidate: (saving(candidate, context) if unasked else 0.0, candidate.score),
        reverse=True,
    )
    shown: list[Candidate] = []
    dropped = [each for each in judged if each.is_dropped]
    said: set[str] = set()
    for candidate in alive:
        text = candidate.text.strip()
        if text in said:
            dropped.append(candidate.dropped(_STEP, "a better candidate says the same"))
        else:
            said.add(text)
            shown.append(candidate)
    return shown + dropped
