"""Which part of a long document is worth parsing again after a keystroke.

tree-sitter's re-parse after an edit still costs time in proportion to the number of statements
beside the edit: 3 ms in a file of 10,000 lines, 8 ms in one of 20,000.  A focus leaves siblings of
the enclosing statements out of the parse, as gaps.  What stays are the statements around the place
in question and the first and last of every body, so that everything enclosing keeps its kind, its
borders and its docstring.

Only statements that have not changed since the last whole parse, and have no errors, are left out.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from codelsp.document.edit import point_at
from codelsp.document.nodes import begins_line, end_of, start_of
from codelsp.document.parsing import parse_text, range_between, tell

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tree_sitter import Node, Range, Tree

    from codelsp.document.edit import Edit
    from codelsp.document.grammars import NodeTypes
    from codelsp.document.parsing import Point2
    from codelsp.document.snapshot import DocumentSnapshot
    from codelsp.document.splice import Splice

MIN_CHARS = 24_000
"""Shorter documents are parsed whole: it costs less than half a millisecond."""

_SMALL_CHARS = 1_500
"""Nodes up to this length are kept whole."""
_KEPT_BESIDE = 2
"""Nodes kept on both sides of the place in question."""
_KEPT_FIRST, _KEPT_LAST = 3, 2
"""Nodes kept at the beginning and the end of every body."""

Gap = tuple[int, int]


@dataclass(frozen=True)
class Gaps:
    """What is left out of a parse: spans that ascend, ends exclusive, and where these are.

    The points are kept and moved with the spans, because looking them up in a long document costs
    as much as the parse.
    """

    spans: tuple[Gap, ...]
    points: tuple[tuple[Point2, Point2], ...]
    length: int
    """Of the whole text."""
    end_point: Point2

    @classmethod
    def of(cls, document: DocumentSnapshot, spans: tuple[Gap, ...]) -> Gaps:
        """Return the gaps ``spans`` of ``document``."""
        points = tuple((point_at(document, a), point_at(document, b)) for a, b in spans)
        length = len(document.text)
        return cls(spans, points, length, point_at(document, length))

    def after(self, edit: Edit) -> Gaps | None:
        """Return the gaps after ``edit``; None if it touches one of them."""
        shift = edit.new_end - edit.old_end
        spans: list[Gap] = []
        points: list[tuple[Point2, Point2]] = []
        for (first, last), (begin, end) in zip(self.spans, self.points, strict=True):
            if edit.old_end < first:
                spans.append((first + shift, last + shift))
                points.append((_moved(begin, edit), _moved(end, edit)))
            elif last < edit.start:
                spans.append((first, last))
                points.append((begin, end))
            else:
                return None
        end_point = _moved(self.end_point, edit)
        return Gaps(tuple(spans), tuple(points), self.length + shift, end_point)

    def ranges(self) -> list[Range]:
        """Return what lies between the gaps."""
        starts = [0, *(last for _, last in self.spans)]
        ends = [*(first for first, _ in self.spans), self.length]
        start_points = [(0, 0), *(end for _, end in self.points)]
        end_points = [*(begin for begin, _ in self.points), self.end_point]
        return list(map(range_between, starts, ends, start_points, end_points))


def _moved(point: Point2, edit: Edit) -> Point2:
    """Return where ``point``, which lies behind ``edit``, is after it."""
    line, column = point
    (old_line, old_column), (new_line, new_column) = edit.old_end_point, edit.new_end_point
    if line == old_line:
        column += new_column - old_column
    return line - old_line + new_line, column


@dataclass(frozen=True)
class Focus:
    """A parse of all of a document but some gaps."""

    gaps: Gaps
    tree: Tree

    def holds(self, start: int, end: int) -> bool:
        """Whether ``start`` to ``end`` and the characters beside it are clear of all gaps."""
        return all(last < start or end < first for first, last in self.gaps.spans)

    def told(self, edits: Sequence[Edit]) -> Focus | None:
        """Return the focus to begin from after ``edits``; None if they reach into a gap."""
        gaps: Gaps | None = self.gaps
        for edit in edits:
            gaps = gaps.after(edit) if gaps is not None else None
        return None if gaps is None else Focus(gaps, tell(self.tree, edits))


def parse_focus(
    grammar: str,
    text: str | Splice,
    gaps: Gaps,
    budget_ms: float,
    old: Tree | None = None,
) -> Focus | None:
    """Return the parse of ``text`` without ``gaps``; None if that took too long."""
    tree = parse_text(grammar, text, budget_ms, old, gaps.ranges())
    return None if tree is None else Focus(gaps, tree)


def gaps_around(
    document: DocumentSnapshot, root: Node, types: NodeTypes, start: int, end: int
) -> Gaps:
    """Return what to leave out of a parse that is to tell about ``start`` to ``end``.

    ``root`` may be of an earlier version, if it has been told of the edits since.
    """
    spans = _collect(_Elision(document, types, start, end), root) if types.can_elide else []
    return Gaps.of(document, tuple(sorted(spans)))


@dataclass(frozen=True)
class _Elision:
    document: DocumentSnapshot
    types: NodeTypes
    start: int
    end: int


def _collect(elision: _Elision, root: Node) -> list[Gap]:
    gaps: list[Gap] = []
    stack = [root]
    while stack:
        node = stack.pop()
        if end_of(node) - start_of(node) <= _SMALL_CHARS:
            continue
        children = node.children
        dropped: set[int] = set()
        if node.type in elision.types.bodies or node.type in elision.types.containers:
            for first, last in _runs(elision, children):
                gaps.append((start_of(children[first]), start_of(children[last])))
                dropped.update(range(first, last))
        stack.extend(child for index, child in enumerate(children) if index not in dropped)
    return gaps


def _runs(elision: _Elision, children: Sequence[Node]) -> Iterator[tuple[int, int]]:
    """Yield the runs of children (end exclusive) to leave out; each begins and ends on a line."""
    touched = bisect_left(children, elision.start, key=end_of)
    beyond = bisect_right(children, elision.end, key=start_of)
    spans = (
        (_KEPT_FIRST, touched - _KEPT_BESIDE),
        (max(beyond + _KEPT_BESIDE, _KEPT_FIRST), len(children) - _KEPT_LAST),
    )
    for low, high in spans:
        stays = [index for index in range(low, high) if not _can_go(elision, children[index])]
        for first, last in pairwise([low - 1, *stays, high]):
            run = _whole_lines(elision.document, children, first + 1, last)
            if run is not None:
                yield run


def _whole_lines(
    document: DocumentSnapshot, children: Sequence[Node], first: int, last: int
) -> tuple[int, int] | None:
    while first < last and not begins_line(document, children[first]):
        first += 1
    while first < last and not begins_line(document, children[last]):
        last -= 1
    return (first, last) if first < last else None


def _can_go(elision: _Elision, node: Node) -> bool:
    return not (node.has_changes or node.has_error or node.type in elision.types.parts)
