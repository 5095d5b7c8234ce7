"""The entry chosen in the editor's popup: complete as if it had been taken already."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from codelsp.document.edit import replace as replace_text

if TYPE_CHECKING:
    from codelsp.context.completion_context import CompletionQuery
    from codelsp.document.syntax import SyntaxTree
    from codelsp.reply import Insertion


def with_selection(query: CompletionQuery) -> CompletionQuery:
    """Return ``query`` on the document in which the selected entry stands; itself without one."""
    selected = query.selected
    if selected is None:
        return query
    document = replace_text(query.document, selected.start, selected.end, selected.text)
    offset = selected.start + len(selected.text)
    return replace(query, document=document, offset=offset, selected=None)


def tree_with_selection(tree: SyntaxTree | None, query: CompletionQuery) -> SyntaxTree | None:
    """Return the tree of ``with_selection(query)``'s document, from that of the query's own."""
    selected = query.selected
    if tree is None or selected is None:
        return tree
    return tree.with_edit(selected.start, selected.end, selected.text)


def unselected(insertion: Insertion, query: CompletionQuery, virtual: CompletionQuery) -> Insertion:
    """Return ``insertion``, made for ``virtual``, as one into the document of ``query``.

    It replaces what the selected entry would replace, and its text extends the entry's, as LSP
    3.18 asks of ``selectedCompletionInfo``.
    """
    selected = query.selected
    if selected is None:
        return insertion
    start = min(insertion.start, selected.start)
    before = virtual.document.text[start : insertion.start]
    end = selected.end + insertion.end - virtual.offset
    return replace(insertion, text=before + insertion.text, start=start, end=end)
