"""``Draft``: a text with holes, and where it is to stand.

What syntax knows (names, sections, brackets, calls) is written here; a hole holds what only a
model can say.  A small model then never gets a chance to lose the form.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codelsp.context.completion_context import Neighbor
    from codelsp.document.snapshot import DocumentSnapshot


class HoleKind(Enum):
    """What may stand in a hole."""

    SENTENCE = "sentence"
    """One sentence in plain words, on one line."""
    EXPRESSION = "expression"
    """One expression, or several with commas between them; brackets and quotes closed."""


@dataclass(frozen=True)
class Hole:
    """A place for the model's words."""

    kind: HoleKind
    fallback: str
    """What stands there if the model says nothing fit: words that names and types give."""
    following: str
    """What the model is told comes after it, before the rest of the document."""
    is_whole: bool = True
    """Of a sentence: whether it begins here, and not with words that stand before the hole."""
    subject: str = ""
    """The names that a sentence is about; what an expression must not call."""
    names: frozenset[str] = frozenset()
    """What an expression may name, besides what every file of its language has."""


@dataclass(frozen=True)
class Insert:
    """A text to insert at ``offset``, with line feeds."""

    offset: int
    text: str


@dataclass(frozen=True)
class Draft:
    """``pieces`` are to replace ``start`` to ``end`` (offsets, end exclusive) of ``document``."""

    title: str
    """What it is, for people: "docstring of f"."""
    document: DocumentSnapshot
    start: int
    end: int
    pieces: tuple[str | Hole, ...]
    """With line feeds, whatever the document has."""
    neighbors: tuple[Neighbor, ...] = ()
    """What the model is shown besides the document: the function that a test is for."""
    is_new_file: bool = False
    is_code: bool = False
    """Whether the document must parse no worse with the text in it."""
    also: Insert | None = None
    """What has to stand elsewhere in the document for it: an import."""

    @property
    def n_holes(self) -> int:
        """How many places are left to the model."""
        return sum(isinstance(piece, Hole) for piece in self.pieces)

    def text(self, filled: tuple[str, ...] = ()) -> str:
        """Return the text with the first holes ``filled``, and the fallbacks in the others."""
        words = iter(filled)
        return "".join(
            next(words, piece.fallback) if isinstance(piece, Hole) else piece
            for piece in self.pieces
        )

    def with_neighbors(self, *neighbors: Neighbor) -> Draft:
        """Return the draft with more for the model to see."""
        return replace(self, neighbors=(*self.neighbors, *neighbors))


def sentence(fallback: str, following: str, subject: str = "", *, is_whole: bool = True) -> Hole:
    """Return a hole for a sentence."""
    return Hole(HoleKind.SENTENCE, fallback, following, is_whole, subject)


def expression(
    fallback: str, following: str, names: frozenset[str] = frozenset(), unlike: str = ""
) -> Hole:
    """Return a hole for an expression; one that is to be compared with a call is no such call."""
    return Hole(HoleKind.EXPRESSION, fallback, following, subject=unlike, names=names)
