"""Documents to training examples, in the very shape that serving asks in.

``prompt/fim.py`` puts text and special tokens in order for both; this module decides what the text
is: which window of a document, which hole in it, which headers and which excerpts of other files.
A document is cut into windows that do not overlap, so that one epoch sees each character about
once; other holes are drawn in the next epoch (arXiv 2207.14255: context-level, character-level).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from codelsp.context.completion_context import Neighbor
from codelsp.document.snapshot import DocumentSnapshot
from codelsp.document.syntax import parse
from codelsp.prompt.fim import PromptText, render
from codelsp.prompt.healing import healed_end
from codelsp.prompt.layout import Order
from codelsp.prompt.prompt import Piece, SpecialPiece, TextPiece
from codelsp.training.middles import MAX_MIDDLE, Middle, MiddleShares, draw_middle

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from random import Random

    from codelsp.document.syntax import SyntaxTree
    from codelsp.prompt.layout import FimLayout
    from codelsp.training.documents import Document

_WORD = re.compile(r"[A-Za-z_]\w{2,}")
_NEIGHBOR_LINES = 24
_NEIGHBOR_TRIES = 12
_MIN_WINDOW = 80
"""Characters; less is not worth a window of its own, and goes with the one before it."""


@dataclass(frozen=True)
class ExampleRules:
    """How examples are made; shares are of examples, lengths in characters."""

    window: int = 1500
    """The most of a document in one example; about a token for every 3.3 characters."""
    short_window_share: float = 0.5
    """Windows of any shorter length: they fill the rows, and teach what to do with little text."""
    fim_share: float = 0.8
    spm_share: float = 0.8
    """Of those with a hole; the others are in PSM order.  A layout may have one of them only."""
    line_share: float = 0.75
    """Of those in SPM order, where the layout has ``Order.LINE``: the cursor's line stands after
    the token before the middle.  The others are for programs that know FIM in its usual form."""
    healed_share: float = 0.85
    """Of those with a hole: the token before the cursor is the middle's, as serving has it."""
    middles: MiddleShares = field(default_factory=MiddleShares)
    late_share: float = 0.6
    """Holes near the window's end: serving shows more text before the cursor than after it."""
    empty_suffix_share: float = 0.12
    short_prefix_share: float = 0.1
    path_share: float = 0.9
    repository_share: float = 0.4
    neighbor_share: float = 0.25
    header_share: float = 0.3
    """Of windows whose document begins earlier: imports and signatures above them are shown."""
    import_dropout: float = 0.3
    """Of first windows: they begin after the imports."""


@dataclass(frozen=True)
class Example:
    """An example before tokenizing; ``kind`` says what it trains."""

    pieces: tuple[Piece, ...]
    kind: str
    """``plain``, or the kind of its middle."""


def examples_of(
    document: Document,
    others: Sequence[Document],
    rules: ExampleRules,
    random: Random,
    layout: FimLayout,
) -> Iterator[Example]:
    """Yield the examples of ``document`` in ``layout``.

    ``others`` are files of its repository to quote from.
    """
    snapshot = DocumentSnapshot.of(f"file:///{document.path}", document.language, 0, document.text)
    tree = parse(snapshot)
    writer = _Writer(document, others, rules, random, tree, layout)
    start = writer.first_start()
    while start < len(document.text):
        end = _window_end(document.text, start, _window_length(rules, random))
        yield writer.example(start, end)
        start = end


