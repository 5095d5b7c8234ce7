"""Which documents may be shown to a parser at all.

Grammars are native code written for source text.  On what is none they may take minutes or crash
the process, so that such documents are completed without a tree.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codelsp.document.edit import Edit
    from codelsp.document.grammars import NodeTypes
    from codelsp.document.snapshot import DocumentSnapshot

MAX_CHARS = 1_500_000
"""A longer document would cost seconds to parse, and tens of megabytes to keep."""
MAX_LINE_CHARS = 10_000
"""No person edits longer lines; on some of them Markdown's grammar takes half a minute."""
MAX_CONTROL_SHARE = 0.005
"""More control characters than this, in the first of the text, mean a binary file."""

_LOOKED_AT_CHARS = 20_000
_CONTROL = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f\ufffd]")


def is_parsable(
    document: DocumentSnapshot, types: NodeTypes, edits: Sequence[Edit] | None = None
) -> bool:
    """Whether parsing ``document`` is safe, and of use.

    ``edits`` have made it of one that was: what they left alone is then not looked at again.
    """
    text, lines = document.text, document.lines
    if len(text) > MAX_CHARS or "\0" in _to_look_at(text, edits):
        return False
    last_line_chars = len(text) - lines.starts[-1]
    if max(lines.starts.longest, last_line_chars) > MAX_LINE_CHARS:
        return False
    if types.unsafe_line and re.search(types.unsafe_line, text):
        return False
    if edits is not None and len(edits) == 1 and not _CONTROL.search(_to_look_at(text, edits)):
        return True
    head = text[:_LOOKED_AT_CHARS]
    return len(_CONTROL.findall(head)) <= MAX_CONTROL_SHARE * len(head)


def _to_look_at(text: str, edits: Sequence[Edit] | None) -> str:
    # Of text with a character beyond Latin-1, every other byte is null, and looking for the null
    # character takes a millisecond in a million.  Of several edits, the earlier ones' places are
    # those of texts that are gone.
    if edits is None or len(edits) != 1:
        return text
    return text[edits[0].start : edits[0].new_end]


def is_harmless(text: str) -> bool:
    """Whether ``text``, put into a parsable document, holds nothing that may make it unparsable."""
    return not _CONTROL.search(text)
