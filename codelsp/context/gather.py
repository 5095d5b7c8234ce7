"""One ``CompletionContext`` of all that a request may look at.

Everything that ends up in the prompt's beginning is chosen so that it stays the same while the
user types: see ``windows.py``, ``neighbors.py`` and ``header.py``.

Architecture invariant: pure.  No clock, no disk, no network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from codelsp.context.completion_context import CompletionContext
from codelsp.context.header import header_of
from codelsp.context.multiline import may_span_lines
from codelsp.context.neighbors import needs_at, neighbors_of
from codelsp.context.paths import shown_path, workspace_name
from codelsp.context.windows import prefix_start, suffix_end
from codelsp.document.syntax import TextKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codelsp.context.completion_context import CompletionQuery, Neighbor
    from codelsp.document.snapshot import DocumentSnapshot
    from codelsp.document.syntax import SyntaxTree

_HEADER_PART = 5
"""The header gets one fifth of the prefix window."""


@dataclass(frozen=True)
class ContextPolicy:
    """How much a request may look at, in characters."""

    prefix_chars: int
    """Header included."""
    suffix_chars: int
    neighbor_chars: int
    multiline: str
    """The setting: ``auto``, ``always`` or ``never``."""
    use_neighbors: bool


def gather_context(
    query: CompletionQuery,
    tree: SyntaxTree | None,
    others: Sequence[DocumentSnapshot],
    policy: ContextPolicy,
    *,
    root: str = "",
) -> CompletionContext:
    """Return what the model may look at, and what its candidates are judged against.

    Args:
        query: What the editor asks.
        tree: The syntax tree of its snapshot; None without a grammar.
        others: Other open documents, none that is private.
        policy: How much to look at.
        root: URI of the workspace folder; empty for none.
    """
    document, offset = query.document, query.offset
    # The current document is nothing beside itself, nor is another cell of its name.
    others = tuple(each for each in others if each.uri != document.uri)
    line = document.line_at(offset)
    line_prefix = document.text[document.line_start(line) : offset]
    line_suffix = document.text[offset : document.line_end(line)]
    dropped = "" if line_prefix.strip() or line_suffix.strip() else line_prefix
    header_chars = policy.prefix_chars // _HEADER_PART
    start = prefix_start(document, offset, policy.prefix_chars - header_chars)
    end = suffix_end(document, offset, policy.suffix_chars)
    return CompletionContext(
        query=query,
        prefix=document.text[start : offset - len(dropped)],
        prefix_start=start,
        suffix=document.text[offset:end],
        suffix_end=end,
        header=header_of(tree, start, offset, header_chars),
        neighbors=_neighbors(query, tree, others, policy, root),
        path=shown_path(document.uri, root),
        text_kind=TextKind.CODE if tree is None else tree.text_kind_at(offset),
        multiline=may_span_lines(document, offset, tree, policy.multiline),
        dropped_indentation=dropped,
        tree=tree,
        repository=workspace_name(root),
        line_prefix=line_prefix,
        line_suffix=line_suffix,
        others=others,
    )


def _neighbors(
    query: CompletionQuery,
    tree: SyntaxTree | None,
    others: Sequence[DocumentSnapshot],
    policy: ContextPolicy,
    root: str,
) -> tuple[Neighbor, ...]:
    if not policy.use_neighbors or policy.neighbor_chars <= 0 or not others:
        return ()
    needs = needs_at(query.document, query.offset, tree)
    return neighbors_of(needs, others, policy.neighbor_chars, root)
