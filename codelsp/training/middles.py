"""Where the holes of fill-in-the-middle examples are: what a user of inline completion leaves open.

Half of them run from a cursor to the end of its line; the others are statements, spans and the
insides of brackets.  Character positions, not tokens: an editor's cursor knows no tokens.
Shares and reasons: SAFIM-style syntax-aware middles (arXiv 2403.04814) and Mellum's 700 characters.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

    from codelsp.document.syntax import SyntaxTree

MAX_MIDDLE = 700
"""Characters."""
_TRIES = 8
_LIKELY_CURSOR = re.compile(r"(?<=[.(=,\[ ])(?=\S)|(?<=\n)[ \t]*(?=\S)|^[ \t]*(?=\S)")
_BRACKETS = {"(": ")", "[": "]", "{": "}"}
_OPENING = re.compile(r"[(\[{]")
_EDGE_SHARE = 0.7
"""How often a cursor for the rest of a line is put where people stop to think."""
_INDENTED_SHARE = 0.7
"""How often a hole that would begin at a line's first word begins with its indentation: on a blank
line serving asks for that, too."""


@dataclass(frozen=True)
class MiddleShares:
    """How often each kind of middle is drawn; they add up to 1."""

    line: float = 0.5
    block: float = 0.2
    span: float = 0.2
    bracket: float = 0.1


@dataclass(frozen=True)
class Middle:
    """A hole: offsets in the document, the end exclusive."""

    start: int
    end: int
    kind: str


def draw_middle(
    text: str,
    window: tuple[int, int],
    tree: SyntaxTree | None,
    shares: MiddleShares,
    random: Random,
) -> Middle | None:
    """Draw a hole whose start is inside ``window``; None where nothing fits.

    A hole may end after the window does, never after the text.
    """
    kinds = ("line", "block", "span", "bracket")
    weights = [getattr(shares, kind) for kind in kinds]
    for _ in range(_TRIES):
        kind = random.choices(kinds, weights)[0]
        found = _DRAWS[kind](text, window, tree, random)
        if found is not None and found[0] < found[1] <= found[0] + MAX_MIDDLE:
            lowest = max(window[0], found[1] - MAX_MIDDLE)
            return Middle(_with_indentation(text, found[0], lowest, random), found[1], kind)
    return None


def _with_indentation(text: str, start: int, lowest: int, random: Random) -> int:
    """Return ``start``, or where its line begins if only white space stands between."""
    line_start = text.rfind("\n", 0, start) + 1
    is_first = line_start < start and text[line_start:start].isspace()
    if is_first and line_start >= lowest and random.random() < _INDENTED_SHARE:
        return line_start
    return start


def _line(
    text: str, window: tuple[int, int], tree: SyntaxTree | None, random: Random
) -> tuple[int, int] | None:
    """From a cursor to the end of its line, trailing white space excluded."""
    del tree
    at = random.randrange(*window)
    start = text.rfind("\n", 0, at) + 1
    end = _line_end(text, at)
    line = text[start:end]
    if not line.strip():
        return None
    if random.random() < _EDGE_SHARE:
        places = [match.end() for match in _LIKELY_CURSOR.finditer(line)]
    else:
        places = [i for i, character in enumerate(line) if not character.isspace()]
    places = [place for place in places if start + place >= window[0]]
    if not places:
        return None
    return start + random.choice(places), start + len(line.rstrip())


def _block(
    text: str, window: tuple[int, int], tree: SyntaxTree | None, random: Random
) -> tuple[int, int] | None:
    """From the first character of a line to the end of a statement or of the block."""
    if tree is None:
        return None
    at = random.randrange(*window)
    start = text.rfind("\n", 0, at) + 1
    start += len(text[start:]) - len(text[start:].lstrip(" \t"))
    if start < window[0] or start >= len(text) or text[start] == "\n":
        return None
    ends = [
        end for end in tree.statement_ends(start, min(len(text), start + MAX_MIDDLE)) if end > start
    ]
    # At a body's first character the tree tells of the body around it.
    block_end = tree.block_end(start + 1)
    if block_end is not None and start < block_end <= start + MAX_MIDDLE:
        ends = [end for end in ends if end <= block_end] + [block_end]
    ends = [end for end in ends if text[end - 1] != "\n"]
    return (start, random.choice(ends)) if ends else None


def _span(
    text: str, window: tuple[int, int], tree: SyntaxTree | None, random: Random
) -> tuple[int, int]:
    """Any run of characters; short ones as often as long ones."""
    del tree
    start = random.randrange(*window)
    length = int(math.exp(random.uniform(math.log(2), math.log(400))))
    return start, min(len(text), start + length)


def _bracket(
    text: str, window: tuple[int, int], tree: SyntaxTree | None, random: Random
) -> tuple[int, int] | None:
    """What is left of the inside of a pair of brackets."""
    del tree
    opening = _OPENING.search(text, random.randrange(*window), window[1])
    if opening is None:
        return None
    end = closing_bracket(text, opening.start(), MAX_MIDDLE)
    if end is None or end <= opening.end():
        return None
    start = opening.end() if random.random() < 0.5 else random.randrange(opening.end(), end)  # noqa: PLR2004  a coin
    return start, end


def closing_bracket(text: str, opening: int, limit: int) -> int | None:
    """Return where the bracket opened at ``opening`` closes, by counting; None if not in reach."""
    own, other = text[opening], _BRACKETS[text[opening]]
    depth = 0
    for offset in range(opening, min(len(text), opening + limit)):
        depth += (text[offset] == own) - (text[offset] == other)
        if depth == 0:
            return offset
    return None


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


_DRAWS = {"line": _line, "block": _block, "span": _span, "bracket": _bracket}
