"""Where lines begin and end, as LSP counts them: at LF, CRLF and CR, and nowhere else.

A keystroke in a file of 20,000 lines moves 20,000 line starts.  They are therefore kept in chunks
of lines, each relative to its own base: an edit rebuilds one chunk and moves the bases after it.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import sub
from typing import overload

_LINE_END = re.compile(r"\r\n|\n|\r")
_CHUNK_LINES = 128
"""A keystroke looks at all of one chunk and at one number of each: this suits 10,000 lines."""


class LineStarts(Sequence[int]):
    """The start offsets of a text's lines, ascending; a value, never changed."""

    __slots__ = ("_bases", "_chunks", "_firsts", "_length", "_longest")

    def __init__(self, chunks: list[array[int]], bases: list[int], longest: list[int]) -> None:
        """Take chunks whose entries are relative to ``bases``; each begins with 0.

        ``longest`` are the lengths of each chunk's longest line but its last.
        """
        self._chunks = chunks
        self._longest = longest
        self._bases = bases
        counts = list(accumulate(map(len, chunks), initial=0))
        self._length = counts.pop()
        self._firsts = counts

    @classmethod
    def of(cls, starts: Sequence[int]) -> LineStarts:
        """Return the same starts in chunks."""
        return cls(*_in_chunks(starts))

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, line: int) -> int: ...

    @overload
    def __getitem__(self, line: slice) -> list[int]: ...

    def __getitem__(self, line: int | slice) -> int | list[int]:
        if isinstance(line, slice):
            return [self[number] for number in range(*line.indices(self._length))]
        if line < 0:
            line += self._length
        if not 0 <= line < self._length:
            raise IndexError(f"line {line} of {self._length}")
        chunk = bisect_right(self._firsts, line) - 1
        return self._bases[chunk] + self._chunks[chunk][line - self._firsts[chunk]]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LineStarts) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # compared by value, and never a key

    def line_at(self, offset: int) -> int:
        """Return the number of the line that holds ``offset``."""
        chunk = max(bisect_right(self._bases, offset) - 1, 0)
        within = bisect_right(self._chunks[chunk], offset - self._bases[chunk]) - 1
        return self._firsts[chunk] + max(within, 0)

    def first_from(self, offset: int) -> int:
        """Return the first line that starts at ``offset`` or later; ``len(self)`` if none does."""
        chunk = max(bisect_left(self._bases, offset) - 1, 0)
        return self._firsts[chunk] + bisect_left(self._chunks[chunk], offset - self._bases[chunk])

    @property
    def longest(self) -> int:
        """The length of the longest line but the last, its line end included."""
        ends = [base + chunk[-1] for base, chunk in zip(self._bases, self._chunks, strict=True)]
        between: list[int] = [*map(sub, self._bases[1:], ends)]
        return max([*self._longest, *between])

    def spliced(self, first: int, last: int, starts: Sequence[int], shift: int) -> LineStarts:
        """Return these with ``first`` to ``last`` replaced, and those after moved by ``shift``.

        The first line is never replaced: 0 < ``first`` <= ``last`` (exclusive) <= ``len(self)``.
        """
        head = bisect_right(self._firsts, first - 1) - 1
        tail = bisect_right(self._firsts, max(last - 1, first - 1)) - 1
        before = self._absolute(head, 0, first - self._firsts[head])
        after = self._absolute(tail, last - self._firsts[tail], None)
        chunks, bases, longest = _in_chunks([*before, *starts, *(start + shift for start in after)])
        moved = [base + shift for base in self._bases[tail + 1 :]]
        return LineStarts(
            [*self._chunks[:head], *chunks, *self._chunks[tail + 1 :]],
            [*self._bases[:head], *bases, *moved],
            [*self._longest[:head], *longest, *self._longest[tail + 1 :]],
        )

    def moved(self, first: int, shift: int) -> LineStarts:
        """Return these with ``first`` and those after it moved by ``shift``; 0 < ``first``.

        The same as ``spliced`` with nothing replaced, for a fraction of the time: most keystrokes
        neither make a line nor take one away.
        """
        if first >= self._length or not shift:
            return self
        head = bisect_right(self._firsts, first) - 1
        within = first - self._firsts[head]
        # Of a chunk that moves as a whole, its base is all that changes.
        n_bases = head + bool(within)
        bases = [*self._bases[:n_bases], *[base + shift for base in self._bases[n_bases:]]]
        if not within:
            return LineStarts(self._chunks, bases, self._longest)
        old = self._chunks[head]
        chunk = old[:within] + array("q", [start + shift for start in old[within:]])
        before, after = old[within] - old[within - 1], chunk[within] - chunk[within - 1]
        longest = self._longest.copy()
        if after >= longest[head]:
            longest[head] = after
        elif before == longest[head]:
            longest[head] = max(map(sub, chunk[1:], chunk))
        return LineStarts([*self._chunks[:head], chunk, *self._chunks[head + 1 :]], bases, longest)

    def _absolute(self, chunk: int, first: int, last: int | None) -> list[int]:
        base = self._bases[chunk]
        return [base + start for start in self._chunks[chunk][first:last]]


@dataclass(frozen=True)
class LineIndex:
    """Start offsets of a text's lines, in code points; a text always has at least one line."""

    starts: LineStarts

    @classmethod
    def of(cls, text: str) -> LineIndex:
        """Return the index of ``text``."""
        if "\r" in text:
            ends = (match.end() for match in _LINE_END.finditer(text))
            return cls(LineStarts.of([0, *ends]))
        # The same, five times as fast; opening a long document waits for this.
        lengths = [len(line) + 1 for line in text.split("\n")]
        return cls(LineStarts.of([*accumulate(lengths[:-1], initial=0)]))

    def __len__(self) -> int:
        return len(self.starts)

    def line_at(self, offset: int) -> int:
        """Return the number of the line that holds ``offset``."""
        return self.starts.line_at(offset)

    def after_edit(self, text: str, start: int, old_end: int, new_end: int) -> LineIndex:
        """Return the index of ``text``, in which ``start`` to ``new_end`` is new.

        This index is of the text before, where ``start`` to ``old_end`` stood instead.
        """
        # Whether a line starts at an offset depends on the characters on both its sides, so the
        # two borders of the edit are looked at again: a LF may have joined a CR, or left it.
        found = (match.end() for match in _LINE_END.finditer(text, max(start - 1, 0), new_end + 1))
        starts = [offset for offset in found if start <= offset <= new_end]
        first = self.starts.first_from(max(start, 1))
        last = max(self.starts.first_from(old_end + 1), first)
        if first == last and not starts:
            return LineIndex(self.starts.moved(first, new_end - old_end))
        return LineIndex(self.starts.spliced(first, last, starts, new_end - old_end))


def _in_chunks(starts: Sequence[int]) -> tuple[list[array[int]], list[int], list[int]]:
    chunks: list[array[int]] = []
    bases: list[int] = []
    longest: list[int] = []
    for first in range(0, len(starts), _CHUNK_LINES):
        base = starts[first]
        chunk = array("q", [start - base for start in starts[first : first + _CHUNK_LINES]])
        chunks.append(chunk)
        bases.append(base)
        longest.append(max(map(sub, chunk[1:], chunk), default=0))
    return chunks, bases, longest
