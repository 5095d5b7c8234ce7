"""Where the rest of a function is to be written, and what stands there in its place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codelsp.context.indentation import indentation_of
from codelsp.errors import DraftError

if TYPE_CHECKING:
    from codelsp.document.functions import Function
    from codelsp.document.snapshot import DocumentSnapshot

_PLACEHOLDER = re.compile(
    r"pass|\.\.\.|(?:raise|throw)\s+(?:new\s+)?\w*(?:NotImplemented|Unsupported)\w*(?:\(.*\))?;?"
    r"""|throw\s+new\s+Error\(['"`].*(?:not implemented|todo).*['"`]\);?"""
    r"|(?:todo|unimplemented)!\(.*\);?|panic!?\(.*(?:not implemented|todo).*\);?",
    re.IGNORECASE | re.DOTALL,
)
_COMMENT_LINE = re.compile(r"[ \t]*(?:#|//|/\*|\*).*")


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
        DraftError: the function has no body, or a body that is one expression.
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
    line = document.line_at(cursor)
    line_start, line_end = document.line_start(line), document.line_end(line)
    is_blank = not text[line_start:line_end].strip()
    if is_blank and function.body_start < cursor <= function.body_end:
        column = text[line_start:cursor] or indentation
        return BodyPlace(line_start, line_end, column, "")
    return BodyPlace(function.body_end, function.body_end, f"\n{indentation}", "")


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
