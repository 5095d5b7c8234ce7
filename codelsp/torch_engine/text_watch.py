"""``TextWatch``: the text of one candidate: what of it is certain, and when it ends; pure."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codelsp.torch_engine.stop_rules import StopRule


@dataclass(frozen=True)
class Ending:
    """Why a text ends."""

    reason: str
    """``word`` or ``rule``."""
    stop_text: str = ""


class TextWatch:
    """Turns bytes into text, holds back what may still be cut off, and says when it ends.

    Args:
        stop_texts: The text ends before the first of these.
        rule: Or where this says.
    """

    def __init__(self, stop_texts: Sequence[str] = (), rule: StopRule | None = None) -> None:
        self.text = ""
        """All that has been written, without what was cut off at its end."""
        self.ending: Ending | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stop_texts = tuple(filter(None, stop_texts))
        self._longest = max(map(len, self._stop_texts), default=0)
        self._rule = rule
        self._n_told = 0

    def add(self, token_bytes: bytes) -> str:
        """Add what a token writes; return the text that is certain now and was not told before."""
        before = len(self.text)
        self.text += self._decoder.decode(token_bytes)
        self._look_for_end(max(before - self._longest + 1, 0))
        return self._told(len(self.text) - (0 if self.ending else self._n_uncertain()))

    def rest(self) -> str:
        """Return what was held back, as nothing more comes."""
        if self.ending is None:
            self.text += self._decoder.decode(b"", final=True)
        return self._told(len(self.text))

    @property
    def is_holding(self) -> bool:
        """Whether some text has not been told, or a character is not whole."""
        return self._n_told < len(self.text) or bool(self._decoder.getstate()[0])

    def _told(self, end: int) -> str:
        start, self._n_told = self._n_told, max(end, self._n_told)
        return self.text[start : self._n_told]

    def _look_for_end(self, start: int) -> None:
        found = [
            (place, stop)
            for stop in self._stop_texts
            if (place := self.text.find(stop, start)) >= 0
        ]
        place, stop = min(found, default=(len(self.text) + 1, ""))
        kept = self._rule.kept_length(self.text) if self._rule else None
        if kept is not None and kept <= place:
            self.ending, self.text = Ending("rule"), self.text[:kept]
        elif found:
            self.ending, self.text = Ending("word", stop), self.text[:place]

    def _n_uncertain(self) -> int:
        """Return how many characters at the end may still be cut off."""
        blank = len(self.text) - len(self.text.rstrip()) if self._rule else 0
        lengths = range(min(self._longest - 1, len(self.text)), 0, -1)
        begun = (
            length
            for length in lengths
            if any(stop.startswith(self.text[-length:]) for stop in self._stop_texts)
        )
        return max(blank, next(begun, 0))
