"""Excerpts of other open documents that are like the text around the cursor.

Every document is cut into windows of lines, and each window is known by its identifiers.  What
stands around the cursor is compared with all of them: the likeness is a weighted Jaccard index,
where a rare identifier weighs more than a common one (as inverse document frequency does), and a
window that defines a name used near the cursor, or that lies in an imported module, more still.

A choice of excerpts is at the head of the prompt, so it must not change while the user types: the
text around the cursor is taken in whole blocks of lines, never up to the cursor.

Architecture invariant: pure.  The index of a text is remembered, for as long as it is used.
"""

from __future__ import annotations

import re
from array import array
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from heapq import nlargest
from math import log
from typing import TYPE_CHECKING

from codelsp.context.completion_context import Neighbor
from codelsp.context.imports import imports_before
from codelsp.context.paths import shown_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from codelsp.document.snapshot import DocumentSnapshot
    from codelsp.document.syntax import SyntaxTree

WINDOW_LINES = 20
_MAX_DOCUMENTS = 20
_MAX_INDEXED = 80_000
"""Characters of one document that are indexed; the rest is not looked at."""
_MAX_LINE = 300
"""A window with a longer line (minified code, data) is left out."""
_MIN_SCORE = 0.06
_MAX_WINDOWS = 10
"""Of one document."""
BLOCK_LINES = 8
_ABOVE_BLOCKS = 4
_BELOW_BLOCKS = 2
_DEFINED_BONUS = 1.0
_IMPORTED_BONUS = 0.5

