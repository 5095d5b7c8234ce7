"""Bodies of functions, classes and blocks: where they end, and whether one has just begun."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from codelsp.document.nodes import (
    end_of,
    indentation_at,
    last_solid,
    path_before,
    start_of,
)
from codelsp.document.scopes import open_nodes
from codelsp.document.text_kinds import TextKind, is_docstring, text_kind_at

if TYPE_CHECKING:
    from tree_sitter import Node

    from codelsp.document.nodes import Source

_ONLY_CLOSERS = re.compile(r"[\s)\]};,]*(?:(?:end|fi|done|esac|until)\b[\s)\]};,]*)?")


def block_end(source: Source, offset: int) -> int | None:
    """Return where the innermost body around ``offset`` ends, its closing brace included."""
    for node in reversed(open_nodes(source, offset)):
        if node.is_named and node.type in source.types.bodies and start_of(node) < offset:
            return end_of(node)
    return None


def is_empty_block_start(source: Source, offset: int) -> bool:
    """Whether ``offset`` is at the start of a body that holds nothing but a docstring or comments.

    That is so after what opens it (``:``, ``{``, ``then``), or on a blank line below; nothing but
    closing brackets may follow on the line, and nothing in the body may stand below it.
    """
    document = source.document
    rest = document.text[offset : document.line_end(document.line_at(offset))]
    if not _ONLY_CLOSERS.fullmatch(rest) or text_kind_at(source, offset) is not TextKind.CODE:
        return False
    opened = _end_of_opener(source, offset)
    if not opened:
        return False
    head = _head_of_body(source, opened)
    if head is None:
        return False
    return bool(rest.strip()) or _is_bare_below(source, offset, head)


def _end_of_opener(source: Source, offset: int) -> int:
    """Return where the last token before ``offset`` ends, comments and a docstring passed over."""
    while True:
        offset = last_solid(source.text, offset)
        for node in path_before(source.root, offset):
            is_comment = node.type in source.types.comments and node.is_named
            if is_comment or (node.type in source.types.strings and is_docstring(source, node)):
                offset = start_of(node)
                break
        else:
            return offset


def _head_of_body(source: Source, opened: int) -> int | None:
    """Return the line on which the statement begins whose body opens just before ``opened``."""
    path = path_before(source.root, opened)
    leaf = path[-1]
    parent = path[-2] if len(path) > 1 else leaf
    document, types = source.document, source.types
    if leaf.type in types.openers and leaf.child_count == 0 and end_of(leaf) == opened:
        if parent.type in types.bodies or _has_body(source, parent) or parent.type in types.heads:
            owner = parent.parent if parent.type in types.bodies and parent.parent else parent
            return document.line_at(start_of(owner if owner.parent else leaf))
        if source.language.style == "keywords" and leaf.type != "{":
            return document.line_at(opened)
    line = document.line_at(opened)
    if types.head_line:
        line_text = document.text[document.line_start(line) : opened]
        if re.fullmatch(types.head_line, line_text.strip()):
            return line
    return None


def _has_body(source: Source, node: Node) -> bool:
    return any(child.type in source.types.bodies for child in node.children)


def _is_bare_below(source: Source, offset: int, head: int) -> bool:
    document = source.document
    for line in range(document.line_at(offset) + 1, document.n_lines):
        text = document.line_text(line)
        if text.strip():
            return indentation_at(document, line) <= indentation_at(document, head)
    return True
