"""Walks over tree-sitter nodes; here and below, places are offsets, not bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from codelsp.document.parsing import BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from codelsp.document.grammars import NodeTypes
    from codelsp.document.languages import Language
    from codelsp.document.snapshot import DocumentSnapshot

# Brackets may nest as deep as a binary file likes; no scope does.
_MAX_DEPTH = 500


@dataclass(frozen=True)
class Source:
    """A document, its syntax tree's root, and what the node types of its grammar mean."""

    document: DocumentSnapshot
    language: Language
    types: NodeTypes
    root: Node

    @property
    def text(self) -> str:
        """The document's text."""
        return self.document.text


def start_of(node: Node) -> int:
    """Return where ``node`` begins."""
    return node.start_byte // BYTES


def end_of(node: Node) -> int:
    """Return where ``node`` ends."""
    return node.end_byte // BYTES


def path_over(root: Node, offset: int) -> list[Node]:
    """Return the nodes that hold the character at ``offset``, outermost first, 500 at most."""
    byte = offset * BYTES
    path = [root]
    cursor = root.walk()
    while len(path) < _MAX_DEPTH and cursor.goto_first_child_for_byte(byte) is not None:
        node = cursor.node
        if node is None or not node.start_byte <= byte < node.end_byte:
            break
        path.append(node)
    return path


def path_before(root: Node, offset: int) -> list[Node]:
    """Return the nodes with ``start < offset <= end``, outermost first."""
    return path_over(root, offset - 1) if offset > 0 else [root]


def children_touching(node: Node, start: int, end: int) -> Iterator[tuple[Node, str | None]]:
    """Yield the children of ``node`` that touch ``start`` to ``end``, and the field of each."""
    cursor = node.walk()
    # A byte in a token that grammars hide, such as Go's line ends, is in no child at all; then
    # all children are gone through.
    is_near = cursor.goto_first_child_for_byte(max(start - 1, 0) * BYTES) is not None
    if not is_near and not cursor.goto_first_child():
        return
    while True:
        child = cursor.node
        if child is None or child.start_byte > end * BYTES:
            return
        if child.end_byte >= start * BYTES:
            yield child, cursor.field_name
        if not cursor.goto_next_sibling():
            return


def error_count(node: Node, start: int, end: int) -> int:
    """Return how many ERROR and MISSING nodes in ``node`` touch ``start`` to ``end``."""
    return sum(1 for _ in errors_in(node, start, end))


def has_errors(node: Node, start: int, end: int) -> bool:
    """Whether an ERROR or MISSING node in ``node`` touches ``start`` to ``end``."""
    return next(errors_in(node, start, end), None) is not None


def errors_in(node: Node, start: int, end: int) -> Iterator[Node]:
    """Yield the ERROR and MISSING nodes in ``node`` that touch ``start`` to ``end``."""
    # Here and elsewhere a stack and no recursion: brackets nest as deep as a user can type.
    stack = [node]
    while stack:
        node = stack.pop()
        if node.is_error or node.is_missing:
            yield node
        stack.extend(
            child
            for child, _ in children_touching(node, start, end)
            if child.has_error or child.is_missing
        )


def is_incomplete(node: Node) -> bool:
    """Whether the end of ``node`` is not in the text, but was supposed by the parser."""
    if not node.has_error:
        return False
    for _ in range(_MAX_DEPTH):
        if node.is_error or node.is_missing:
            return True
        if not node.child_count:
            return False
        node = node.child(node.child_count - 1)
    return False


def last_solid(text: str, offset: int, least: int = 0) -> int:
    """Return the offset after the last character before ``offset`` that is no whitespace."""
    while offset > least and text[offset - 1].isspace():
        offset -= 1
    return offset


def indentation_at(document: DocumentSnapshot, line: int) -> int:
    """Return the width of the whitespace that begins ``line``, in characters."""
    text = document.line_text(line)
    return len(text) - len(text.lstrip(" \t\f"))


def begins_line(document: DocumentSnapshot, node: Node) -> bool:
    """Whether nothing but whitespace stands before ``node`` on its line."""
    start = start_of(node)
    return not document.text[document.line_start(document.line_at(start)) : start].strip()
