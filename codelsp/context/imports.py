"""Where a document's import statements stand, found once for as long as the text above is the same.

A keystroke asks for them twice, and finding them takes a look at every statement of the document.
So what was found is kept with the text it was found in, and added to as the cursor moves down.  A
syntax error typed further down, which may hide every statement from the parser for a while, does
not take the imports away either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from codelsp.document.latest import Latest

if TYPE_CHECKING:
    from codelsp.document.snapshot import DocumentSnapshot
    from codelsp.document.syntax import SyntaxTree

_MAX_LINES = 12
"""Of one statement, that are worth showing."""

Spans = tuple[tuple[int, int], ...]


@dataclass
class Imports:
    """What was found in ``head``, the text up to an offset."""

    head: str
    spans: Spans
    """Of the statements."""
    lines: Spans | None = None
    """The spans of whole lines, once they were asked for."""

    def whole_lines(self, document: DocumentSnapshot) -> Spans:
        """Return the spans of the statements' whole lines, of each its first 12."""
        if self.lines is None:
            whole = document.whole_lines
            self.lines = tuple(whole(start, end, _MAX_LINES) for start, end in self.spans)
        return self.lines


_found: Latest[str, Imports] = Latest(8)


def imports_before(tree: SyntaxTree, offset: int) -> Imports:
    """Return the import statements that end before ``offset``.

    The very same object as the last time if the text before ``offset`` is the same.
    """
    text = tree.document.text
    found = _found.get(tree.document.uri)
    if found is None or len(found.head) != offset or not text.startswith(found.head):
        found = Imports(text[:offset], _looked_up(tree, offset, found))
    return _found.put(tree.document.uri, found)


def _looked_up(tree: SyntaxTree, offset: int, found: Imports | None) -> Spans:
    """Return the spans, looking no further up than where the text is not known yet."""
    known: Spans = ()
    after = 0
    if found is not None and tree.document.text.startswith(found.head[:offset]):
        known, after = found.spans, len(found.head)
    if offset < after:
        return tuple(span for span in known if span[1] <= offset)
    new = (span for span in tree.import_spans(after, offset) if after < span[1] <= offset)
    return (*known, *new)
