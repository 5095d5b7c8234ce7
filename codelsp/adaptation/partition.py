"""Which files of a repository are learned from, and which ones tell whether that helped.

By whole files, drawn by the hash of their paths: a file that is held out stays so when the
repository is adapted to again, and no window of it is ever learned from.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from codelsp.errors import CorpusError
from codelsp.evaluation.transcript import typed_functions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codelsp.training.documents import Document

HELD_OUT_SHARE = 0.12
"""Of the characters, unless that gives too few files to type."""
MOST_HELD_OUT_SHARE = 0.3
LEAST_TYPED_FILES = 6
"""Files with a function to type; an interval over fewer says nothing."""
LEAST_CHARACTERS = 60_000
"""To learn from: some 15,000 tokens, of which a model of any size learns little enough."""
_LEAST_KEYS = 60


@dataclass(frozen=True)
class Partition:
    """Both sides of a repository."""

    train: tuple[Document, ...]
    held_out: tuple[Document, ...]


def partition(documents: Sequence[Document]) -> Partition:
    """Divide ``documents``.

    Raises:
        CorpusError: they are too few, or too short, to learn from and to measure on.
    """
    drawn = sorted(documents, key=lambda document: sha256(document.path.encode()).digest())
    total = sum(len(document.text) for document in documents)
    held_out: list[Document] = []
    n_chars = n_typed = 0
    for document in drawn:
        share = n_chars / max(1, total)
        enough = n_typed >= LEAST_TYPED_FILES and share >= HELD_OUT_SHARE
        if enough or share >= MOST_HELD_OUT_SHARE:
            break
        held_out.append(document)
        n_chars += len(document.text)
        n_typed += can_be_typed(document)
    train = tuple(document for document in documents if document not in held_out)
    n_train = sum(len(document.text) for document in train)
    if n_typed < LEAST_TYPED_FILES or n_train < LEAST_CHARACTERS:
        raise CorpusError(
            f"The repository is too small to adapt to: {len(documents)} files with"
            f" {total:,} characters, {n_typed} of those held out with a function to type."
            f" It takes {LEAST_CHARACTERS:,} characters to learn from and {LEAST_TYPED_FILES} such"
            " files beside them; completions use what stands in the open documents in any case."
        )
    return Partition(train, tuple(held_out))


def can_be_typed(document: Document) -> bool:
    """Whether the typing simulator finds enough to type in ``document``."""
    try:
        transcript = typed_functions(document.path, document.text, 1)
    except (SyntaxError, ValueError, RecursionError):
        return False
    return len(transcript.keys) >= _LEAST_KEYS
