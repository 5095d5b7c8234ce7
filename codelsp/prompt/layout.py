"""``FimLayout``: how one family of models writes a prompt, as data.

Architecture invariant: pure.  No clock, no disk, no network, no tokenizer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from codelsp.prompt.prompt import SpecialPiece

if TYPE_CHECKING:
    from collections.abc import Mapping


class Order(Enum):
    """What comes first in the infilling part of a prompt."""

    PSM = "psm"
    """Prefix, suffix, middle: every keystroke makes an engine read the suffix again."""
    SPM = "spm"
    """Suffix, prefix, middle: an engine reads new characters only."""
    LINE = "line"
    """SPM with the cursor's line after the token before the middle: the model goes on with a line
    that it is already writing, and knows where it began."""


class Slot(Enum):
    """A place in a template that is filled with text."""

    REPOSITORY = "repository"
    PATH = "path"
    LANGUAGE = "language"
    TEXT = "text"
    """The excerpt of a neighbor."""
    SUFFIX = "suffix"
    PREFIX = "prefix"
    """Header and prefix; without the cursor's line where the template has a place for it."""
    LINE = "line"
    """What stands before the cursor in its line; see ``line_so_far``."""


Element = SpecialPiece | Slot | str
"""A special token, a slot, or fixed text."""

Template = tuple[Element, ...]


@dataclass(frozen=True)
class FimLayout:
    """How one family of models writes a prompt."""

    name: str
    orders: Mapping[Order, Template] = field(hash=False)
    """The infilling part; empty for models without fill-in-the-middle."""
    order: Order
    """The order used when nothing else is asked for."""
    marks: tuple[str, ...]
    """Special tokens that a tokenizer of this family has."""
    foreign_marks: tuple[str, ...] = ()
    """Special tokens by which a tokenizer shows to be of another family."""
    repository: Template = ()
    neighbor: Template = ()
    path: Template = ()
    reads_other_files: bool = False
    """Whether the model was trained with the three headers above; if not they are never written."""
    stop_tokens: tuple[str, ...] = ()
    """Special tokens that end a generation."""
    stop_texts: tuple[str, ...] = ()
    """Plain texts that end one."""
    end_token: str = "<|endoftext|>"  # noqa: S105  # a token of text, not of access
    """What training writes after the middle."""
    begins_with_bos: bool = False
    spaces_pieces: bool = False
    """Whether the tokenizer puts a space before each text it is given (SentencePiece), so that a
    text must be tokenized in one go."""
    controls: frozenset[str] = frozenset()
    """Control tokens of languages that the model has; a text without a suffix begins with one."""
    text_spellings: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Spellings of special tokens in a text prompt, where they differ."""
    note: str = ""
    """What the user should know of it."""

    @property
    def has_fim(self) -> bool:
        """Whether the model sees the text after the cursor."""
        return bool(self.orders)

    def special_tokens(self) -> frozenset[str]:
        """Return every special token this layout writes or stops at."""
        templates = (*self.orders.values(), self.repository, self.neighbor, self.path)
        written = {
            element.token
            for template in templates
            for element in template
            if isinstance(element, SpecialPiece)
        }
        return frozenset(written | set(self.stop_tokens) | {self.end_token})
