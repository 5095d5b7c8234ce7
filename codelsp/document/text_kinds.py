"""Whether a place stands in code, a comment, a string or a docstring."""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING

from codelsp.document.nodes import end_of, errors_in, last_solid, path_before, start_of

if TYPE_CHECKING:
    from tree_sitter import Node

    from codelsp.document.nodes import Source


# How far back a place with errors is read by its quotes.
_MAX_ERROR_CHARS = 4_000
_STRING_PREFIXES = "bBfFrRuUtT"


class TextKind(Enum):
    """What kind of text a place stands in."""

    CODE = "code"
    COMMENT = "comment"
    STRING = "string"
    DOCSTRING = "docstring"


def text_kind_at(source: Source, offset: int) -> TextKind:
    """Return what a character typed at ``offset`` would be part of.

    The end of a line comment is in the comment, the end of a block comment is not; before the
    opening quote of a string, and inside ``${...}``, is code.  A comment that documents what
    follows it (``/** ... */``) is a docstring.
    """
    path = path_before(source.root, offset)
    for node in reversed(path):
        kind = _kind_in(source, node, offset)
        if kind is not None:
            return kind
    if source.root.has_error:
        error = next((node for node in path if node.is_error), None)
        error = error or _open_quote_before(source, offset)
        if error is not None:
            return _kind_by_quotes(source, start_of(error), offset)
    return _kind_after_comment(source, offset)


def _kind_in(source: Source, node: Node, offset: int) -> TextKind | None:
    types = source.types
    if node.type in types.comments and node.is_named:
        return _comment_kind(source, node, offset)
    if node.type in types.interpolations:
        return TextKind.CODE if start_of(node) < offset < end_of(node) else None
    if node.type in types.strings and node.is_named and _is_inside(node, offset):
        return TextKind.DOCSTRING if is_docstring(source, node) else TextKind.STRING
    return None


def _comment_kind(source: Source, node: Node, offset: int) -> TextKind | None:
    text = source.text
    start = start_of(node)
    end = last_solid(text, end_of(node), start)
    block = source.language.block_comment
    if block is not None and text.startswith(block[0], start):
        is_closed = text.endswith(block[1], start + len(block[0]), end)
        if is_closed and offset >= end:
            return None
    elif "\n" in text[end:offset] or "\r" in text[end:offset]:
        return None
    marks = source.language.doc_comments
    is_doc = text.startswith(marks, start) and not text.startswith("/**/", start)
    return TextKind.DOCSTRING if is_doc else TextKind.COMMENT


def _is_inside(node: Node, offset: int) -> bool:
    opening = _opening_end(node)
    if offset < opening:
        return False
    if offset < end_of(node):
        return True
    if not node.child_count:
        return False
    last = node.child(node.child_count - 1)
    return last.is_missing or (node.has_error and end_of(node) <= opening)


def _opening_end(node: Node) -> int:
    """Return where the quote that opens a string ends, with prefixes such as Python's ``rb``."""
    if node.child_count and end_of(node.child(0)) < end_of(node):
        first = node.child(0)
        if not first.is_named or first.type in ("string_start", "interpolation_start"):
            return end_of(first)
    return start_of(node) + 1


def is_docstring(source: Source, node: Node) -> bool:
    """Whether the string ``node`` is the first statement of a module, function or class."""
    parent = node.parent
    if parent is not None and parent.type == "expression_statement":
        node, parent = parent, parent.parent
    if parent is None or parent.type not in source.types.docstring_owners:
        return False
    if parent.type == "block" and parent.parent is not None:
        owner = parent.parent.type
        if owner not in source.types.functions and owner not in source.types.classes:
            return False
    first = next((child for child in parent.named_children if not child.is_extra), None)
    return first is not None and first.id == node.id


def _kind_after_comment(source: Source, offset: int) -> TextKind:
    """Look at the end of the line, where trailing blanks belong to no comment node."""
    solid = last_solid(source.text, offset)
    if solid == offset or source.document.line_at(solid) != source.document.line_at(offset):
        return TextKind.CODE
    for node in reversed(path_before(source.root, solid)):
        if node.type in source.types.comments and node.is_named:
            return _comment_kind(source, node, offset) or TextKind.CODE
    return TextKind.CODE


def _open_quote_before(source: Source, offset: int) -> Node | None:
    """Return the last error that is the beginning of a string of many lines."""
    quotes = tuple(filter(_is_of_many_lines, source.language.quotes))
    return max(
        (
            error
            for error in errors_in(source.root, max(offset - _MAX_ERROR_CHARS, 0), offset)
            if source.text[start_of(error) : end_of(error)]
            .lstrip(_STRING_PREFIXES)
            .startswith(quotes)
        ),
        key=start_of,
        default=None,
    )


def _kind_by_quotes(source: Source, start: int, offset: int) -> TextKind:
    """Read the text up to ``offset`` by its quotes; for places the parser could not make out."""
    document, language = source.document, source.language
    outside = _outside_strings(language.quotes, language.line_comment)
    start = document.line_start(document.line_at(max(start, offset - _MAX_ERROR_CHARS, 0)))
    match = outside.search(source.text, start, offset)
    while match is not None:
        quote = match[0]
        end = match.end()
        if quote in language.quotes:
            closing = _inside_string(quote).search(source.text, end, offset)
            if closing is None:
                return _open_string_kind(source, quote, match.start())
            end = closing.end()
        elif end == offset and language.line_comment and quote.startswith(language.line_comment):
            return TextKind.COMMENT
        match = outside.search(source.text, end, offset)
    return TextKind.CODE


def _open_string_kind(source: Source, quote: str, start: int) -> TextKind:
    """Return what a string is that is not closed yet: a docstring if it may be one."""
    document = source.document
    before = document.text[document.line_start(document.line_at(start)) : start]
    is_doc = len(quote) > 1 and bool(source.types.docstring_owners) and not before.strip()
    return TextKind.DOCSTRING if is_doc else TextKind.STRING


@lru_cache(maxsize=64)
def _outside_strings(quotes: tuple[str, ...], line_comment: str | None) -> re.Pattern[str]:
    """Return a pattern of what begins a string, or is a whole comment."""
    comment = rf"{re.escape(line_comment)}[^\r\n]*" if line_comment else r"(?!)"
    marks = "|".join(map(re.escape, quotes)) or r"(?!)"
    return re.compile(rf"{marks}|{comment}")


@lru_cache(maxsize=16)
def _inside_string(quote: str) -> re.Pattern[str]:
    """Return a pattern of all up to the end of a string, which few have on another line."""
    end = re.escape(quote) if _is_of_many_lines(quote) else rf"(?:{re.escape(quote)}|[\r\n])"
    return re.compile(rf"(?:\\.|(?!{end})[\s\S])*{end}")


def _is_of_many_lines(quote: str) -> bool:
    return len(quote) > 1 or quote == "`"
