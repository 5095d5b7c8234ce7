"""An insertion as the edit that one kind of client draws and applies correctly.

The insertion says which text is to stand where; clients differ in how much of the text already
there they want repeated.  ``clients.py`` has the facts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from codelsp.editor.clients import RangeStart

if TYPE_CHECKING:
    from codelsp.document.snapshot import DocumentSnapshot
    from codelsp.editor.clients import ClientPolicy
    from codelsp.reply import Insertion


@dataclass(frozen=True)
class Edit:
    """``text`` replaces ``start``..``end``, in code points, all on the cursor's line."""

    start: int
    end: int
    text: str
    filter_text: str
    """Begins with the text between ``start`` and the cursor, so that filtering clients show it."""


def edit_for(
    insertion: Insertion, document: DocumentSnapshot, cursor: int, policy: ClientPolicy
) -> Edit | None:
    """Return the edit for a client of ``policy``; None if it changes nothing or cannot be shown."""
    start, text = insertion.start, insertion.text
    end = max(insertion.end, cursor)
    text += document.text[insertion.end : end]
    if text == document.text[start:end]:
        return None
    if policy.range_start is RangeStart.LINE:
        line_start = _line_start(document, start)
        start, text = line_start, document.text[line_start:start] + text
    else:
        start, text = _nearest_to_cursor(start, text, document, cursor)
    return _with_filter(Edit(start, end, text, text), document, cursor, policy)


def _nearest_to_cursor(
    start: int, text: str, document: DocumentSnapshot, cursor: int
) -> tuple[int, str]:
    """Leave out of an edit what stands before the cursor already."""
    kept = 0
    for typed, wanted in zip(document.text[start:cursor], text, strict=False):
        if typed != wanted:
            break
        kept += 1
    return start + kept, text[kept:]


def _line_start(document: DocumentSnapshot, offset: int) -> int:
    return document.line_start(document.line_at(offset))


def _with_filter(
    edit: Edit, document: DocumentSnapshot, cursor: int, policy: ClientPolicy
) -> Edit | None:
    typed = document.text[edit.start : cursor]
    if edit.text.startswith(typed):
        return edit
    if policy.needs_typed_prefix:
        return None
    return Edit(edit.start, edit.end, edit.text, typed + edit.text)
