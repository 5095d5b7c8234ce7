"""``CompletionContext``: all that one request may look at, as plain values.

Architecture invariant: pure.  No clock, no disk, no network.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codelsp.document.snapshot import DocumentSnapshot
    from codelsp.document.syntax import SyntaxTree, TextKind


class Trigger(Enum):
    """Whether the user asked, or only typed."""

    INVOKED = "invoked"
    AUTOMATIC = "automatic"


@dataclass(frozen=True)
class SelectedCompletion:
    """The entry chosen in the editor's popup: ``start`` to ``end`` becomes ``text``."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class CompletionQuery:
    """What an editor asks: a snapshot, an offset, and why it asks."""

    document: DocumentSnapshot
    offset: int
    trigger: Trigger = Trigger.AUTOMATIC
    selected: SelectedCompletion | None = None
    tab_size: int | None = None
    insert_spaces: bool | None = None


@dataclass(frozen=True)
class Indentation:
    """How a document is indented: ``unit`` is one level, a tab or some spaces."""

    unit: str
    tab_size: int


@dataclass(frozen=True)
class Neighbor:
    """An excerpt of another document, with the path shown to the model and its similarity."""

    path: str
    text: str
    score: float


@dataclass(frozen=True)
class CompletionContext:
    """What the model may look at, and what the candidates are judged against.

    ``prefix`` and ``suffix`` are windows: ``prefix`` begins on a line and ends at the cursor (or
    before the whitespace of a whitespace-only line, see ``dropped_indentation``); ``suffix``
    begins at the cursor and ends on a line.
    ``prefix_start`` moves in big steps, so that an engine's KV cache survives typing.
    """

    query: CompletionQuery
    prefix: str
    prefix_start: int
    suffix: str
    suffix_end: int
    header: str
    """Imports and enclosing signatures that ``prefix`` has lost; empty when nothing was cut."""
    neighbors: tuple[Neighbor, ...]
    path: str
    """The document's path as shown to the model, relative to its workspace, with ``/``."""
    text_kind: TextKind
    multiline: bool
    """Whether syntax and settings allow more than the rest of the line."""
    dropped_indentation: str = ""
    """Whitespace before the cursor on a whitespace-only line; the model writes its own."""
    tree: SyntaxTree | None = None
    """The syntax tree of the snapshot; None for a language without a grammar."""
    repository: str = ""
    line_prefix: str = ""
    """Text from the start of the line to the cursor."""
    line_suffix: str = ""
    """Text from the cursor to the end of the line, line end excluded."""
    others: tuple[DocumentSnapshot, ...] = ()
    """The other open documents that may be looked at, most recent first."""
    habits: str = ""
    """What the user writes elsewhere: text of the project, and accepted completions at its end."""

    @property
    def offset(self) -> int:
        """The cursor, in code points."""
        return self.query.offset

    @cached_property
    def indentation(self) -> Indentation:
        """How the document is indented: looked at when a text is judged, not before."""
        from codelsp.context.indentation import indentation_of  # which knows ``Indentation``

        query = self.query
        document = query.document
        return indentation_of(document, query.tab_size, query.insert_spaces, near=query.offset)
