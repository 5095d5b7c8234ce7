"""``Splice``: a document in which another text stands from one offset to another, not written out.

A trial parse looks at a few thousand characters around the cursor.  Writing out a document of
10,000 lines for it, and counting its lines anew, costs more than the parse.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from codelsp.document.edit import Edit, point_at
from codelsp.document.safety import MAX_CHARS, MAX_LINE_CHARS, is_harmless

if TYPE_CHECKING:
    from codelsp.document.snapshot import DocumentSnapshot

_LINE_END = re.compile(r"\r\n|\n|\r")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Splice:
    """``document`` with ``text`` from ``start`` to ``end`` (offsets, end exclusive)."""

    document: DocumentSnapshot
    start: int
    end: int
    text: str

    @property
    def is_simple(self) -> bool:
        """Whether the borders mean the same as before, and the text is safe to parse.

        They do not where a carriage return may meet a line feed, or one surrogate another.
        """
        around = self.document.text[max(0, self.start - 1) : self.start]
        around += self.text[-1:] + self.document.text[self.end : self.end + 1]
        column = self.start - self.document.line_start(self.document.line_at(self.start))
        return (
            "\r" not in around[:-1]
            and not _SURROGATE.search(around + self.text)
            and len(self) <= MAX_CHARS
            and column + len(self.text) <= MAX_LINE_CHARS
            and is_harmless(self.text)
        )

    def __len__(self) -> int:
        return len(self.document.text) + self.shift

    def __getitem__(self, place: slice) -> str:
        """Return the text from ``place.start`` to ``place.stop``, as of a string."""
        first, last, _ = place.indices(len(self))
        whole, new_end = self.document.text, self.new_end
        if last <= self.start:
            return whole[first:last]
        if first >= new_end:
            return whole[first - self.shift : last - self.shift]
        inner = self.text[max(0, first - self.start) : max(0, last - self.start)]
        after = whole[self.end : last - self.shift] if last > new_end else ""
        return whole[first : self.start] + inner + after

    @cached_property
    def shift(self) -> int:
        """How far what stands behind has moved."""
        return len(self.text) - (self.end - self.start)

    @cached_property
    def new_end(self) -> int:
        """Where ``text`` ends."""
        return self.start + len(self.text)

    def edit(self) -> Edit:
        """Return what has been done to the document."""
        start_point = point_at(self.document, self.start)
        return Edit(
            self.start,
            self.end,
            self.new_end,
            start_point,
            point_at(self.document, self.end),
            self._end_point(start_point),
        )

    def _end_point(self, start_point: tuple[int, int]) -> tuple[int, int]:
        ends = [match.end() for match in _LINE_END.finditer(self.text)]
        if not ends:
            return start_point[0], start_point[1] + len(self.text)
        return start_point[0] + len(ends), len(self.text) - ends[-1]
