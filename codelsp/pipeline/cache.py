"""Answers that still hold while the user types them; no model, no parser.

Two kinds are kept.  *Shown* insertions, so that typing through one is answered with the very
same remainder and the ghost text does not flicker.  *Kept generations*, whole and uncut, so that
what a model said beyond the part that was shown serves the next position.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from codelsp.pipeline.anchor import Anchor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from codelsp.context.completion_context import CompletionQuery
    from codelsp.document.snapshot import DocumentSnapshot
    from codelsp.pipeline.generated import Generated
    from codelsp.pipeline.trace import RequestTrace
    from codelsp.reply import Insertion

SHOWN_ENTRIES = 24
KEPT_ENTRIES = 12

Entry = TypeVar("Entry")
Item = TypeVar("Item")


@dataclass(frozen=True)
class Remembered(Generic[Item]):
    """What still holds, and how it came about."""

    items: tuple[Item, ...]
    origin: RequestTrace
    """Of the request that the model was asked for."""


class _Newest(Generic[Entry]):
    """A bounded list of entries, newest first."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._entries: OrderedDict[int, Entry] = OrderedDict()
        self._next = 0

    def add(self, entry: Entry) -> None:
        self._entries[self._next] = entry
        self._next += 1
        if len(self._entries) > self._capacity:
            self._entries.popitem(last=False)

    def __iter__(self) -> Iterator[Entry]:
        return reversed(self._entries.values())

    def clear(self) -> None:
        self._entries.clear()


@dataclass(frozen=True)
class _Item:
    """A shown insertion: from its own start if it was typed up to there, else from the cursor."""

    insertion: Insertion
    start: Anchor | None
    back: int
    cover: int


@dataclass(frozen=True)
class _Shown:
    cursor: Anchor
    items: tuple[_Item, ...]
    is_invoked: bool
    origin: RequestTrace


@dataclass(frozen=True)
class _Kept:
    anchor: Anchor
    generations: tuple[Generated, ...]
    is_invoked: bool
    origin: RequestTrace


@dataclass
class AnswerCache:
    """What was said lately, found again by the text around the cursor."""

    _shown: _Newest[_Shown] = field(default_factory=lambda: _Newest(SHOWN_ENTRIES))
    _kept: _Newest[_Kept] = field(default_factory=lambda: _Newest(KEPT_ENTRIES))

    def keep_shown(
        self,
        query: CompletionQuery,
        insertions: tuple[Insertion, ...],
        origin: RequestTrace,
        *,
        is_invoked: bool,
    ) -> None:
        """Remember what was answered to ``query``; an empty answer counts too."""
        items = tuple(_item(query, insertion) for insertion in insertions)
        cursor = Anchor.at(query.document, query.offset)
        self._shown.add(_Shown(cursor, items, is_invoked, origin))

    def shown(self, query: CompletionQuery, *, is_invoked: bool) -> Remembered[Insertion] | None:
        """Return what still holds at ``query``, or None when nothing is known.

        No items mean that this very place was asked before, and had nothing.
        """
        for entry in self._shown:
            if is_invoked and not entry.is_invoked:
                continue
            found = _remaining(entry, query.document, query.offset)
            if found is not None:
                return Remembered(found, entry.origin)
        return None

    def keep_generated(
        self,
        anchor: Anchor,
        generations: tuple[Generated, ...],
        origin: RequestTrace,
        *,
        is_invoked: bool,
    ) -> None:
        """Remember whole generations that begin at ``anchor``."""
        self._kept.add(_Kept(anchor, generations, is_invoked, origin))

    def generated(
        self, query: CompletionQuery, dropped_indentation: str, *, is_invoked: bool
    ) -> Remembered[Generated] | None:
        """Return the remainders of kept generations that agree with ``query``, or None."""
        for entry in self._kept:
            if is_invoked and not entry.is_invoked:
                continue
            rests = []
            for generated in entry.generations:
                typed = entry.anchor.typed(generated.text, query.document, query.offset)
                if typed is None or typed < len(dropped_indentation):
                    continue
                rest = generated.after(typed - len(dropped_indentation))
                if rest.is_worth_showing:
                    rests.append(rest)
            if rests:
                return Remembered(tuple(rests), entry.origin)
        return None

    def clear(self) -> None:
        """Forget everything; settings or the model have changed."""
        self._shown.clear()
        self._kept.clear()


def _item(query: CompletionQuery, insertion: Insertion) -> _Item:
    document, offset = query.document, query.offset
    is_typed = insertion.text.startswith(document.text[insertion.start : offset])
    start = Anchor.at(document, insertion.start, after=offset) if is_typed else None
    return _Item(insertion, start, offset - insertion.start, insertion.end - offset)


def _remaining(
    entry: _Shown, document: DocumentSnapshot, offset: int
) -> tuple[Insertion, ...] | None:
    is_same_place = entry.cursor.stands_before(document, offset)
    typed = [
        (item, n_typed)
        for item in entry.items
        if item.start is not None
        and (n_typed := item.start.typed_before(item.insertion.text, document, offset)) is not None
    ]
    if not is_same_place and not typed:
        return None
    closer = entry.cursor.added_closer(document, offset)
    if closer is None:
        return None
    if is_same_place and not closer:
        return tuple(
            replace(item.insertion, start=offset - item.back, end=offset + item.cover)
            for item in entry.items
        )
    found = (_remainder(item, n_typed, offset, closer) for item, n_typed in typed)
    return tuple(rest for rest in found if rest is not None) or None


def _remainder(item: _Item, n_typed: int, offset: int, closer: str) -> Insertion | None:
    if n_typed == len(item.insertion.text):
        return None
    rest = item.insertion.text[n_typed:]
    if closer and not _closes(rest, closer, item.cover):
        return None
    end = offset + item.cover + len(closer)
    return replace(item.insertion, text=rest, start=offset, end=end)


def _closes(rest: str, closer: str, cover: int) -> bool:
    """Whether ``rest`` brings the ``closer`` that the editor added, so that it may be covered."""
    return cover == 0 and "\n" not in rest and rest.endswith(closer)
