"""Holes in real files: what is taken out, and where the cursor then stands.

Five kinds, after what people leave to a completion: the rest of a line, a whole line, the arguments
of a call, a block, and a name that is half typed.  The same seed gives the same holes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import TYPE_CHECKING

from codelsp.document.syntax import SyntaxTree, TextKind, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from codelsp.evaluation.source_files import SourceFile

MOST_BLOCK_LINES = 8
MOST_BLOCK_CHARS = 500
MOST_ARGUMENT_CHARS = 120
_LEAST_MIDDLE = 2
_LEAST_NAME = 4
_TRIES = 60
_LIKELY = re.compile(r"(?<=[.(=,\[ ])(?=\S)")
_NAME = re.compile(rf"[^\W\d]\w{{{_LEAST_NAME - 1},}}")
_CALL = re.compile(r"[\w\])]\(")
_DEFINES = re.compile(r"\s*(?:async\s+)?(?:def|class|function|fn|func)\b")
_OPENS = {"indentation": re.compile(r":\s*\Z"), "braces": re.compile(r"\{\s*\Z")}
_OPERATOR_END = re.compile(
    r"(?:[=+\-*/%<>&|!]|\b(?:and|or|not|in|is|return|if|elif|while|yield))\s*\Z"
)
_PAIRS = {"(": ")", "[": "]", "{": "}"}


class HoleKind(Enum):
    """What is taken out."""

    REST_OF_LINE = "rest of line"
    FULL_LINE = "full line"
    ARGUMENTS = "arguments"
    BLOCK = "block"
    MID_IDENTIFIER = "mid-identifier"


class CursorClass(Enum):
    """Where the cursor stands."""

    LINE_START = "line start"
    MID_IDENTIFIER = "mid-identifier"
    AFTER_DOT = "after a dot"
    IN_ARGUMENTS = "in brackets"
    AFTER_OPERATOR = "after an operator"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True)
class Hole:
    """A file without ``start`` to ``end`` (code points, end exclusive)."""

    file: SourceFile
    kind: HoleKind
    start: int
    end: int

    @property
    def key(self) -> str:
        """What names it in results."""
        return f"{self.file.key}:{self.start}-{self.end}:{self.kind.value}"

    @property
    def middle(self) -> str:
        """What stood there."""
        return self.file.text[self.start : self.end]

    @property
    def text(self) -> str:
        """The document that the cursor stands in, at ``start``."""
        return self.file.text[: self.start] + self.file.text[self.end :]

    @property
    def cursor(self) -> CursorClass:
        """Where the cursor stands."""
        return cursor_class(self.file.text, self.start)


def cursor_class(text: str, offset: int) -> CursorClass:
    """Return where a cursor at ``offset`` of the whole text stands."""
    before = text[text.rfind("\n", 0, offset) + 1 : offset]
    if not before.strip():
        return CursorClass.LINE_START
    if _is_word(before[-1:]) and _is_word(text[offset : offset + 1]):
        return CursorClass.MID_IDENTIFIER
    if before.endswith("."):
        return CursorClass.AFTER_DOT
    if sum(before.count(a) - before.count(b) for a, b in _PAIRS.items()) > 0:
        return CursorClass.IN_ARGUMENTS
    if _OPERATOR_END.search(before):
        return CursorClass.AFTER_OPERATOR
    return CursorClass.ELSEWHERE


def draw_holes(
    files: Sequence[SourceFile], numbers: Mapping[HoleKind, int], seed: int
) -> list[Hole]:
    """Return so many holes of each kind, as evenly over ``files`` as they allow."""
    trees = {file.key: parse(file.snapshot()) for file in files}
    holes: list[Hole] = []
    for kind, n_wanted in numbers.items():
        found: dict[str, Hole] = {}
        for number in range(-(-n_wanted // max(1, len(files))) + 2):
            for file in files:
                if len(found) >= n_wanted:
                    break
                tree = trees[file.key]
                random = Random(f"{seed} {kind.value} {file.key} {number}")  # noqa: S311
                hole = _drawn(file, kind, tree, random) if tree is not None else None
                if hole is not None:
                    found.setdefault(hole.key, hole)
        holes += found.values()
    return holes


def _drawn(file: SourceFile, kind: HoleKind, tree: SyntaxTree, random: Random) -> Hole | None:
    for _ in range(_TRIES):
        span = _DRAWS[kind](file.text, tree, random)
        if span is None:
            continue
        start, end = span
        middle = file.text[start:end]
        is_code = tree.text_kind_at(start) is TextKind.CODE
        if is_code and len(middle.strip()) >= _LEAST_MIDDLE and middle == middle.strip():
            return Hole(file, kind, start, end)
    return None


def _line_span(text: str, random: Random) -> tuple[int, int] | None:
    """Return the code of a random line: without indentation, without white space at its end."""
    at = random.randrange(len(text))
    start = text.rfind("\n", 0, at) + 1
    end = text.find("\n", at)
    line = text[start : len(text) if end < 0 else end]
    code = line.strip()
    if not code:
        return None
    start += len(line) - len(line.lstrip())
    return start, start + len(code)


def _rest_of_line(text: str, tree: SyntaxTree, random: Random) -> tuple[int, int] | None:
    """Half of the cursors stand where people stop to think, half of them before any word."""
    del tree
    line = _line_span(text, random)
    if line is None:
        return None
    start, end = line
    code = text[start:end]
    if random.random() < 0.5:  # noqa: PLR2004  a coin
        places = [match.start() for match in _LIKELY.finditer(code)]
    else:
        places = [i for i in range(1, len(code)) if not _splits_name(code, i)]
    places = [place for place in places if place > 0 and not code[place].isspace()]
    return (start + random.choice(places), end) if places else None


def _full_line(text: str, tree: SyntaxTree, random: Random) -> tuple[int, int] | None:
    del tree
    return _line_span(text, random)


def _mid_identifier(text: str, tree: SyntaxTree, random: Random) -> tuple[int, int] | None:
    del tree
    line = _line_span(text, random)
    if line is None:
        return None
    start, end = line
    names = list(_NAME.finditer(text, start, end))
    if not names:
        return None
    name = random.choice(names)
    return random.randrange(name.start() + 1, name.end()), end


def _arguments(text: str, tree: SyntaxTree, random: Random) -> tuple[int, int] | None:
    del tree
    line = _line_span(text, random)
    if line is None or _DEFINES.match(text, line[0]):
        return None
    calls = list(_CALL.finditer(text, *line))
    if not calls:
        return None
    opening = random.choice(calls).end() - 1
    end = closing(text, opening + 1, line[1])
    return None if end is None else (opening + 1, end)


def closing(text: str, start: int, end: int) -> int | None:
    """Return where the bracket that is open at ``start`` closes; None if not in reach."""
    depth = 1
    for offset in range(start, min(end, len(text), start + MOST_ARGUMENT_CHARS)):
        depth += (text[offset] in _PAIRS) - (text[offset] in _PAIRS.values())
        if depth == 0:
            return offset
    return None


def _block(text: str, tree: SyntaxTree, random: Random) -> tuple[int, int] | None:
    """A whole body, from its first character on; a closing brace stays."""
    line = _line_span(text, random)
    if line is None:
        return None
    start, end = line
    above = text[: text.rfind("\n", 0, start) + 1]
    opens = _OPENS.get(tree.language.style)
    if opens is None or not opens.search(above):
        return None
    # At its very start a body is not around the cursor yet.
    block_end = tree.block_end(start + 1)
    if block_end is None or block_end <= end:
        return None
    body = text[start:block_end].rstrip()
    body = body[:-1].rstrip() if body.endswith("}") and body.count("{") < body.count("}") else body
    if len(body) > MOST_BLOCK_CHARS or body.count("\n") >= MOST_BLOCK_LINES:
        return None
    return start, start + len(body)


def _splits_name(code: str, place: int) -> bool:
    return _is_word(code[place - 1]) and _is_word(code[place])


def _is_word(character: str) -> bool:
    return character == "_" or character.isalnum()


_DRAWS: dict[HoleKind, Callable[[str, SyntaxTree, Random], tuple[int, int] | None]] = {
    HoleKind.REST_OF_LINE: _rest_of_line,
    HoleKind.FULL_LINE: _full_line,
    HoleKind.ARGUMENTS: _arguments,
    HoleKind.BLOCK: _block,
    HoleKind.MID_IDENTIFIER: _mid_identifier,
}


def by_place(holes: Sequence[Hole]) -> Iterator[Hole]:
    """Yield holes so that those of one file come together: an engine then reads less anew."""
    yield from sorted(holes, key=lambda hole: (hole.file.key, hole.start))
