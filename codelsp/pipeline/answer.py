"""What the pipeline says to the editor's room: answers, status, and what became of insertions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codelsp.document.snapshot import DocumentSnapshot
    from codelsp.reply import Insertion


@dataclass(frozen=True)
class Answer:
    """The one answer to one query.

    ``is_superseded`` means that a newer query has taken its place, or that the document went on
    in another direction: the editor is to keep what it shows.
    """

    insertions: tuple[Insertion, ...] = ()
    is_superseded: bool = False
    document: DocumentSnapshot | None = None
    """The snapshot that the offsets belong to: the newest one, when the user typed on."""
    note: str = ""
    """Why there is nothing, for the log and ``codelsp.explainLast``."""


SUPERSEDED = Answer(is_superseded=True, note="a newer request took its place")


class StatusKind(Enum):
    """How the completer is."""

    STARTING = "starting"
    READY = "ready"
    BUSY = "busy"
    PAUSED = "paused"
    ERROR = "error"


@dataclass(frozen=True)
class Status:
    """How the completer is, in words for a person and figures for a status bar."""

    kind: StatusKind
    message: str = ""
    model: str = ""
    tokens_per_second: float | None = None


class Outcome(Enum):
    """What became of an insertion."""

    SHOWN = "shown"
    ACCEPTED = "accepted"
    PARTIALLY_ACCEPTED = "partially accepted"


@dataclass(frozen=True)
class InsertionEvent:
    """What became of one insertion; for the local statistics, so without its text."""

    outcome: Outcome
    insertion_id: str
    language_id: str
    length_chars: int
