"""``SessionPool``: texts whose keys and values are kept, so that the next key costs one token.

Each session is a text that the model has read.  A prompt takes the session with which it shares
the longest beginning, and reads the rest.  What was not used for longest goes when memory is short.

Architecture invariant: a session in use belongs to one generation alone.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from codelsp.torch_engine.kv_cache import KvCache

_LEAST_SHARE = 0.5
"""A session is cut back for a prompt that keeps this much of it; of another it is copied from."""
_LEAST_COPIED_TOKENS = 16


@dataclass(eq=False)
class Session:
    """A text, and what the model knows of it."""

    cache: KvCache
    tokens: list[int] = field(default_factory=list)
    adapter: str = ""
    slot: int | None = None
    is_busy: bool = False
    last_use: int = 0

    def cut(self, length: int) -> None:
        """Forget everything after the first ``length`` tokens."""
        self.cache.truncate(length)
        del self.tokens[length:]


class SessionPool:
    """All sessions, at most ``most_bytes`` of them together (those in use do not go).

    Args:
        new_cache: Makes an empty cache.
        most_bytes: Of all keys and values.
        most_sessions: However small they are.
    """

    def __init__(
        self, new_cache: Callable[[], KvCache], most_bytes: int, most_sessions: int = 32
    ) -> None:
        self.most_bytes = most_bytes
        self._new_cache = new_cache
        self._most_sessions = most_sessions
        self._sessions: list[Session] = []
        self._clock = itertools.count(1)

    @property
    def nbytes(self) -> int:
        """Bytes of all keys and values."""
        return sum(session.cache.nbytes for session in self._sessions)

    @property
    def n_tokens(self) -> int:
        """Tokens in all sessions."""
        return sum(session.cache.length for session in self._sessions)

    def take(
        self,
        prompt: Sequence[int],
        *,
        adapter: str = "",
        slot: int | None = None,
        reuse: bool = True,
    ) -> Session:
        """Return a session whose text is the beginning of ``prompt``, as long as there is one.

        At least the last token is left to be read: its scores are wanted.  The session is the
        caller's until ``give_back``.
        """
        most = max(len(prompt) - 1, 0)
        candidates = [each for each in self._sessions if each.adapter == adapter] if reuse else []
        shared = {id(each): min(_shared(each.tokens, prompt), most) for each in candidates}
        best = max(
            candidates,
            key=lambda each: (shared[id(each)], each.slot == slot, each.last_use),
            default=None,
        )
        n_shared = shared[id(best)] if best is not None else 0
        if best is None or n_shared == 0:
            session = self._fresh(adapter)
        elif best.is_busy or n_shared < _LEAST_SHARE * len(best.tokens):
            session = self._fresh(adapter)
            if n_shared >= _LEAST_COPIED_TOKENS:
                session.cache = best.cache.copied(n_shared)
                session.tokens = best.tokens[:n_shared]
        else:
            best.cut(n_shared)
            session = best
        session.is_busy, session.slot = True, slot
        session.last_use = next(self._clock)
        return session

    def give_back(self, session: Session) -> None:
        """Keep ``session`` for the next prompt, as long as there is room."""
        session.is_busy = False
        session.last_use = next(self._clock)
        if session.cache.length != len(session.tokens):
            self.drop(session)  # A forward pass was broken off: what it holds is not known.
        self.shrink()

    def drop(self, session: Session) -> None:
        """Forget ``session``."""
        self._sessions = [each for each in self._sessions if each is not session]

    def shrink(self, most_bytes: int | None = None) -> int:
        """Forget what was not used for longest until the rest fits; return the bytes freed."""
        limit = self.most_bytes if most_bytes is None else most_bytes
        before = self.nbytes
        idle = sorted((s for s in self._sessions if not s.is_busy), key=lambda each: each.last_use)
        for session in idle:
            if self.nbytes <= limit and len(self._sessions) <= self._most_sessions:
                break
            self.drop(session)
        return before - self.nbytes

    def _fresh(self, adapter: str) -> Session:
        session = Session(self._new_cache(), adapter=adapter)
        self._sessions.append(session)
        return session


def _shared(tokens: Sequence[int], prompt: Sequence[int]) -> int:
    """Return how many tokens both begin with."""
    length = min(len(tokens), len(prompt))
    # Halving compares slices in C; almost always all but a few tokens are the same.
    low, high = 0, length
    while low < high:
        middle = (low + high + 1) // 2
        if list(tokens[low:middle]) == list(prompt[low:middle]):
            low = middle
        else:
            high = middle - 1
    return low
