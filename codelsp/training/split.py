"""Which side of the split a repository is on, and the proof that none is on both.

The split is by repository and by nothing else: windows of one file, or files of one repository, on
both sides make every figure on the held-out side worthless (arXiv 1812.06469).
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Literal

from codelsp.errors import CorpusError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Side = Literal["train", "validation"]


def side_of(repository: str, validation_share: float) -> Side:
    """Return the side of ``repository``; the same for every run and every machine."""
    draw = int(hashed_name("split:" + repository)[:8], 16) / 2**32
    return "validation" if draw < validation_share else "train"


def hashed_name(repository: str) -> str:
    """Return the SHA-256 of a repository's name in lower case, as in a list of reserved ones."""
    return sha256(repository.lower().encode()).hexdigest()


def reserved_names(file: Path) -> frozenset[str]:
    """Read a list of hashed names that must never be trained on; ``#`` begins a comment.

    Raises:
        CorpusError: a line is no SHA-256, so that something reserved could slip through.
    """
    hashes = set()
    for number, line in enumerate(file.read_text(encoding="utf-8").split("\n"), 1):
        entry = line.partition("#")[0].strip().lower()
        if not entry:
            continue
        if len(entry) != 64 or set(entry) - set("0123456789abcdef"):  # noqa: PLR2004  hex digits
            raise CorpusError(f"{file}, line {number}: not the SHA-256 of a repository's name")
        hashes.add(entry)
    return frozenset(hashes)


def check_split(train: Iterable[str], validation: Iterable[str]) -> None:
    """Refuse a split that has a repository on both sides.

    Raises:
        CorpusError: one is; its name is in the message.
    """
    leaked = {name.lower() for name in train} & {name.lower() for name in validation}
    if leaked:
        names = ", ".join(sorted(leaked)[:5])
        raise CorpusError(f"the split leaks: {names} on both the training and the validation side")
