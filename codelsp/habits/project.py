"""The text of a project's files that are not open.

An n-gram cache of the whole project knows more than one of the open documents (Hellendoorn and
Devanbu 2017: nested caches).  Files are read once and again after a while, in a thread; private
ones, ignored ones and large ones never.
"""

from __future__ import annotations

import stat
import time
from typing import TYPE_CHECKING

from codelsp.context.privacy import PrivacyRules
from codelsp.document.languages import language_of
from codelsp.habits.listing import files_below

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

MOST_CHARS = 400_000
"""Of one language; it is searched while the model works."""
_MOST_FILE_BYTES = 200_000
_FRESH_SECONDS = 600.0


class ProjectText:
    """The files of one project, by language."""

    def __init__(self, root: Path, exclude: Sequence[str] = ()) -> None:
        self._root = root
        self._rules = PrivacyRules(exclude)
        self._files: dict[str, dict[str, str]] = {}
        """Language to URI to text."""
        self._read_at: dict[str, float] = {}
        self._joined: tuple[str, str, frozenset[str], str] = ("", "", frozenset(), "")

    def is_stale(self, language_id: str) -> bool:
        """Whether the files of a language were not read yet, or long ago."""
        read_at = self._read_at.get(language_id)
        return read_at is None or time.monotonic() - read_at > _FRESH_SECONDS

    def read(self, language_id: str) -> None:
        """Read the files of a language; takes as long as the disk does."""
        self._read_at[language_id] = time.monotonic()
        self._files[language_id] = dict(self._texts(language_id))
        self._joined = ("", "", frozenset(), "")

    def text(self, language_id: str, near: str, open_uris: frozenset[str]) -> str:
        """Return what the files say that are not open, those in the folder of ``near`` last."""
        folder = near.rpartition("/")[0]
        if self._joined[:3] != (language_id, folder, open_uris):
            files = self._files.get(language_id, {})
            closed = [uri for uri in files if uri not in open_uris]
            # The last places are found first, and the nearest files know most.
            closed.sort(key=lambda uri: (uri.rpartition("/")[0] == folder, uri))
            joined = "\n".join(files[uri] for uri in closed)[-MOST_CHARS:]
            self._joined = (language_id, folder, open_uris, joined)
        return self._joined[3]

    def _texts(self, language_id: str) -> Iterator[tuple[str, str]]:
        n_chars = 0
        for path in files_below(self._root):
            if n_chars > 2 * MOST_CHARS:
                return
            if language_of("", path).id != language_id:
                continue
            file = self._root / path
            if self._rules.reason_excluded(file.as_uri(), self._root.as_uri()) is not None:
                continue
            text = _plain_text(file, self._root)
            n_chars += len(text)
            if text:
                yield file.as_uri(), text


def _plain_text(file: Path, root: Path) -> str:
    """Return the text of a file; empty if it is large, no text, or elsewhere in truth."""
    try:
        status = file.lstat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > _MOST_FILE_BYTES:
            return ""
        if not file.resolve().is_relative_to(root.resolve()):
            return ""
        return file.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
