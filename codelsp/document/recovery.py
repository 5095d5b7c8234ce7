"""Enclosing functions and classes read from indentation, for where the parser has lost its way.

A file that ends at the cursor has no closing braces, and to most grammars its function is then no
function but an error.  Yet its lines are indented, and say by their first words what they begin.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from codelsp.document.latest import Latest
from codelsp.document.nodes import indentation_at, last_solid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from codelsp.document.nodes import Source

_MAX_LINES = 1_000
_LINES_AT_ONCE = 150
"""Lines above the cursor that are looked at, and how many before asking whether that will do."""
_MAX_HEADER_CHARS = 400
_MAX_KEPT_CHARS = 200_000
# The last line of a signature of several, ") {", or a brace on a line of its own.
_CLOSES_SIGNATURE = re.compile(r"[)\]]|\{\s*$")

Header = tuple[str, str, int, int]
"""Kind, name, start and end of the line or lines that begin a function or class."""


@dataclass(frozen=True)
class _Found:
    """What enclosed a place, and the text above it that says so."""

    first: int
    """The offset of ``above``."""
    above: str
    least: int
    headers: tuple[Header, ...]


_found: Latest[tuple[str, str, int], _Found] = Latest(8)
"""By document, language, and where the line begins: a blank one is asked about beside the one
above it."""


def headers_above(source: Source, offset: int) -> tuple[Header, ...]:
    """Return the headers that enclose ``offset`` by their indentation, innermost first.

    They are looked for once for as long as the lines above are the same: typing goes on in one.
    """
    document = source.document
    last = document.line_at(offset)
    start = document.line_start(last)
    least = indentation_at(document, last) or offset - start
    # With the end of the line above them, without which the first line is not seen to begin.
    first = max(document.line_start(max(last - _MAX_LINES, 0)) - 1, 0)
    key = (document.uri, source.language.id, start)
    known = _found.get(key)
    if (
        known is not None
        and (known.first, known.least, len(known.above)) == (first, least, start - first)
        and source.text.startswith(known.above, first)
    ):
        return known.headers
    headers = tuple(_headers_above(source, last, least))
    # A text that begins with the cursor's line has nothing above by which to know it again.
    if 0 < start - first <= _MAX_KEPT_CHARS:
        _found.put(key, _Found(first, source.text[first:start], least, headers))
    return headers


def _headers_above(source: Source, last: int, least: int) -> Iterator[Header]:
    """Yield the headers that enclose a line of number ``last``, indented by ``least``."""
    document = source.document
    signature_end: int | None = None

    def most() -> int:
        # What is as deep as the last header is none that encloses it; its signature's first line
        # may be.
        return max(least - (signature_end is None), 0)

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
