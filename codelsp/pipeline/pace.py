"""How fast this machine and this model are, and what that allows.

Measured from the engine's own figures, so that nobody has to guess a delay: how long to wait
before the model is started, how many tokens an automatic completion may have, whether several
lines are affordable, and how large a prompt may be.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codelsp.engine.port import GenerationStats
    from codelsp.settings import Settings

ANSWER_MS = 500.0
"""An automatic completion that takes longer than this to decode is made shorter."""
PREFILL_MS = 800.0
"""A prompt that takes longer than this to read from scratch is made smaller."""
FAST_MS = 60.0
"""Up to this expected time the model is started on every keystroke, without a wait."""
LONGEST_WAIT_MS = 300.0
_LEAST_TOKENS = 8
_LEAST_CONTEXT = 256
_SLOW_TOKENS_PER_SECOND = 20.0
_SMOOTHING = 0.3
_LEAST_PREFILL = 64
# The first token belongs to reading the prompt: engines say that it took next to no time.
_LEAST_DECODED = 3
_PAUSE_MS = 1000.0
_ANSWERS = 5
_SHARE_OF_GAP = 0.8
"""Of the time between two keys, in which a generation must be over."""


@dataclass
class Pace:
    """Smoothed measurements; all limits are None or at their most until something was measured."""

    decode_tokens_per_second: float | None = None
    prefill_tokens_per_second: float | None = None
    _answers_ms: deque[float] = field(default_factory=lambda: deque(maxlen=_ANSWERS))
    _keystrokes: deque[float] = field(default_factory=lambda: deque(maxlen=20))
    _last_key_ms: float | None = None
    _context_cap: int | None = None

    @property
    def answer_ms(self) -> float | None:
        """From starting the model to the end of the generation, as a rule.

        The lower middle of the last few: after a jump nearly all of a prompt is new, and how long
        reading that takes says nothing of the keys that follow.
        """
        ordered = sorted(self._answers_ms)
        return ordered[(len(ordered) - 1) // 2] if ordered else None

    def aside(self) -> Pace:
        """Return the same, to go by for what nobody waits for: nothing is learned from that."""
        return replace(
            self, _answers_ms=self._answers_ms.copy(), _keystrokes=self._keystrokes.copy()
        )

    def note_stats(self, stats: GenerationStats | None, elapsed_ms: float) -> None:
        """Learn from one generation that took ``elapsed_ms`` altogether."""
        self._answers_ms.append(elapsed_ms)
        if stats is None:
            return
        n_decoded = stats.decoded_tokens or 0
        if n_decoded >= _LEAST_DECODED and stats.decode_ms:
            rate = n_decoded / stats.decode_ms * 1e3
            self.decode_tokens_per_second = _smoothed(self.decode_tokens_per_second, rate)
        if stats.prompt_tokens and stats.prompt_ms:
            read = stats.prompt_tokens - (stats.prompt_tokens_reused or 0)
            if read >= _LEAST_PREFILL:
                rate = read / stats.prompt_ms * 1e3
                self.prefill_tokens_per_second = _smoothed(self.prefill_tokens_per_second, rate)

    def note_keystroke(self, now_ms: float) -> None:
        """Learn how fast the user types; pauses do not count."""
        if self._last_key_ms is not None and now_ms - self._last_key_ms < _PAUSE_MS:
            self._keystrokes.append(now_ms - self._last_key_ms)
        self._last_key_ms = now_ms

    def wait_ms(self, settings: Settings, client_debounce_ms: float) -> float:
        """Return how long to wait for another keystroke before the model is started.

        Nothing when the model is fast: a generation that is cancelled then costs next to nothing.
        Nothing either when it is done before the next key, as a rule: none is cancelled then.
        """
        if settings.debounce_ms >= 0:
            return float(settings.debounce_ms)
        answer_ms = self.answer_ms
        # The very first one has read its whole prompt, and says nothing yet.
        if answer_ms is None or len(self._answers_ms) == 1:
            return 0.0
        if not self._keystrokes:
            return 0.0
        between = sum(self._keystrokes) / len(self._keystrokes)
        if answer_ms <= max(FAST_MS, _SHARE_OF_GAP * between):
            return 0.0
        wait = min(1.2 * between, answer_ms, LONGEST_WAIT_MS)
        return max(0.0, wait - client_debounce_ms)

    def most_tokens(self, wanted: int) -> int:
        """Return how many of ``wanted`` tokens an automatic completion may have."""
        rate = self.decode_tokens_per_second
        if rate is None:
            return wanted
        return max(min(wanted, _LEAST_TOKENS), min(wanted, int(rate * ANSWER_MS / 1e3)))

    def allows_lines(self) -> bool:
        """Whether decoding is fast enough for more than one line unasked."""
        rate = self.decode_tokens_per_second
        return rate is None or rate >= _SLOW_TOKENS_PER_SECOND

    def most_context(self, wanted: int) -> int:
        """Return how many of ``wanted`` prompt tokens are affordable.

        A power of two that moves only when speed has changed by more than half: every move costs
        one reading of the whole prompt.
        """
        rate = self.prefill_tokens_per_second
        if rate is None:
            return wanted
        affordable = rate * PREFILL_MS / 1e3
        cap = self._context_cap
        if cap is None or not 0.75 * cap <= affordable <= 3 * cap:
            cap = _LEAST_CONTEXT
            while cap * 2 <= affordable:
                cap *= 2
            self._context_cap = cap
        return min(wanted, cap)

    def affords_speculation(self) -> bool:
        """Whether computing what may never be asked for is cheap enough."""
        return self.answer_ms is not None and self.answer_ms <= ANSWER_MS


def _smoothed(old: float | None, new: float) -> float:
    return new if old is None else old + _SMOOTHING * (new - old)
