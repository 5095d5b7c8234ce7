"""What the prefix window has lost, and the model should still know: imports and signatures.

They are found once a line, blank ones below it included: what is typed in one says nothing about
what stands before the window, and what is not whole yet may hide from the parser what it is in.

Architecture invariant: pure; what is remembered is known again by the text that it depends on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from codelsp.context.imports import Imports, imports_before
from codelsp.context.neighbors import BLOCK_LINES
from codelsp.document.latest import Latest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from codelsp.document.snapshot import DocumentSnapshot
    from codelsp.document.syntax import SyntaxTree

_MAX_SIGNATURE_LINES = 12
_BLANK_LINES = 20


@dataclass(frozen=True)
class _Found:
    """The header of a line, and what it depends on."""

    place: tuple[int, int, int, str]
    """Where window and line begin, how long the header may be, and the line's indentation."""
    imports: Imports
    between: str
    """The text from the end of what these are known by to the line."""
    header: str


_found: Latest[tuple[str, str], _Found] = Latest(8)
"""By document and language."""


def header_of(tree: SyntaxTree | None, window_start: int, offset: int, max_chars: int) -> str:
    """Return the imports, then the signatures around ``offset``, that stand before the window.

    Whole lines of the document as they are, each ended by its line end; the innermost signatures
    and the last imports that fit in ``max_chars``.  Empty without a grammar.
    """
    if tree is None or window_start == 0 or max_chars <= 0:
        return ""
    document = tree.document
    block_start = document.line_start(document.line_at(offset) // BLOCK_LINES * BLOCK_LINES)
    imports = imports_before(tree, max(block_start, window_start))
    solid = _last_solid(document, offset)
    line_start = document.line_start(document.line_at(solid))
    between = document.text[len(imports.head) : line_start]
    indentation = _indentation(document.text[line_start:solid])
    place = (window_start, line_start, max_chars, indentation)
    key = (document.uri, document.language_id)
    found = _found.get(key)
    if (
        found is None
        or found.imports is not imports
        or (found.place, found.between) != (place, between)
    ):
        header = _header_of(tree, imports, window_start, solid, max_chars)
        found = _Found(place, imports, between, header)
    return _found.put(key, found).header


def _indentation(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _header_of(
    tree: SyntaxTree, imports: Imports, window_start: int, solid: int, max_chars: int
) -> str:
    document = tree.document
    scopes = [
        document.whole_lines(scope.start, scope.signature_end, _MAX_SIGNATURE_LINES)
        for scope in tree.scopes_at(solid)
        if scope.kind in ("function", "class") and scope.start < window_start
    ]
    outer = (span for span in reversed(scopes) if span[1] <= window_start)
    signatures = _last_fitting(outer, max_chars)
    left = max_chars - sum(end - start for start, end in signatures)
    spans = reversed(imports.whole_lines(document))
    statements = _last_fitting((span for span in spans if span[1] <= window_start), left)
    # Imports on one line are the same span twice; one inside a signature cannot be.
    ordered = dict.fromkeys((*statements, *signatures))
    return "".join(document.text[start:end] for start, end in ordered)


def _last_solid(document: DocumentSnapshot, offset: int) -> int:
    """Return ``offset``, or on a blank line the end of the text above it.

    A new line is in no scope before it is indented; the header must not come and go with that.
    """
    line = document.line_at(offset)
    for number in range(line, max(line - _BLANK_LINES, -1), -1):
        start = document.line_start(number)
        end = min(offset, document.line_end(number))
        solid = document.text[start:end].rstrip()
        if solid:
            return offset if number == line else start + len(solid)
    return offset


def _last_fitting(spans: Iterable[tuple[int, int]], max_chars: int) -> list[tuple[int, int]]:
    """Return the last spans that fit, in their order; they are given from the last to the first."""
    chosen: list[tuple[int, int]] = []
    for start, end in spans:
        if end - start > max_chars:
            break
        chosen.append((start, end))
        max_chars -= end - start
    return chosen[::-1]
