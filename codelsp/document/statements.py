"""Statements: where they end, which of them import, and how many errors stand among them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from codelsp.document.nodes import (
    begins_line,
    children_touching,
    end_of,
    is_incomplete,
    last_solid,
    start_of,
)
from codelsp.document.scopes import body_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from codelsp.document.nodes import Source


# Fields of nodes that hold statements whose children are none: "case 1:" has a value.
_CONDITIONS = frozenset({"condition", "value", "pattern", "name", "label", "variable"})
# Fields of nodes that hold one statement, without braces.
_BRANCHES = frozenset({"consequence", "body"})
# How deep below the root imports may stand: in "try:", in an include guard, in a namespace.
_IMPORT_DEPTH = 3
# An import by a call shows in this many characters of its statement.
_IMPORT_CHARS = 200
# What may follow a statement on its line.
_LINE_REST = re.compile(r"[ \t]*(?:[\r\n]|\Z|#|//|--)")


def statement_ends(source: Source, start: int, end: int) -> tuple[int, ...]:
    """Return the offsets after ``start``, up to ``end``, at which a whole statement ends."""
    types = source.types
    found: set[int] = set()
    stack = [source.root]
    while stack:
        node = stack.pop()
        if node.is_error:
            found.update(_ends_among_errors(source, node))
        holds = node.type in types.bodies or node.type in types.containers
        for child, field in children_touching(node, start, end):
            if _is_statement(source, child, field, holds=holds):
                found.add(_end_with_separator(source.text, child))
            if child.child_count:
                stack.append(child)
    return tuple(sorted(offset for offset in found if start < offset <= end))


def _ends_among_errors(source: Source, error: Node) -> Iterator[int]:
    """Yield where statements end that the parser has understood, in a body that it has not.

    Those are the children of an error that begin and end on lines of their own, outside brackets.
    """
    depth = 0
    for child in error.children:
        if child.type in ("(", "["):
            depth += 1
        elif child.type in (")", "]"):
            depth = max(depth - 1, 0)
        elif not depth and _is_statement(source, child, None, holds=True):
            end = _end_with_separator(source.text, child)
            if _LINE_REST.match(source.text, end) and begins_line(source.document, child):
                yield end


def _is_statement(source: Source, node: Node, field: str | None, *, holds: bool) -> bool:
    if not holds:
        return field in _BRANCHES and node.type.endswith("_statement")
    types = source.types
    return (
        node.is_named
        and not node.is_extra
        and field not in _CONDITIONS
        and node.type not in types.parts
        and node.type not in types.comments
        and not is_incomplete(node)
    )


def _end_with_separator(text: str, node: Node) -> int:
    """Return where ``node`` ends, with the ``;`` or ``,`` that some grammars leave outside it."""
    end = last_solid(text, end_of(node), start_of(node))
    is_followed = text.startswith((";", ","), end) and not text.startswith(";;", end)
    return end + 1 if is_followed else end


def import_spans(source: Source, first: int, last: int) -> tuple[tuple[int, int], ...]:
    """Return where the imports stand: on the top level, or in blocks there (``try``, ``#if``).

    Those whose nodes touch ``first`` to ``last``; ends are exclusive.
    """
    return tuple(
        (start_of(node), last_solid(source.text, end_of(node), start_of(node)))
        for node in _imports_in(source, source.root, (first, last), _IMPORT_DEPTH)
    )


def _imports_in(source: Source, node: Node, place: tuple[int, int], depth: int) -> Iterator[Node]:
    types = source.types
    without = types.functions | (types.classes - types.namespaces)
    for child, _ in children_touching(node, *place):
        if not child.is_named:
            continue
        if _is_import(source, child):
            yield child
        elif depth and child.child_count and child.type not in without:
            holder = child if child.type in types.containers else body_of(source, child)
            if holder is not None:
                yield from _imports_in(source, holder, place, depth - 1)


def _is_import(source: Source, node: Node) -> bool:
    types, pattern = source.types.import_calls
    if node.type in source.types.imports:
        return True
    if node.type not in types:
        return False
    start = start_of(node)
    return (
        re.search(pattern, source.text[start : min(end_of(node), start + _IMPORT_CHARS)])
        is not None
    )


def identifiers(source: Source, start: int, end: int) -> frozenset[str]:
    """Return the identifiers that touch ``start`` to ``end``."""
    found: set[str] = set()
    stack = [source.root]
    while stack:
        for child, _ in children_touching(stack.pop(), start, end):
            if child.type in source.types.identifiers:
                found.add(source.text[start_of(child) : end_of(child)])
            elif child.child_count:
                stack.append(child)
    return frozenset(found)