_IDENTIFIER = re.compile(r"[^\W\d]\w{2,}")
_ASCII_IDENTIFIER = re.compile(r"[A-Za-z_]\w{2,}", re.ASCII)
_DEFINITION = re.compile(
    r"^[ \t]*(?:(?:export|default|pub(?:\([a-z]+\))?|public|private|protected|static|abstract|"
    r"final|async|local|declare)[ \t]+)*"
    r"(?:def|class|function|func|fn|struct|enum|interface|trait|type|const|module|record)"
    r"[ \t]+(\w{3,})",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Index:
    """The windows of one text, found by the identifiers in them."""

    starts: tuple[int, ...]
    """Where each window begins; it ends where the next does."""
    end: int
    windows_of: dict[str, array[int]]
    """Which windows have an identifier."""
    defining: dict[str, array[int]]
    """Which windows define one."""
    weights: tuple[float, ...]
    """Of all the identifiers of a window."""

    def weight(self, name: str) -> float:
        """Return how much ``name`` tells windows of this text apart; the rarer the more."""
        return log(1 + len(self.starts) / len(self.windows_of[name]))


@lru_cache(maxsize=32)
def index_of(text: str) -> Index:
    """Return the index of ``text``; remembered, so that a keystroke elsewhere costs nothing."""
    starts = _window_starts(text[:_MAX_INDEXED])
    end = starts.pop()
    windows_of: dict[str, array[int]] = defaultdict(lambda: array("H"))
    defining: dict[str, array[int]] = defaultdict(lambda: array("H"))
    for window, (start, stop) in enumerate(zip(starts, [*starts[1:], end], strict=True)):
        part = text[start:stop]
        if max(map(len, part.split("\n"))) > _MAX_LINE:
            continue
        for name in _names_in(part):
            windows_of[name].append(window)
        for name in set(_DEFINITION.findall(part)):
            defining[name].append(window)
    index = Index(tuple(starts), end, dict(windows_of), dict(defining), ())
    weights = [0.0] * len(starts)
    for name, windows in index.windows_of.items():
        for window in windows:
            weights[window] += index.weight(name)
    return Index(index.starts, end, index.windows_of, index.defining, tuple(weights))


def _window_starts(text: str) -> list[int]:
    """Return the starts of windows of ``WINDOW_LINES`` lines, and the end of the last line."""
    starts = [0]
    lines = 0
    position = text.find("\n")
    last = 0
    while position >= 0:
        lines += 1
        last = position + 1
        if lines % WINDOW_LINES == 0 and last < len(text):
            starts.append(last)
        position = text.find("\n", last)
    starts.append(len(text) if len(text) < _MAX_INDEXED else max(last, starts[-1]))
    return starts


@dataclass(frozen=True)
class Needs:
    """What the text around the cursor mentions."""

    names: frozenset[str]
    imported: frozenset[str]
    """Names in its import statements: modules, and what is taken from them."""


def needs_at(document: DocumentSnapshot, offset: int, tree: SyntaxTree | None) -> Needs:
    """Return what is mentioned around ``offset``; the same while the user types in one block.

    The lines above are counted in blocks from the document's start, those below from its end:
    the first do not change while the current line does, the last not even by new lines.
    """
    line = document.line_at(offset)
    block = line // BLOCK_LINES * BLOCK_LINES
    above = _lines(document, block - _ABOVE_BLOCKS * BLOCK_LINES, block)
    from_end = (document.n_lines - line - 1) // BLOCK_LINES * BLOCK_LINES
    below_start = document.n_lines - from_end
    below = _lines(document, below_start, below_start + _BELOW_BLOCKS * BLOCK_LINES)
    names = _names_in(above) | _names_in(below)
    return Needs(names, _imported(tree, document.line_start(block)))


def _lines(document: DocumentSnapshot, first: int, last: int) -> str:
    first, last = max(first, 0), min(max(last, 0), document.n_lines)
    if first >= last:
        return ""
    start = document.line_start(first)
    return document.text[start : min(document.line_end(last - 1), start + 8_000)]


def _imported(tree: SyntaxTree | None, end: int) -> frozenset[str]:
    if tree is None:
        return frozenset()
    text = tree.document.text
    spans = imports_before(tree, end).spans[:100]
    return _names_in(" ".join(text[start : min(stop, start + 500)] for start, stop in spans))


def _names_in(text: str) -> frozenset[str]:
    # Most code is ASCII, for which the narrower expression is twice as fast.
    return frozenset((_ASCII_IDENTIFIER if text.isascii() else _IDENTIFIER).findall(text))


@lru_cache(maxsize=8)
def neighbors_of(
    needs: Needs, others: tuple[DocumentSnapshot, ...], max_chars: int, root: str = ""
) -> tuple[Neighbor, ...]:
    """Return the excerpts of ``others`` that are most like ``needs``, in a stable order.

    Whole lines; windows that touch are one excerpt; all together at most ``max_chars``.
    """
    if not needs.names and not needs.imported:
        return ()
    documents = others[:_MAX_DOCUMENTS]
    found = [
        (score, number, window)
        for number, document in enumerate(documents)
        for window, score in _scores(needs, document)
    ]
    # Of equal scores the first document and window win, whatever order they were opened in.
    found.sort(key=lambda each: (-each[0], documents[each[1]].uri, each[2]))
    chosen: dict[int, dict[int, float]] = defaultdict(dict)
    for score, number, window in found:
        start, end = _span(index_of(documents[number].text), window)
        if end - start <= max_chars:
            chosen[number][window] = score
            max_chars -= end - start
    neighbors = [
        neighbor
        for number, windows in chosen.items()
        for neighbor in _excerpts(documents[number], windows, root)
    ]
    return tuple(sorted(neighbors, key=lambda each: (each.path, each.text)))


def _scores(needs: Needs, document: DocumentSnapshot) -> list[tuple[int, float]]:
    """Return the windows of ``document`` worth showing, with their likeness."""
    index = index_of(document.text)
    names = [name for name in needs.names if name in index.windows_of]
    wanted = needs.names | needs.imported
    shared: dict[int, float] = defaultdict(float)
    total = 0.0
    for name in names:
        weight = index.weight(name)
        total += weight
        for window in index.windows_of[name]:
            shared[window] += weight
    scores = {w: s / (total + index.weights[w] - s) for w, s in shared.items()}
    for name in wanted & index.defining.keys():
        for window in index.defining[name]:
            scores[window] = scores.get(window, 0.0) + _DEFINED_BONUS * _MIN_SCORE * 2
    if _stem(document.uri) in needs.imported:
        scores = {window: score * (1 + _IMPORTED_BONUS) for window, score in scores.items()}
    likely = ((window, score) for window, score in scores.items() if score >= _MIN_SCORE)
    return nlargest(_MAX_WINDOWS, likely, key=lambda each: (each[1], -each[0]))


def _stem(uri: str) -> str:
    name = uri.rpartition("/")[2].partition(".")[0]
    return uri.rstrip("/").split("/")[-2] if name in ("__init__", "index", "mod") else name


def _span(index: Index, window: int) -> tuple[int, int]:
    following = window + 1
    end = index.starts[following] if following < len(index.starts) else index.end
    return index.starts[window], end


def _excerpts(
    document: DocumentSnapshot, windows: dict[int, float], root: str
) -> Iterable[Neighbor]:
    index = index_of(document.text)
    for run in _runs(sorted(windows)):
        start, end = _span(index, run[0])[0], _span(index, run[-1])[1]
        text = document.text[start:end].strip("\r\n")
        if text.strip():
            score = max(windows[window] for window in run)
            yield Neighbor(shown_path(document.uri, root), text + "\n", score)


def _runs(numbers: Sequence[int]) -> list[list[int]]:
    """Return ascending ``numbers`` in runs of those that follow one another."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return runs
