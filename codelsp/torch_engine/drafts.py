"""Drafts by prompt lookup: what followed the last words when they stood in the text before.

Code repeats itself.  A draft costs nothing to make, and reading four tokens costs little more than
reading one where memory is what a step waits for, so a draft that holds saves whole steps.  The
idea is from https://github.com/apoorvumang/prompt-lookup-decoding; here the places of all word
pairs and triples are kept in a table, so that a draft takes no search.

Architecture invariant: drafts change when tokens come, never which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_LONGEST, _SHORTEST = 3, 2
_MOST_PAUSE = 8


class DraftBook:
    """Drafts for one text that grows.

    Args:
        tokens: The prompt.
        most_tokens: Of one draft.
    """

    def __init__(self, tokens: Sequence[int], most_tokens: int) -> None:
        self._tokens = list(tokens)
        self._most = most_tokens
        self._next_of: dict[tuple[int, ...], int] = {}
        self._pause = self._paused = 0
        for end in range(_SHORTEST, len(self._tokens)):
            self._note(end)

    def add(self, token: int) -> None:
        """Add a token that was written."""
        self._note(len(self._tokens))
        self._tokens.append(token)

    def draft(self) -> list[int]:
        """Return what may come next; empty if nothing is known, or drafts have failed of late."""
        if self._paused < self._pause:
            self._paused += 1
            return []
        for length in range(_LONGEST, _SHORTEST - 1, -1):
            place = self._next_of.get(tuple(self._tokens[-length:]))
            if place is not None:
                return self._tokens[place : place + self._most]
        return []

    def tell(self, n_drafted: int, n_held: int) -> None:
        """Learn how much of the last draft held: after failures drafts pause, ever longer."""
        if n_drafted:
            self._pause = 0 if n_held else min(_MOST_PAUSE, self._pause * 2 + 1)
            self._paused = 0

    def _note(self, end: int) -> None:
        """Note that the words before ``end`` are followed by what stands there."""
        for length in range(_SHORTEST, _LONGEST + 1):
            if end >= length:
                self._next_of[tuple(self._tokens[end - length : end])] = end
