"""Keystroke transcripts: a real file without some function bodies, and the keys that write them.

The same source gives the same transcript.  A key is what an editor would send as one change:
one character, or a line end together with the indentation that the editor puts after it.
"""

from __future__ import annotations

import ast
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from codelsp.document.languages import language_of
from codelsp.document.snapshot import DocumentSnapshot
from codelsp.document.syntax import parse
from codelsp.errors import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from codelsp.document.functions import Function
    from codelsp.document.syntax import SyntaxTree

LEAST_BODY_LINES = 4
MOST_BODY_LINES = 10


@dataclass(frozen=True)
class Key:
    """``text`` typed at ``offset`` (code points) of the document as it is by then."""

    offset: int
    text: str
    is_jump: bool = False
    """Whether the cursor was elsewhere before: the first key of a function."""


@dataclass(frozen=True)
class Transcript:
    """A document, and the keys that change it, in order."""

    name: str
    text: str
    keys: tuple[Key, ...]

    def first(self, n_keys: int) -> Transcript:
        """Return the same with ``n_keys`` keys at most."""
        return Transcript(self.name, self.text, self.keys[:n_keys])

    def states(self) -> Iterator[tuple[Key, str]]:
        """Yield each key with the whole text after it."""
        text = self.text
        for key in self.keys:
            text = text[: key.offset] + key.text + text[key.offset :]
            yield key, text


@dataclass(frozen=True)
class _Hole:
    """A function's body in the source: code points, whole lines, the last line end excluded."""

    start: int
    end: int


def standard_library_text(name: str) -> str:
    """Return the source of ``name`` (``json/decoder.py``) of the running interpreter.

    Raises:
        EvaluationError: there is no such file.
    """
    folder = Path(sysconfig.get_path("stdlib"))
    try:
        return (folder / name).read_text("utf-8")
    except (OSError, ValueError) as error:
        raise EvaluationError(
            f"{name} is no file of Python's standard library, {folder}: {error}"
        ) from None


def typed_functions(name: str, source: str, n_functions: int) -> Transcript:
    """Return the typing of up to ``n_functions`` function bodies, spread over ``source``.

    Each body is typed from the end of its signature's line on, at most ``MOST_BODY_LINES`` lines;
    the brace that closes it stands there already, as editors put it.  The language is told from
    ``name``; one whose functions no grammar knows has no keys.

    Raises:
        SyntaxError, ValueError, RecursionError: it is Python, and does not parse.
    """
    language = language_of("", name).id
    found = _holes(source) if language == "python" else _holes_by_grammar(source, language)
    holes = _spread(_apart(found), n_functions)
    text = source
    for hole in reversed(holes):
        text = text[: hole.start] + text[hole.end :]
    keys: list[Key] = []
    removed = sum(hole.end - hole.start for hole in holes)
    # From the last one up, so that an offset in the text without bodies stays right.
    for hole in reversed(holes):
        removed -= hole.end - hole.start
        keys.extend(_typed(source[hole.start : hole.end], hole.start - removed))
    return Transcript(name, text, tuple(keys))


def _holes(source: str) -> list[_Hole]:
    """Return the bodies worth typing of a Python file."""
    starts = [0]
    for line in source.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    holes: list[_Hole] = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        hole_lines = _body_lines(node)
        if hole_lines is not None:
            first, last = hole_lines
            holes.append(_Hole(starts[first - 1] - 1, starts[last] - 1))
    return holes


def _holes_by_grammar(source: str, language_id: str) -> list[_Hole]:
    """Return the bodies worth typing of a file in another language."""
    tree = parse(DocumentSnapshot.of("", language_id, 1, source))
    if tree is None:
        return []
    holes = (_body_hole(tree, function) for function in tree.functions())
    return [hole for hole in holes if hole is not None]


def _body_hole(tree: SyntaxTree, function: Function) -> _Hole | None:
    """Return the lines of a body that stands on lines of its own."""
    document = tree.document
    first = document.line_at(function.body_start)
    start = document.line_start(first)
    indentation = document.text[start : function.body_start]
    is_last_line_shared = document.line_at(function.body_end) == document.line_at(function.end)
    if indentation.strip() or is_last_line_shared:
        return None
    limit = min(document.line_at(function.body_end), first + MOST_BODY_LINES - 1)
    ends = tree.statement_ends(function.body_start, document.line_end(limit))
    lasts = [
        line
        for line in map(document.line_at, ends)
        if _begins_with(document.line_text(line), indentation)
    ]
    if not lasts or max(lasts) - first + 1 < LEAST_BODY_LINES:
        return None
    return _Hole(document.line_end(first - 1), document.line_end(max(lasts)))


def _begins_with(line: str, indentation: str) -> bool:
    """Whether ``line`` is indented by just this."""
    return line[: len(line) - len(line.lstrip())] == indentation


def _apart(holes: Sequence[_Hole]) -> list[_Hole]:
    """Return ``holes`` from top to bottom, none inside another."""
    apart: list[_Hole] = []
    last_end = 0
    for hole in sorted(holes, key=lambda hole: hole.start):
        if hole.start >= last_end:
            apart.append(hole)
            last_end = hole.end
    return apart


def _body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> tuple[int, int] | None:
    """Return the first and last line (from 1) of the statements of ``node``, docstring left out."""
    statements = node.body[1:] if ast.get_docstring(node) is not None else node.body
    if not statements or statements[0].lineno == node.lineno:
        return None
    first = statements[0].lineno
    lasts = [statement.end_lineno or first for statement in statements]
    fitting = [last for last in lasts if last - first < MOST_BODY_LINES]
    if not fitting or fitting[-1] - first + 1 < LEAST_BODY_LINES:
        return None
    return first, fitting[-1]


def _spread(holes: Sequence[_Hole], n_wanted: int) -> list[_Hole]:
    """Return ``n_wanted`` of ``holes``, evenly over all of them."""
    if len(holes) <= n_wanted:
        return list(holes)
    return [holes[index * len(holes) // n_wanted] for index in range(n_wanted)]


def _typed(body: str, offset: int) -> Iterator[Key]:
    """Yield the keys that write ``body``, which begins with a line end, at ``offset``."""
    is_jump = True
    for line in body.split("\n")[1:]:
        code = line.lstrip(" \t")
        indentation = line[: len(line) - len(code)]
        for text in ("\n" + indentation, *code):
            yield Key(offset, text, is_jump)
            offset += len(text)
            is_jump = False
