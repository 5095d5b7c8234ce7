"""Where the rest of a function is to be written, what stands there in its place, and what may."""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codelsp.context.indentation import indentation_of
from codelsp.document.edit import replace
from codelsp.document.languages import language_of
from codelsp.errors import DraftError

if TYPE_CHECKING:
    from codelsp.document.functions import Function
    from codelsp.document.snapshot import DocumentSnapshot
    from codelsp.document.syntax import SyntaxTree

_PLACEHOLDER = re.compile(
    r"pass|\.\.\.|(?:raise|throw)\s+(?:new\s+)?\w*(?:NotImplemented|Unsupported)\w*(?:\(.*\))?;?"
    r"""|throw\s+new\s+Error\(['"`].*(?:not implemented|todo).*['"`]\);?"""
    r"|(?:todo|unimplemented)!\(.*\);?|panic!?\(.*(?:not implemented|todo).*\);?",
    re.IGNORECASE | re.DOTALL,
)
_COMMENT_LINE = re.compile(r"[ \t]*(?:#|//|/\*|\*).*")
_MOST_LINES_CUT = 12


@dataclass(frozen=True)
class BodyPlace:
    """``start`` to ``end`` is to become ``lead``, what the model writes, and ``closing``."""

    start: int
    end: int
    lead: str
    closing: str


def body_place(document: DocumentSnapshot, function: Function, cursor: int) -> BodyPlace:
    """Return where the body of ``function`` is to go on.

    A body that holds nothing but a placeholder (``pass``, ``todo!()``) is written in its place,
    its docstring and comments kept.  Else a blank line that the cursor is on is taken, or the end.

    Raises:
        DraftError: the function has no body, a body that is one expression, or one that goes on
            where its header ends.
    """
    if not function.has_body:
        raise DraftError(f"`{function.qualified_name}` is only declared: it has no body to write.")
    text = document.text
    is_braced = text.startswith("{", function.signature_end - 1)
    if not is_braced and not text.startswith(":", function.signature_end - 1):
        raise DraftError(f"The body of `{function.qualified_name}` is an expression.")
    indentation = _indentation(document, function)
    closing = f"\n{function.indentation}" if is_braced else ""
    start, rest = _after_head(document, function)
    if not rest or _PLACEHOLDER.fullmatch(rest):
        end = function.body_end
        if is_braced:
            end += len(text[end:]) - len(text[end:].lstrip())
        return BodyPlace(start, max(start, end), f"\n{indentation}", closing)
    body_line = document.line_at(function.body_start)
    if not is_braced and body_line == document.line_at(function.signature_end):
        raise DraftError(
            f"The body of `{function.qualified_name}` stands on the line of its header; put it on"
            " lines of its own first."
        )
    line = document.line_at(cursor)
    line_start, line_end = document.line_start(line), document.line_end(line)
    is_blank = not text[line_start:line_end].strip()
    if is_blank and function.body_start < cursor <= function.body_end:
        column = text[line_start:cursor] or indentation
        return BodyPlace(line_start, line_end, column, "")
    return BodyPlace(function.body_end, function.body_end, f"\n{indentation}", "")


def whole_body(
    document: DocumentSnapshot,
    function: Function,
    place: BodyPlace,
    text: str,
    tree: SyntaxTree | None,
) -> str | None:
    """Return as many whole lines of ``text`` as leave the function right; None if none do.

    Args:
        document: In which nothing has been written yet.
        function: Of this document.
        place: Where ``text`` is to stand.
        text: With the line ends of the document, ``place.closing`` at its end.
        tree: Of the document; None without a grammar.
    """
    closing = place.closing.replace("\n", "\r\n") if "\r\n" in text else place.closing
    lines = text.removesuffix(closing).split("\n")
    for n_lines in range(len(lines), max(0, len(lines) - _MOST_LINES_CUT), -1):
        kept = lines[:n_lines]
        if all(not line.strip() or _COMMENT_LINE.fullmatch(line.rstrip("\r")) for line in kept):
            return None
        body = "\n".join(kept).rstrip("\r") + closing
        if _is_right(document, function, place, body, tree):
            return body
    return None


def _is_right(
    document: DocumentSnapshot,
    function: Function,
    place: BodyPlace,
    body: str,
    tree: SyntaxTree | None,
) -> bool:
    if tree is None:
        return True
    around = (function.start, function.end + len(body) - (place.end - place.start))
    left = tree.errors_with(place.start, place.end, body, around)
    if left is None or left > tree.error_count(function.start, function.end):
        return False
    if language_of(document.language_id, document.uri).id != "python":
        return True
    if not all(_is_deeper(line, function.indentation) for line in body.split("\n")[1:]):
        return False
    # The grammar forgives a block without a statement.
    written = replace(document, place.start, place.end, body)
    return _compiles(written, function, around[1]) or not _compiles(
        document, function, function.end
    )


def _is_deeper(line: str, indentation: str) -> bool:
    rest = line[len(indentation) :]
    return not line.strip() or (line.startswith(indentation) and rest[:1] in " \t")


def _compiles(document: DocumentSnapshot, function: Function, end: int) -> bool:
    start = document.line_start(document.line_at(function.start))
    # Below a header of its own it may be as deep as it is.
    header = "if True:\n" if function.indentation else ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(header + document.text[start:end])
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _after_head(document: DocumentSnapshot, function: Function) -> tuple[int, str]:
    """Return where docstring and comments of the body end, and what of code is behind them."""
    text = document.text
    start = function.signature_end
    doc = function.docstring
    if doc is not None and function.signature_end <= doc.start < function.body_end:
        start = doc.end
    lines = text[start : function.body_end].split("\n")
    if not lines[0].strip() or lines[0].lstrip().startswith("#"):
        kept = 1
        while kept < len(lines) and _COMMENT_LINE.fullmatch(lines[kept].rstrip("\r")):
            kept += 1
        if kept > 1 or lines[0].strip():
            start += len("\n".join(lines[:kept]).rstrip())
    return start, text[start : function.body_end].strip()


def _indentation(document: DocumentSnapshot, function: Function) -> str:
    line = document.line_at(function.body_start)
    text = document.line_text(line)
    if line > document.line_at(function.signature_end) and function.body_start < function.body_end:
        return text[: len(text) - len(text.lstrip(" \t"))]
    return function.indentation + indentation_of(document, near=function.start).unit