def _window_length(rules: ExampleRules, random: Random) -> int:
    if random.random() >= rules.short_window_share:
        return rules.window
    return random.randrange(rules.window // 8, rules.window)


def _window_end(text: str, start: int, length: int) -> int:
    """Return where a window ends: after a line, unless the line is longer than the window."""
    if start + length >= len(text):
        return len(text)
    end = text.rfind("\n", start, start + length) + 1
    end = end if end > start else start + length
    return end if len(text) - end > _MIN_WINDOW else len(text)


@dataclass(frozen=True)
class _Writer:
    """Makes the examples of one document."""

    document: Document
    others: Sequence[Document]
    rules: ExampleRules
    random: Random
    tree: SyntaxTree | None
    layout: FimLayout

    def first_start(self) -> int:
        """Return where the first window begins: at 0, or after the imports at the top."""
        spans = self.tree.import_spans() if self.tree is not None else ()
        if not spans or self.random.random() >= self.rules.import_dropout:
            return 0
        end = 0
        for start, stop in spans:
            if self.document.text[end:start].strip() and end:
                break
            end = stop
        rest = self.document.text[end:]
        start = end + len(rest) - len(rest.lstrip("\n"))
        return start if start < len(self.document.text) - _MIN_WINDOW else 0

    def example(self, start: int, end: int) -> Example:
        """Return one example of the window from ``start`` to ``end``."""
        middle = None
        if self.random.random() < self.rules.fim_share:
            middle = self._middle(start, end)
        return self._plain(start, end) if middle is None else self._infilling(start, end, middle)

    def _middle(self, start: int, end: int) -> Middle | None:
        low, high = start, end
        draw = self.random.random()
        if draw < self.rules.short_prefix_share:
            high = min(end, start + 200)
        elif draw < self.rules.short_prefix_share + self.rules.late_share:
            low = start + int((end - start) * 0.6)
        found = draw_middle(
            self.document.text,
            (low, max(low + 1, high)),
            self.tree,
            self.rules.middles,
            self.random,
        )
        if found is None or found.end > max(end, start + MAX_MIDDLE):
            return None
        return found

    def _infilling(self, start: int, end: int, middle: Middle) -> Example:
        text = self.document.text
        suffix = text[middle.end : max(end, middle.end)]
        if self.random.random() < self.rules.empty_suffix_share:
            suffix = ""
        order = self._order()
        cursor = middle.start
        if self.random.random() < self.rules.healed_share:
            cursor -= len(healed_end(text[start:cursor]))
        texts = self._texts(start, text[start:cursor], suffix)
        pieces = render(self.layout, texts, order=order, middle=text[cursor : middle.end])
        return Example(pieces, middle.kind)

    def _order(self) -> Order:
        orders, rules = self.layout.orders, self.rules
        order = Order.SPM if self.random.random() < rules.spm_share else Order.PSM
        if order not in orders:
            return self.layout.order
        is_line = order is Order.SPM and Order.LINE in orders
        return Order.LINE if is_line and self.random.random() < rules.line_share else order

    def _plain(self, start: int, end: int) -> Example:
        """Return text from left to right; it ends with the end token where the document ends."""
        headers = self._texts(start, "", "")
        pieces = [
            piece
            for piece in render(self.layout, headers)
            if not (isinstance(piece, SpecialPiece) and piece.token.startswith("<|fim_"))
        ]
        pieces.append(TextPiece("prefix", self.document.text[start:end]))
        if end == len(self.document.text):
            pieces.append(SpecialPiece(self.layout.end_token))
        return Example(tuple(pieces), "plain")

    def _texts(self, start: int, prefix: str, suffix: str) -> PromptText:
        rules, random = self.rules, self.random
        return PromptText(
            prefix=prefix,
            suffix=suffix,
            header=self._header(start) if random.random() < rules.header_share else "",
            path=self.document.path if random.random() < rules.path_share else "",
            repository=(
                self.document.repository.rpartition("/")[2]
                if random.random() < rules.repository_share
                else ""
            ),
            neighbors=self._neighbors(prefix or self.document.text[start : start + 500]),
        )

    def _header(self, start: int) -> str:
        """Return imports, and the signatures around ``start``, that stand above the window."""
        if self.tree is None or start == 0:
            return ""
        text = self.document.text
        imports = [text[a:b].strip("\n") for a, b in self.tree.import_spans() if b <= start]
        around = [s for s in self.tree.scopes_at(start) if s.name and s.signature_end <= start]
        signatures = [text[_line_start(text, s.start) : s.signature_end].rstrip() for s in around]
        lines = "\n".join([*imports, *signatures])[: self.rules.window // 4]
        return lines.rpartition("\n")[0] + "\n" if "\n" in lines else ""

    def _neighbors(self, near: str) -> tuple[Neighbor, ...]:
        """Return an excerpt of another file: of a few drawn, the one that shares most words."""
        if not self.others or self.random.random() >= self.rules.neighbor_share:
            return ()
        words = set(_WORD.findall(near))
        best: Neighbor | None = None
        for _ in range(_NEIGHBOR_TRIES):
            other = self.random.choice(self.others)
            lines = other.text.split("\n")
            first = self.random.randrange(max(1, len(lines) - _NEIGHBOR_LINES))
            excerpt = "\n".join(lines[first : first + _NEIGHBOR_LINES])[: self.rules.window // 2]
            theirs = set(_WORD.findall(excerpt))
            score = len(words & theirs) / max(1, len(words | theirs))
            if best is None or score > best.score:
                best = Neighbor(other.path, excerpt, score)
        return (best,) if best is not None and best.text.strip() else ()


def _line_start(text: str, offset: int) -> int:
    return text.rfind("\n", 0, offset) + 1
