"""Where a document's import statements stand, found once for as long as the text above is the same.

A keystroke asks for them twice, and finding them takes a look at every statement of the document.
So what was found is kept with the text it was found in.  A syntax error typed further down, which
may hide every statement from the parser for a while, does not take the imports away either.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codelsp.document.syntax import SyntaxTree

_MAX_DOCUMENTS = 8

Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class _Found:
    head: str
    spans: Spans


_found: OrderedDict[str, _Found] = OrderedDict()


def imports_before(tree: SyntaxTree, offset: int) -> Spans:
    """Return the spans of the import statements that end before ``offset``."""
    document = tree.document
    found = _found.get(document.uri)
    if found is None or len(found.head) != offset or not document.text.startswith(found.head):
        spans = tuple(span for span in tree.import_spans() if span[1] <= offset)
        found = _found[document.uri] = _Found(document.text[:offset], spans)
    _found.move_to_end(document.uri)
    if len(_found) > _MAX_DOCUMENTS:
        _found.popitem(last=False)
    return found.spans
