"""Token ids of texts seen before: a suffix or a header is sent to the engine once, not per key."""

from __future__ import annotations

from collections import OrderedDict


class TokenCache:
    """The ids of the ``n_texts`` texts used last."""

    def __init__(self, n_texts: int = 256) -> None:
        self._n_texts = n_texts
        self._ids: OrderedDict[str, tuple[int, ...]] = OrderedDict()

    def get(self, text: str) -> tuple[int, ...] | None:
        """Return the ids of ``text``, if it is remembered."""
        ids = self._ids.get(text)
        if ids is not None:
            self._ids.move_to_end(text)
        return ids

    def put(self, text: str, ids: tuple[int, ...]) -> None:
        """Remember the ids of ``text``, and forget those not used for longest."""
        self._ids[text] = ids
        self._ids.move_to_end(text)
        while len(self._ids) > self._n_texts:
            self._ids.popitem(last=False)
