"""The baseline that every model has to beat: an n-gram cache of the file and of its project.

After Hellendoorn and Devanbu, "Are deep neural networks the best choice for modeling source code?"
(FSE 2017): code repeats itself, so counts of the very file, nested in counts of its project, are
strong.  Each of the two is smoothed after Witten and Bell (IEEE Transactions on Information Theory
37, 1991), and they are mixed evenly (Jelinek and Mercer).
It needs no training, reads the text on both sides of the hole, and is what "the editor's own words"
could do.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

ORDER = 5
"""Tokens of an n-gram, the predicted one included."""
_TOKEN = re.compile(r"\n[ \t]*| ?\w+| ?[^\w\s]|[ \t]+|\s")
_WORD = re.compile(r" ?\w+|[ \t]+")

Context = tuple[str, ...]


def tokens_of(text: str) -> list[str]:
    """Return the tokens of ``text``: put together they are the text again."""
    return _TOKEN.findall(text)


@dataclass
class Counts:
    """How often each token followed each context of up to ``ORDER`` - 1 tokens."""

    followers: dict[Context, Counter[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, texts: Iterable[str]) -> Counts:
        """Count the n-grams of ``texts``, none over the border of two."""
        counts = cls()
        for text in texts:
            counts.add(tokens_of(text))
        return counts

    def add(self, tokens: Sequence[str]) -> None:
        """Count the n-grams of one run of tokens."""
        followers = self.followers
        for place, token in enumerate(tokens):
            for first in range(max(0, place - ORDER + 1), place + 1):
                context = tuple(tokens[first:place])
                counted = followers.get(context)
                if counted is None:
                    counted = followers[context] = Counter()
                counted[token] += 1

    def probability(self, context: Context, token: str) -> float:
        """Return the chance of ``token`` after ``context``, smoothed after Witten and Bell."""
        chance = 0.0
        for first in range(len(context), -1, -1):
            counted = self.followers.get(context[first:])
            if not counted:
                if first < len(context):
                    break
                continue
            n_kinds = len(counted)
            chance = (counted[token] + n_kinds * chance) / (counted.total() + n_kinds)
        return chance


@dataclass(frozen=True)
class NgramCache:
    """Counts of the file around the cursor, and of the files beside it."""

    file: Counts
    project: Counts

    def continued(self, before: str, is_done: Callable[[str], bool], most_tokens: int) -> str:
        """Return the most likely continuation of ``before``, a token at a time.

        Args:
            before: The text up to the cursor; a word that it ends in may be half typed.
            is_done: Says of the text so far whether enough has come.
            most_tokens: After these it ends in any case.
        """
        tokens = tokens_of(before[-2000:])
        begun = tokens.pop() if tokens and _WORD.fullmatch(tokens[-1]) else ""
        text = ""
        for _ in range(most_tokens):
            best = self._best(tuple(tokens[-ORDER + 1 :]), begun)
            if best is None:
                break
            tokens.append(best)
            text += best[len(begun) :]
            begun = ""
            if is_done(text):
                break
        return text

    def _best(self, context: Context, begun: str) -> str | None:
        """Return the most likely token that begins with ``begun``, of those after the context."""
        for first in range(len(context) + 1):
            known = [
                token
                for counts in (self.file, self.project)
                for token in counts.followers.get(context[first:], ())
                if token.startswith(begun)
            ]
            if known:
                return max(sorted(set(known)), key=lambda token: self._chance(context, token))
        return None

    def _chance(self, context: Context, token: str) -> float:
        return sum(each.probability(context, token) for each in (self.file, self.project)) / 2
