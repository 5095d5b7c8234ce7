"""``Anchor``: a place known by the text around it, not by its offset.

It is the key of everything kept between keystrokes: shown insertions, finished and running
generations.  Windows of text instead of whole documents keep memory small, and let an entry
survive edits further away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codelsp.document.snapshot import DocumentSnapshot

BEFORE_CHARS = 4096
AFTER_CHARS = 1024
MOST_TYPED_CHARS = 2000
_NEEDLE_CHARS = 32
_MOST_AHEAD_CHARS = 40
_AUTO_CLOSED = frozenset(
    ("", ")", "]", "}", '"', "'", "`", ">", ")}", "})", "))", '")', "')", '"]', "']")
)


@dataclass(frozen=True)
class Anchor:
    """The text before and after a place of a document, each up to a bounded length."""

    uri: str
    before: str
    after: str
    is_document_start: bool
    """Whether ``before`` reaches back to the document's first character."""
    is_document_end: bool

    @classmethod
    def at(cls, document: DocumentSnapshot, offset: int, after: int | None = None) -> Anchor:
        """Return the anchor of ``offset``; the text after it begins at ``after`` if given."""
        text = document.text
        end = offset if after is None else after
        return cls(
            uri=document.uri,
            before=text[max(0, offset - BEFORE_CHARS) : offset],
            after=text[end : end + AFTER_CHARS],
            is_document_start=offset <= BEFORE_CHARS,
            is_document_end=end + AFTER_CHARS >= len(text),
        )

    def typed(self, text: str, document: DocumentSnapshot, offset: int) -> int | None:
        """Return how many characters of ``text`` stand typed between this place and ``offset``.

        None if ``document`` does not agree: something else was typed, the place is another one,
        or the text after ``offset`` changed by more than a closer that the editor added itself.
        """
        typed = self.typed_before(text, document, offset)
        return None if self.added_closer(document, offset) is None else typed

    def typed_before(self, text: str, document: DocumentSnapshot, offset: int) -> int | None:
        """Do as ``typed`` does, but do not look at the text after ``offset``."""
        if document.uri != self.uri:
            return None
        current = document.text
        first = max(0, offset - min(len(text), MOST_TYPED_CHARS))
        # What was typed is short, and tells most places apart; what stands before is long, and
        # was in no cache of the processor since the last keystroke.
        for start in self._likely_places(current, first, offset):
            if text.startswith(current[start:offset]) and self._is_before(current, start):
                return offset - start
        return None

    def stands_before(self, document: DocumentSnapshot, offset: int) -> bool:
        """Whether ``offset`` is this place; the text after it is not looked at."""
        if document.uri != self.uri or (self.is_document_start and offset != len(self.before)):
            return False
        return self._is_before(document.text, offset)

    def agrees(self, text: str, document: DocumentSnapshot, offset: int) -> bool:
        """Whether ``document`` at ``offset`` may still be on the way that ``text`` goes.

        Unlike ``typed`` it does not mind that more was typed than ``text`` says so far: the
        generation that writes ``text`` is still running.
        """
        if self.added_closer(document, offset) is None:
            return False
        current = document.text
        first = max(0, offset - max(min(len(text), MOST_TYPED_CHARS), _MOST_AHEAD_CHARS))
        return any(
            (text.startswith(current[start:offset]) or current.startswith(text, start, offset))
            and self._is_before(current, start)
            for start in self._likely_places(current, first, offset)
        )

    def _likely_places(self, current: str, first: int, last: int) -> Sequence[int]:
        """Return the places from ``last`` back to ``first`` that may be this anchor's."""
        if self.is_document_start:
            return (len(self.before),) if first <= len(self.before) <= last else ()
        needle = self.before[-_NEEDLE_CHARS:]
        begin = max(0, first - len(needle))
        found = current.rfind(needle, begin, last)
        places = []
        while found >= 0:
            places.append(found + len(needle))
            found = current.rfind(needle, begin, places[-1] - 1)
        return places

    def _is_before(self, current: str, start: int) -> bool:
        """Whether the text before ``start``, a likely place, is this anchor's."""
        return current.endswith(self.before, 0, start)

    def added_closer(self, document: DocumentSnapshot, offset: int) -> str | None:
        """Return what the editor put behind the cursor by itself, or None if ``after`` is gone."""
        if document.uri != self.uri:
            return None
        current = document.text
        for length in (0, 1, 2):
            closer = current[offset : offset + length]
            if len(closer) < length or closer not in _AUTO_CLOSED:
                continue
            begin = offset + length
            if self.is_document_end and len(current) - begin != len(self.after):
                continue
            if current.startswith(self.after, begin):
                return closer
        return None
