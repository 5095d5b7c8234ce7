"""``HandedOut``: the insertions an editor was given, for as long as it may still accept them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codelsp.reply import Insertion

_REMEMBERED = 512


@dataclass
class _Entry:
    length_chars: int
    counted_chars: int = 0


class HandedOut:
    """Knows lengths, not texts; the oldest are forgotten."""

    def __init__(self) -> None:
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    def note(self, insertion: Insertion) -> bool:
        """Note that the editor has ``insertion``; return whether it is a new one.

        While the user types along, the same insertion is handed out again, shorter.
        """
        is_new = insertion.id not in self._entries
        if is_new:
            self._entries[insertion.id] = _Entry(len(insertion.text))
        while len(self._entries) > _REMEMBERED:
            self._entries.popitem(last=False)
        return is_new

    def newly_accepted(self, insertion_id: str, length_chars: int | None = None) -> int:
        """Return how many code points more are accepted by now; None means all of them.

        Editors tell the whole length each time a user takes another word.
        """
        entry = self._entries.get(insertion_id)
        if entry is None:
            return 0
        total = entry.length_chars if length_chars is None else length_chars
        more = max(0, min(total, entry.length_chars) - entry.counted_chars)
        entry.counted_chars += more
        return more
