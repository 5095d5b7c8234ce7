"""Which files of a repository a model may learn from, and what is taken out of them.

What git ignores, what the privacy rules name and what is another's is never read.  Secrets and
addresses inside of what is read are replaced, as they are in every corpus of ours.
"""

from __future__ import annotations

import stat
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codelsp.context.privacy import PrivacyRules
from codelsp.document.functions import languages_with_functions
from codelsp.errors import CorpusError
from codelsp.habits.listing import files_below
from codelsp.training.cleaning import redacted, without_license_header
from codelsp.training.documents import Document
from codelsp.training.filters import (
    FileLimits,
    decoded,
    language_by_path,
    reason_against_path,
    reason_against_text,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True)
class RepositoryFiles:
    """What may be learned from, and what was left out."""

    name: str
    documents: tuple[Document, ...]
    """In the order of their paths."""
    left_out: dict[str, int]
    """Reasons, and the number of files left out for each."""
    n_redacted: int
    """Addresses and secrets that were taken out."""

    @property
    def languages(self) -> dict[str, int]:
        """LSP ids and the characters in each language, most first."""
        n_chars: Counter[str] = Counter()
        for document in self.documents:
            n_chars[document.language] += len(document.text)
        return dict(n_chars.most_common())

    @property
    def n_characters(self) -> int:
        """Characters of all documents together."""
        return sum(len(document.text) for document in self.documents)


def read_repository(root: Path, exclude: Sequence[str] = ()) -> RepositoryFiles:
    """Read the files of ``root`` that may be learned from: in languages that have functions.

    In others there is nothing by whose typing it could be told whether learning has helped.

    Args:
        root: The repository's folder; it need not be git's.
        exclude: The globs of the setting of that name.

    Raises:
        CorpusError: it is no folder, or no such file is in it.
    """
    if not root.is_dir():
        raise CorpusError(f"{root} is no folder; name the repository to adapt to.")
    rules, limits = PrivacyRules(exclude), FileLimits(languages_with_functions())
    left_out: Counter[str] = Counter()
    seen: set[str] = set()
    documents, n_redacted = [], 0
    for path in files_below(root):
        found = _read(root, path, rules, limits)
        if isinstance(found, str):
            left_out[found] += 1
            continue
        document, n = found
        if document.digest in seen:
            left_out["a copy of another file"] += 1
            continue
        seen.add(document.digest)
        documents.append(document)
        n_redacted += n
    if not documents:
        reasons = ", ".join(f"{n} {reason}" for reason, n in left_out.most_common(4))
        raise CorpusError(
            f"{root} holds no code to learn from{f' (left out: {reasons})' if reasons else ''}."
        )
    name = root.resolve().name
    return RepositoryFiles(name, tuple(documents), dict(left_out.most_common()), n_redacted)


def _read(
    root: Path, path: str, rules: PrivacyRules, limits: FileLimits
) -> tuple[Document, int] | str:
    """Return the document at ``path`` and what was taken out of it, or why it is left out."""
    try:
        reason = _reason_unread(root, path, rules, limits)
        text = None if reason else decoded((root / path).read_bytes())
    except OSError:
        return "cannot be read"
    if reason is not None or text is None:
        return reason or "no UTF-8 text"
    language = language_by_path(path)
    reason = reason_against_text(text, language)
    if reason is not None:
        return reason
    text, n_redacted = redacted(without_license_header(text))
    return Document(root.resolve().name, path, language, "", text), n_redacted


def _reason_unread(root: Path, path: str, rules: PrivacyRules, limits: FileLimits) -> str | None:
    """Return why the file at ``path`` is never opened, or None."""
    file = root.absolute() / path
    if rules.reason_excluded(file.as_uri(), root.absolute().as_uri()) is not None:
        return "private, by its name"
    status = file.lstat()
    if not stat.S_ISREG(status.st_mode):
        return "no plain file"
    if not file.resolve().is_relative_to(root.resolve()):
        return "outside of the repository"
    return reason_against_path(path, status.st_size, limits)
