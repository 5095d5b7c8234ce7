"""Edits: the editor's incremental changes, and replacements of our own.

What an editor may send in the normal course of editing never raises here: a range that runs
backwards is turned round, one beyond the document ends with it, and both leave a line in the log.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codelsp.document.position import offset_at
from codelsp.document.snapshot import DocumentSnapshot, join_surrogates
from codelsp.errors import PositionOutOfRangeError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from codelsp.document.position import Position, PositionEncoding

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TextChange:
    """A change as an editor tells it; without ``start`` and ``end`` it is the whole document."""

    start: Position | None
    end: Position | None
    text: str


@dataclass(frozen=True)
class Edit:
    """That ``start`` to ``old_end`` of one text became ``start`` to ``new_end`` of the next.

    Points are line and column, the column in code points.
    """

    start: int
    old_end: int
    new_end: int
    start_point: tuple[int, int]
    old_end_point: tuple[int, int]
    new_end_point: tuple[int, int]


def apply_changes(
    snapshot: DocumentSnapshot,
    changes: Iterable[TextChange],
    version: int,
    encoding: PositionEncoding,
) -> DocumentSnapshot:
    """Return the snapshot after ``changes``, each of which counts on those before it."""
    return edited(snapshot, changes, version, encoding)[0]


def edited(
    snapshot: DocumentSnapshot,
    changes: Iterable[TextChange],
    version: int,
    encoding: PositionEncoding,
) -> tuple[DocumentSnapshot, tuple[Edit, ...] | None]:
    """Return the snapshot after ``changes``, and the edits that led to it.

    The edits are None when a change gave the whole document anew.
    """
    edits: list[Edit] | None = []
    for change in changes:
        if change.start is None or change.end is None:
            snapshot = DocumentSnapshot.of(snapshot.uri, snapshot.language_id, version, change.text)
            edits = None
            continue
        start = _lenient_offset(snapshot, change.start, encoding)
        is_insertion = change.end == change.start
        end = start if is_insertion else _lenient_offset(snapshot, change.end, encoding)
        if start > end:
            logger.warning("%s: version %d has a range that runs backwards", snapshot.uri, version)
            start, end = end, start
        before, snapshot = snapshot, replace(snapshot, start, end, change.text, version)
        if edits is not None:
            edits.append(edit_between(before, snapshot, start, end))
    if snapshot.version != version:
        snapshot = replace(snapshot, 0, 0, "", version)
    return snapshot, None if edits is None else tuple(edits)


def replace(
    snapshot: DocumentSnapshot, start: int, end: int, text: str, version: int | None = None
) -> DocumentSnapshot:
    """Return the snapshot with ``start`` to ``end`` (offsets, end exclusive) replaced by ``text``.

    Raises:
        ValueError: ``start`` and ``end`` are not a range of the document.
    """
    before = snapshot.text
    if not 0 <= start <= end <= len(before):
        raise ValueError(f"{start} to {end} is no range of {len(before)} characters")
    start, end, text = _with_joined_surrogates(before, start, end, text)
    # One copy of a long document less than by adding the three up.
    after = "".join((before[:start], text, before[end:]))
    return DocumentSnapshot(
        snapshot.uri,
        snapshot.language_id,
        snapshot.version if version is None else version,
        after,
        snapshot.lines.after_edit(after, start, end, start + len(text)),
    )


def edit_between(
    before: DocumentSnapshot, after: DocumentSnapshot, start: int, old_end: int
) -> Edit:
    """Return the edit that made ``after`` of ``before`` by replacing ``start`` to ``old_end``.

    It is wider by a character where what stands beside it may have changed its meaning: a carriage
    return that has met a line feed, and surrogates that have become one character.
    """
    text = before.text
    if start > 0 and (text[start - 1] == "\r" or _is_surrogate(text[start - 1])):
        start -= 1
    if old_end < len(text) and _is_surrogate(text[old_end]):
        old_end += 1
    new_end = old_end + len(after.text) - len(text)
    return Edit(
        start,
        old_end,
        new_end,
        point_at(before, start),
        point_at(before, old_end),
        point_at(after, new_end),
    )


def difference(before: DocumentSnapshot, after: DocumentSnapshot) -> Edit:
    """Return the one edit that leads from ``before`` to ``after``."""
    old, new = before.text, after.text
    start = _common_length(old, new)
    tail = _common_length(old[start:][::-1], new[start:][::-1])
    return edit_between(before, after, start, len(old) - tail)


def _common_length(one: str, other: str) -> int:
    """Return how long a beginning the two share; bisection, as comparing slices is fast."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def point_at(snapshot: DocumentSnapshot, offset: int) -> tuple[int, int]:
    """Return the line of ``offset``, and its column in code points."""
    line = snapshot.line_at(offset)
    return line, offset - snapshot.line_start(line)


def _lenient_offset(
    snapshot: DocumentSnapshot, position: Position, encoding: PositionEncoding
) -> int:
    try:
        return offset_at(snapshot, position, encoding)
    except PositionOutOfRangeError as error:
        logger.warning("%s: a change names %s; taken as the nearest place", snapshot.uri, error)
        return 0 if position.line < 0 else len(snapshot.text)


def _with_joined_surrogates(before: str, start: int, end: int, text: str) -> tuple[int, int, str]:
    """Widen a replacement so that no high surrogate is left standing before a low one."""
    if start > 0 and _is_surrogate(before[start - 1]):
        start -= 1
        text = before[start] + text
    if end < len(before) and _is_surrogate(before[end]):
        text += before[end]
        end += 1
    return start, end, join_surrogates(text)


def _is_surrogate(character: str) -> bool:
    return "\ud800" <= character <= "\udfff"
