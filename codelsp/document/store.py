"""``DocumentStore``: the open documents of one session, with their trees and their recency.

A tree is parsed when it is asked for, from the last one and the edits since.
Used from one thread.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from codelsp.document.edit import Edit, edited
from codelsp.document.syntax import SyntaxTree, parse
from codelsp.errors import UnknownDocumentError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from codelsp.document.edit import TextChange
    from codelsp.document.position import PositionEncoding
    from codelsp.document.snapshot import DocumentSnapshot

logger = logging.getLogger(__name__)

_MAX_TREE_CHARS = 1_500_000
"""Characters of documents whose trees are kept; a tree takes some 40 bytes a character."""
_MAX_PENDING = 512
"""Edits remembered for a tree that nobody asks for; after more, it is parsed anew."""


@dataclass
class _Open:
    snapshot: DocumentSnapshot
    tree: SyntaxTree | None = None
    pending: list[Edit] | None = field(default_factory=list)
    """The edits between the tree and the snapshot; None if they are not known."""
    gave_up_at: int | None = None
    """The length of the text that went over the parse budget, if one did."""


class DocumentStore:
    """The open documents of one session."""

    def __init__(self) -> None:
        # The least recently used comes first.
        self._open: dict[str, _Open] = {}
        self._notebooks: dict[str, tuple[str, ...]] = {}

    def open(self, snapshot: DocumentSnapshot) -> None:
        """Take up a document; one that is open already is replaced."""
        if snapshot.uri in self._open:
            logger.warning("%s: opened again without having been closed", snapshot.uri)
        self._open.pop(snapshot.uri, None)
        self._open[snapshot.uri] = _Open(snapshot)

    def change(
        self,
        uri: str,
        changes: Sequence[TextChange],
        version: int,
        encoding: PositionEncoding,
    ) -> DocumentSnapshot | None:
        """Apply the editor's changes and return the new snapshot.

        A change of a document that is not open is logged and comes to None; one to a version
        older than ours is logged and leaves the document as it is.
        """
        entry = self._open.get(uri)
        if entry is None:
            logger.warning("%s: changed, but not open; the change is ignored", uri)
            return None
        if version < entry.snapshot.version:
            logger.warning(
                "%s: version %d comes after version %d; the change is ignored",
                uri,
                version,
                entry.snapshot.version,
            )
            return entry.snapshot
        entry.snapshot, edits = edited(entry.snapshot, changes, version, encoding)
        _remember(entry, edits)
        self.touch(uri)
        return entry.snapshot

    def close(self, uri: str) -> None:
        """Let go of a document."""
        if self._open.pop(uri, None) is None:
            logger.warning("%s: closed, but not open", uri)

    def get(self, uri: str) -> DocumentSnapshot:
        """Return the newest snapshot of a document.

        Raises:
            UnknownDocumentError: it is not open.
        """
        entry = self._open.get(uri)
        if entry is None:
            raise UnknownDocumentError(f"{uri} is not open")
        return entry.snapshot

    def find(self, uri: str) -> DocumentSnapshot | None:
        """Return the newest snapshot of a document, or None if it is not open."""
        entry = self._open.get(uri)
        return None if entry is None else entry.snapshot

    def is_current(self, snapshot: DocumentSnapshot) -> bool:
        """Whether ``snapshot`` is the newest of its document."""
        entry = self._open.get(snapshot.uri)
        return entry is not None and entry.snapshot is snapshot

    def tree(self, snapshot: DocumentSnapshot) -> SyntaxTree | None:
        """Return the syntax tree of ``snapshot``; None without grammar or over the budget."""
        entry = self._open.get(snapshot.uri)
        if entry is None or entry.snapshot is not snapshot:
            return parse(snapshot)
        if entry.tree is None or entry.tree.document is not snapshot:
            self._renew_tree(entry)
        return entry.tree

    def keep_up(self, uri: str, offset: int) -> None:
        """Parse while nobody waits what the next ``tree`` would have to; ``offset`` is the cursor.

        Nothing happens for a document that is not open.
        """
        entry = self._open.get(uri)
        if entry is None:
            return
        tree = self.tree(entry.snapshot)
        if tree is not None:
            entry.tree = tree.refreshed(min(offset, len(entry.snapshot.text)))

    def touch(self, uri: str) -> None:
        """Make a document the most recent one: it was edited, or has the focus."""
        if uri in self._open:
            self._open[uri] = self._open.pop(uri)

    def recent(self, exclude_uri: str = "") -> tuple[DocumentSnapshot, ...]:
        """Return the open documents but one, the most recently opened, edited or focused first."""
        entries = reversed(self._open.items())
        return tuple(entry.snapshot for uri, entry in entries if uri != exclude_uri)

    def open_notebook(self, uri: str, cell_uris: Iterable[str]) -> None:
        """Note which cells a notebook has, in order; called again when that changes."""
        self._notebooks[uri] = tuple(cell_uris)

    def close_notebook(self, uri: str) -> None:
        """Forget a notebook; its cells are documents, and are closed as such."""
        if self._notebooks.pop(uri, None) is None:
            logger.warning("%s: notebook closed, but not open", uri)

    def cells_before(self, cell_uri: str) -> tuple[DocumentSnapshot, ...]:
        """Return the open cells above ``cell_uri`` in its notebook, from the top."""
        for cell_uris in self._notebooks.values():
            if cell_uri in cell_uris:
                above = cell_uris[: cell_uris.index(cell_uri)]
                return tuple(self._open[uri].snapshot for uri in above if uri in self._open)
        return ()

    def _renew_tree(self, entry: _Open) -> None:
        length = len(entry.snapshot.text)
        if entry.gave_up_at is not None and abs(length - entry.gave_up_at) * 10 < length:
            return
        entry.tree = parse(entry.snapshot, entry.tree, entry.pending)
        entry.pending = []
        entry.gave_up_at = None if entry.tree is not None else length
        self._drop_old_trees()

    def _drop_old_trees(self) -> None:
        """Keep the trees of the most recent documents only: memory is the server's to save."""
        kept = 0
        for entry in reversed(self._open.values()):
            if entry.tree is not None:
                kept += len(entry.snapshot.text)
                if kept > _MAX_TREE_CHARS:
                    entry.tree = None


def _remember(entry: _Open, edits: tuple[Edit, ...] | None) -> None:
    if entry.tree is None:
        return
    if edits is None or entry.pending is None:
        entry.pending = None
    elif len(entry.pending) + len(edits) > _MAX_PENDING:
        entry.tree, entry.pending = None, []
    else:
        entry.pending.extend(edits)
