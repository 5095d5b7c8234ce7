"""``Generated``: one generation as it came, before any step has looked at it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from codelsp.candidates.candidate import Candidate
from codelsp.engine.port import FinishReason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from codelsp.engine.port import Token

_LEAST_REMAINDER_CHARS = 8


@dataclass(frozen=True)
class Generated:
    """Text that continues the prompt's prefix, with the tokens it came in.

    ``kept_chars`` is where the cut fell while it streamed; the text may go on after it.
    """

    text: str
    tokens: tuple[Token, ...]
    finish_reason: FinishReason
    kept_chars: int | None = None

    @property
    def is_worth_showing(self) -> bool:
        """Whether there is enough of it to be judged; an unfinished scrap is not."""
        if not self.text.strip():
            return False
        is_whole = self.finish_reason is not FinishReason.LENGTH
        return is_whole or len(self.text) >= _LEAST_REMAINDER_CHARS

    def after(self, n_chars: int) -> Generated:
        """Return what is left when the first ``n_chars`` characters have been typed."""
        if n_chars == 0:
            return self
        left, tokens = n_chars, list(self.tokens)
        while tokens and len(tokens[0].text) <= left:
            left -= len(tokens.pop(0).text)
        kept = None if self.kept_chars is None else self.kept_chars - n_chars
        reason = self.finish_reason
        if kept is not None and kept <= 0:
            # Past the cut stands only what came before the stream was closed: unfinished.
            kept, reason = None, FinishReason.LENGTH
        return Generated(self.text[n_chars:], tuple(tokens), reason, kept)

    def as_candidate(self, offset: int) -> Candidate:
        """Return the part that was kept as a candidate at ``offset``."""
        kept = len(self.text) if self.kept_chars is None else self.kept_chars
        return Candidate(
            text=self.text[:kept],
            start=offset,
            end=offset,
            log_probs=_log_probs(self.tokens, kept),
            finish_reason=self.finish_reason,
            sureness=self.sums if self.has_opinion else (),
        )

    @property
    def has_opinion(self) -> bool:
        """Whether the engine said how likely it takes this to be."""
        return any(token.log_prob is not None for token in self.tokens)

    @cached_property
    def sums(self) -> tuple[tuple[int, float], ...]:
        """Visible characters and log-probability so far, after each token.

        Forced text has none: it is certain.
        """
        return tuple(self._summed())

    def _summed(self) -> Iterator[tuple[int, float]]:
        # Of a token that is typed in part, the part that is left counts.
        surplus = sum(len(token.text) for token in self.tokens) - len(self.text)
        n_visible, total = 0, 0.0
        for token in self.tokens:
            text = token.text[max(0, surplus) :]
            surplus -= len(token.text) - len(text)
            n_visible += len("".join(text.split()))
            total += token.log_prob or 0.0
            yield n_visible, total


def _log_probs(tokens: tuple[Token, ...], kept_chars: int) -> tuple[float, ...]:
    """Return the log-probabilities of the tokens that begin before ``kept_chars``."""
    found = []
    place = 0
    for token in tokens:
        if place >= kept_chars:
            break
        if token.log_prob is not None:
            found.append(token.log_prob)
        place += len(token.text)
    return tuple(found)
