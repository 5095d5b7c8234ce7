"""``PromptPlan`` and ``Prompt``: the pieces of a prompt as text, and the same as token ids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codelsp.prompt.fim import FimLayout


@dataclass(frozen=True)
class SpecialPiece:
    """A special token, by its spelling."""

    token: str


@dataclass(frozen=True)
class TextPiece:
    """Plain text, never read as special tokens; tokenized by itself."""

    role: str
    """``repository``, ``neighbor``, ``path``, ``header``, ``suffix``, ``prefix``, ``line``,
    ``middle`` or ``glue``."""
    text: str
    score: float = 0.0
    """Of a neighbor: its similarity; the lowest goes first when room is short."""


Piece = SpecialPiece | TextPiece


@dataclass(frozen=True)
class PromptPlan:
    """A prompt before tokenizing: pieces from the most stable to the least stable."""

    pieces: tuple[Piece, ...]
    layout: FimLayout
    healed: str
    """The end of the prefix that was taken out, for the engine to write again (token healing)."""


@dataclass(frozen=True)
class PromptPart:
    """A piece as it went into a prompt, for people to read."""

    role: str
    """As of ``TextPiece``; ``special`` for a special token."""
    text: str
    """The whole piece, also where only a part of it found room."""
    n_tokens: int
    is_clipped: bool


@dataclass(frozen=True)
class Prompt:
    """What goes to an engine."""

    ids_or_text: tuple[int, ...] | str
    n_tokens: int
    """Exact for ids, an estimate for text."""
    max_tokens: int
    """Most tokens to generate, those that write ``healed`` again included."""
    stop_ids: tuple[int, ...]
    stop_texts: tuple[str, ...]
    healed: str
    layout_name: str
    parts: tuple[PromptPart, ...] = ()
    """What it is made of, in order."""
