"""Functions, classes and blocks around a place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from codelsp.document.nodes import (
    end_of,
    has_errors,
    indentation_at,
    is_incomplete,
    last_solid,
    path_before,
    start_of,
)
from codelsp.document.recovery import headers_above

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from codelsp.document.nodes import Source

# How deep below a scope its body may lie: Go's type_spec > struct_type > field_declaration_list.
_BODY_DEPTH = 2
# Go's "interface {" begins with a keyword.
_OPENER_WITHIN = 2
# How many declarators may stand around a name: C's "int (*(*f))(void)".
_NAME_DEPTH = 6


@dataclass(frozen=True)
class Scope:
    """A function or class that encloses a place; ends are exclusive."""

    kind: str
    """``function``, ``class`` or ``block``."""
    name: str
    start: int
    end: int
    signature_end: int
    """Where the signature ends and the body begins; an opening brace belongs to the signature."""


def scopes_at(source: Source, offset: int) -> tuple[Scope, ...]:
    """Return the scopes around ``offset``, outermost first."""
    found = [*_parsed(source, offset)]
    if source.root.has_error:
        found += _recovered(source, offset, found)
    return tuple(sorted(found, key=lambda scope: scope.start))


def is_in_scope(source: Source, offset: int) -> bool:
    """Whether there is a scope around ``offset``; the outermost will do."""
    if next(_parsed(source, offset), None) is not None:
        return True
    return source.root.has_error and bool(_recovered(source, offset, []))


def _parsed(source: Source, offset: int) -> Iterator[Scope]:
    """Yield the scopes around ``offset`` that the parser has understood."""
    for node in open_nodes(source, offset):
        scope = _scope(source, node) if node.parent else None
        if scope is not None and (scope.kind != "block" or scope.signature_end <= offset):
            yield scope


def _recovered(source: Source, offset: int, found: list[Scope]) -> list[Scope]:
    """Return scopes that indentation shows, where errors have hidden them from the tree."""
    line_at = source.document.line_at
    known = {line_at(scope.start) for scope in found if scope.kind != "block"}
    return [
        Scope(kind, name, start, max(offset, end), end)
        for kind, name, start, end in headers_above(source, offset)
        if line_at(start) not in known and has_errors(source.root, start, offset)
    ]


def open_nodes(source: Source, offset: int) -> list[Node]:
    """Return the nodes that a character typed at ``offset`` would belong to, outermost first.

    Those are the nodes around it and, in the whitespace after a node, that node too if it has not
    ended: its closing token is missing, or the line is indented deeper than where it began.
    """
    solid = last_solid(source.text, offset)
    around = [node for node in path_before(source.root, solid) if _is_open(source, node, offset)]
    if solid == offset:
        return around
    held = {node.id for node in around}
    inner = path_before(source.root, offset)
    return around + [node for node in inner if node.id not in held and end_of(node) > offset]


def body_of(source: Source, node: Node, depth: int = _BODY_DEPTH) -> Node | None:
    """Return the body of a function, class or block; None if it has none."""
    if not depth:
        return None
    children = node.named_children
    for child in children:
        if child.type in source.types.bodies:
            return child
    if depth == _BODY_DEPTH and node.type not in source.types.classes | source.types.heads:
        return None
    for child in children:
        body = body_of(source, child, depth - 1)
        if body is not None:
            return body
    return None


def _is_open(source: Source, node: Node, offset: int) -> bool:
    end = end_of(node)
    if end > offset or node.parent is None:
        return True
    if is_incomplete(node):
        return True
    if source.language.style != "indentation":
        return False
    document = source.document
    line = document.line_at(offset)
    if line == document.line_at(end):
        return True
    column = max(indentation_at(document, line), offset - document.line_start(line))
    if source.text[document.line_start(line) : offset].strip():
        column = indentation_at(document, line)
    return column > indentation_at(document, document.line_at(start_of(node)))


def _scope(source: Source, node: Node) -> Scope | None:
    types = source.types
    is_function, is_class = node.type in types.functions, node.type in types.classes
    # A body, whose statements may be many, need not be looked through for another.
    if not node.is_named or (node.type in types.bodies and not (is_function or is_class)):
        return None
    body = body_of(source, node)
    if is_function:
        kind = "function"
    elif is_class:
        kind = "class"
    elif body is not None and _is_block(source, node):
        kind = "block"
    else:
        return None
    signature_end = _signature_end(source, node, body)
    start = _first_on_line(source, node)
    name = "" if kind == "block" else name_of(source, node)
    return Scope(kind, name, start, end_of(node), signature_end)


def _is_block(source: Source, node: Node) -> bool:
    """Whether a node with a body is a block of its own, and not one wrapped round that body."""
    types = source.types
    owners = types.classes | types.functions | types.heads
    return node.type not in types.bodies and (node.parent is None or node.parent.type not in owners)


def _signature_end(source: Source, node: Node, body: Node | None) -> int:
    if body is None:
        named = node.named_children
        return end_of(named[-1]) if named else end_of(node)
    start = start_of(body)
    for index in range(min(_OPENER_WITHIN, body.child_count)):
        child = body.child(index)
        if child.type in source.types.openers and not child.child_count:
            return end_of(child)
    sibling = body.prev_sibling
    while sibling is not None and sibling.is_extra:
        sibling = sibling.prev_sibling
    if sibling is not None and end_of(sibling) > start_of(node):
        return end_of(sibling)
    return last_solid(source.text, start, start_of(node))


def name_of(source: Source, node: Node) -> str:
    """Return the name of a function or class, or of what it is assigned to; empty without one."""
    own = node.child_by_field_name("name") or _declared(node)
    named = own or _assigned(node) or node.child_by_field_name("type")
    return source.text[start_of(named) : end_of(named)] if named is not None else ""


def _declared(node: Node) -> Node | None:
    """Return the name inside C's declarators."""
    inner = node.child_by_field_name("declarator")
    for _ in range(_NAME_DEPTH):
        if inner is None or "identifier" in inner.type:
            return inner
        inner = inner.child_by_field_name("declarator") or next(iter(inner.named_children), None)
    return None


def _assigned(node: Node) -> Node | None:
    """Return what a function without a name is assigned to."""
    parent = node.parent
    if parent is None:
        return None
    for field_name in ("name", "key", "left", "property"):
        named = parent.child_by_field_name(field_name)
        if named is not None and named.id != node.id:
            return named
    return None


def _first_on_line(source: Source, node: Node) -> int:
    """Return where ``node`` begins, or the statement it is part of if that is on the same line.

    So that a signature has its ``export``, its ``const f =``, its ``type``.
    """
    holders = source.types.bodies | source.types.containers
    start = start_of(node)
    parent = node.parent
    while parent is not None and parent.type not in holders:
        node, parent = parent, parent.parent
    first, line_at = start_of(node), source.document.line_at
    return first if line_at(first) == line_at(start) else start
