"""Enclosing functions and classes read from indentation, for where the parser has lost its way.

A file that ends at the cursor has no closing braces, and to most grammars its function is then no
function but an error.  Yet its lines are indented, and say by their first words what they begin.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from codelsp.document.nodes import indentation_at, last_solid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from codelsp.document.nodes import Source

_MAX_LINES = 1_000
_LINES_AT_ONCE = 150
"""Lines above the cursor that are looked at, and how many before asking whether that will do."""
_MAX_HEADER_CHARS = 400
# The last line of a signature of several, ") {", or a brace on a line of its own.
_CLOSES_SIGNATURE = re.compile(r"[)\]]|\{\s*$")

Header = tuple[str, str, int, int]
"""Kind, name, start and end of the line or lines that begin a function or class."""


def headers_above(source: Source, offset: int) -> Iterator[Header]:
    """Yield the headers that enclose ``offset`` by their indentation, innermost first."""
    document = source.document
    last = document.line_at(offset)
    least = indentation_at(document, last) or offset - document.line_start(last)
    signature_end: int | None = None

    def most() -> int:
        return least

    for indentation, start in _lines_above(source, last, most):
        if not least and signature_end is None:
            return
        if indentation >= least + (signature_end is not None):
            continue
        end = signature_end or document.line_end(document.line_at(start))
        least = min(indentation, least)
        if signature_end is None and _CLOSES_SIGNATURE.match(source.text, start, end):
            signature_end = end
            continue
        signature_end = None
        header = _header(source, start, end)
        if header is not None:
            yield header


def _lines_above(source: Source, last: int, most: Callable[[], int]) -> Iterator[tuple[int, int]]:
    """Yield the indentation of lines with something on them, and where that begins; upwards.

    Lines that are deeper than ``most`` says may be left out.
    """
    document, text = source.document, source.text
    stop = max(last - _MAX_LINES, 0)
    while last > stop:
        first = max(last - _LINES_AT_ONCE, stop)
        start, end = document.line_start(first), document.line_start(last)
        for match in reversed([*_line(most()).finditer(text, max(start - 1, 0), end)]):
            yield match.end() - match.start() - 1, match.end()
        last = first
    if not stop and text and not text[0].isspace():
        yield 0, 0


@lru_cache(maxsize=64)
def _line(most: int) -> re.Pattern[str]:
    """Return a pattern of lines with something on them, at most as deep as ``most``."""
    # With the line feed and not "^" in front, which would be tried at every character.
    return re.compile(rf"\n[ \t]{{0,{most}}}(?=[^ \t\r\n])")


def _header(source: Source, start: int, end: int) -> Header | None:
    end = last_solid(source.text, end, start)
    if end - start > _MAX_HEADER_CHARS:
        return None
    text, types = source.text[start:end], source.types
    for kind, patterns in (("class", types.class_line), ("function", types.function_line)):
        for pattern in patterns:
            match = re.match(pattern, text)
            if match is not None:
                return kind, match["name"], start, end
    return None
