"""What the open documents say next: a completion from the user's own words, without a model.

Code repeats itself, most of all within a file and a project.  A cache language model, n-grams of
the very text around the cursor and of the documents beside it, predicts a good part of what a
large model does, and other parts than a small one (Hellendoorn and Devanbu, "Are deep neural
networks the best choice for modeling source code?", FSE 2017).  So the two are asked together.

Nothing is counted beforehand: the places where the last few tokens have stood before are looked
up when they are needed, and followed token by token.  Their followers are smoothed from the
longest context down to the shortest after Witten and Bell (IEEE Transactions on Information Theory
37, 1991).

Architecture invariant: pure.  No clock, no disk, no network.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from codelsp.context.once import once
from codelsp.engine.port import Token

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codelsp.context.completion_context import CompletionContext

CONTEXT_TOKENS = 4
"""Tokens of the longest context; one more made no difference, one less did."""
_MOST_TOKENS = 16
_TAIL_CHARS = 400
_CHARS_ABOVE, _CHARS_BELOW, _CHARS_BESIDE = 40_000, 20_000, 30_000
_MOST_DOCUMENTS = 8
_MOST_PLACES = 24
"""Places of one context in one text, the nearest ones."""
_MOST_TRIES = 96
"""Places looked at to find these: a few letters stand inside many words."""
_WEIGHT_BESIDE = 0.5
"""What another document's word counts, where one of this document counts one."""
_WEIGHT_HABITS = 0.25
"""The same of what stands in no open document."""
_LEAST_BEGUN_CHARS = 2
"""So much of a word is enough to look for it alone, whatever stands before."""

_TOKEN = re.compile(r"(?:\r\n?|\n)[ \t]*|[ \t]+|\w+|[^\w\s]")
_WORD = re.compile(r"\w+")
_REST_OF_WORD = re.compile(r"\w*")


@dataclass(frozen=True)
class _Source:
    """A text to look in, and what a word of it counts."""

    text: str
    weight: float


_Place = tuple[int, int]
"""Number of a source, and the offset at which a context ends there."""
_Follower = tuple[str, int, int]
"""A token, number of its source, and the offset at which it ends."""


@once
def recall(context: CompletionContext) -> tuple[Token, ...]:
    """Return how the rest of the line is most likely to go on, by what has been written before.

    What stands below the cursor is looked at too, and the documents beside; a word that ends at
    the cursor may be half typed.

    Returns:
        Tokens with the logarithm of their probability; none where nothing of the kind is known.
        No token holds a line end.  On a blank line the first one begins with its indentation,
        as a model's does.
    """
    text, offset, others = context.query.document.text, context.offset, context.others
    tokens = _TOKEN.findall(text[max(0, offset - _TAIL_CHARS) : offset])
    begun = tokens.pop() if tokens and _WORD.fullmatch(tokens[-1]) else ""
    above_end = offset - len(begun)
    sources = [
        # Without the last token itself: it would find itself, and nothing after it.
        _Source(text[max(0, above_end - _CHARS_ABOVE) : max(0, above_end - 1)], 1.0),
        _Source(text[offset : offset + _CHARS_BELOW], 1.0),
        *(
            _Source(other.text[:_CHARS_BESIDE], _WEIGHT_BESIDE)
            for other in others[:_MOST_DOCUMENTS]
        ),
        _Source(context.habits, _WEIGHT_HABITS),
    ]
    places = _places(sources, tokens, begun)
    followers = {length: _begun(sources, found, begun) for length, found in places.items()}
    said: list[Token] = []
    while len(said) < _MOST_TOKENS:
        best = _likeliest(sources, followers)
        if best is None or best[0][0] in "\r\n":
            break
        word, probability = best
        said.append(Token(word if said else word[len(begun) :], math.log(probability)))
        followers = _followed(sources, followers, word)
    if said:
        said[0] = replace(said[0], text=context.dropped_indentation + said[0].text)
    return tuple(said)


def _places(sources: Sequence[_Source], tokens: list[str], begun: str) -> dict[int, list[_Place]]:
    """Return where the last tokens, and the begun word, have stood; by the number of tokens."""
    found: dict[int, list[_Place]] = {}
    for length in range(min(CONTEXT_TOKENS, len(tokens)) + 1):
        if length == 0 and len(begun) < _LEAST_BEGUN_CHARS:
            continue
        context = "".join(tokens[len(tokens) - length :]) + begun
        places = [
            (number, place)
            for number, source in enumerate(sources)
            for place in _ends_of(context, source.text)
        ]
        if not places:
            break  # What is longer stands nowhere either.
        found[length] = places
    return found


def _ends_of(context: str, text: str) -> list[int]:
    """Return where ``context`` ends in ``text``, from the last place on; never inside a word."""
    is_word = _WORD.match(context) is not None
    ends: list[int] = []
    place = text.rfind(context)
    for _ in range(_MOST_TRIES):
        if place < 0 or len(ends) == _MOST_PLACES:
            break
        if not (is_word and place > 0 and _WORD.match(text, place - 1)):
            ends.append(place + len(context))
        # One that overlaps with this one is a place as well: the spaces of an indentation are.
        place = text.rfind(context, 0, place + len(context) - 1)
    return ends


def _begun(sources: Sequence[_Source], places: list[_Place], begun: str) -> list[_Follower]:
    """Return what follows at ``places``; a begun word goes on to its end."""
    followers: list[_Follower] = []
    for number, place in places:
        text = sources[number].text
        found = (_REST_OF_WORD if begun else _TOKEN).match(text, place)
        if found is not None:
            followers.append((begun + found.group(), number, found.end()))
    return followers


def _likeliest(
    sources: Sequence[_Source], followers: dict[int, list[_Follower]]
) -> tuple[str, float] | None:
    """Return the likeliest token and its probability; None where nothing is known."""
    chances: dict[str, float] = {}
    for length in sorted(followers):
        counted: Counter[str] = Counter()
        for word, number, _ in followers[length]:
            counted[word] += sources[number].weight  # type: ignore[assignment]  # weights add up too
        if not counted:
            continue
        total, n_kinds = sum(counted.values()), len(counted)
        chances = {
            word: (counted[word] + n_kinds * chances.get(word, 0.0)) / (total + n_kinds)
            for word in {*counted, *chances}
        }
    if not chances:
        return None
    best = max(chances, key=lambda word: (chances[word], word))
    return best, chances[best]


def _followed(
    sources: Sequence[_Source], followers: dict[int, list[_Follower]], word: str
) -> dict[int, list[_Follower]]:
    """Return the followers of the contexts that ``word`` has made one token longer."""
    longer: dict[int, list[_Follower]] = {}
    for length, found in sorted(followers.items()):
        places = [(number, end) for follower, number, end in found if follower == word]
        if places:
            # Of two that are now as long as contexts get, the one that was longer knows more.
            longer[min(length + 1, CONTEXT_TOKENS)] = _begun(sources, places, "")
    return longer
