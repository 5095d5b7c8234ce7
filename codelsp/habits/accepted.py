"""Lines that were completed and taken, kept for the next session: one small file a workspace.

Plain text in the user's data folder, readable by the user alone, for the user to look at and to
delete (``codelsp habits --forget``).  The oldest lines go first; a disk that fails costs the lines
and nothing else.
"""

from __future__ import annotations

import logging
import os
import tempfile
from hashlib import sha256
from pathlib import Path

from codelsp.directories import data_dir

logger = logging.getLogger(__name__)

MOST_BYTES = 64 * 1024
_LEAST_CHARS = 4
_SAVE_EVERY = 10
_KEPT_SHARE = 0.75


def habits_dir() -> Path:
    """Return the folder of all such files; it need not exist."""
    return data_dir() / "habits"


def file_of(root: Path) -> Path:
    """Return the file of the workspace ``root``; it need not exist."""
    path = os.path.normcase(root.resolve())
    name = sha256(path.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return habits_dir() / f"{name}.txt"


def forget(root: Path | None = None) -> int:
    """Delete what was kept of ``root``, or of every workspace; return how many files that were."""
    files = [file_of(root)] if root is not None else sorted(habits_dir().glob("*.txt"))
    there = [file for file in files if file.is_file()]
    for file in there:
        file.unlink(missing_ok=True)
    return len(there)


class AcceptedLines:
    """The lines of one workspace, newest last."""

    def __init__(self, root: Path) -> None:
        self._file = file_of(root)
        self._lines = _read(self._file)
        self._fresh: list[str] = []
        self._has_failed = False

    @property
    def text(self) -> str:
        """All lines, as the end of a document."""
        return "\n".join([*self._lines, *self._fresh, ""])

    def add(self, line: str) -> None:
        """Keep a line that a completion has made; now and then they are written."""
        line = line.strip()
        if len(line) < _LEAST_CHARS or "\n" in line or "\r" in line:
            return
        self._fresh.append(line)
        if len(self._fresh) >= _SAVE_EVERY:
            self.save()

    def save(self) -> None:
        """Add the new lines to the file, which other windows write, too."""
        if not self._fresh:
            return
        from filelock import FileLock

        try:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with FileLock(f"{self._file}.lock", timeout=0.1):
                lines = _bounded([*_read(self._file), *self._fresh])
                _replace(self._file, "\n".join(lines) + "\n")
        except OSError as error:
            if not self._has_failed:
                logger.warning("accepted completions are not kept: %s", error)
            self._has_failed = True
            return
        self._lines, self._fresh = lines, []


def _read(file: Path) -> list[str]:
    try:
        return [line for line in file.read_text("utf-8").split("\n") if line]
    except (OSError, ValueError):
        return []


def _bounded(lines: list[str]) -> list[str]:
    """Return ``lines``, or their newer part where they are too many; a repeated one only once."""
    newest_first = list(dict.fromkeys(reversed(lines)))
    kept: list[str] = []
    n_bytes, most = 0, MOST_BYTES
    if sum(len(line.encode("utf-8", "replace")) + 1 for line in newest_first) > MOST_BYTES:
        most = int(MOST_BYTES * _KEPT_SHARE)
    for line in newest_first:
        n_bytes += len(line.encode("utf-8", "replace")) + 1
        if n_bytes > most:
            break
        kept.append(line)
    return kept[::-1]


def _replace(file: Path, text: str) -> None:
    # mkstemp gives mode 0600 from the very first moment.
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=file.name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
        Path(name).replace(file)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
