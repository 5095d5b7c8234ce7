"""The files of a folder that its user would show: nothing that git ignores, nothing hidden."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_GIT_SECONDS = 120


def files_below(root: Path) -> list[str]:
    """Return the paths of the files below ``root`` that are not ignored, sorted, with ``/``."""
    paths = _listed_by_git(root)
    return sorted(set(_walked(root) if paths is None else paths))


def _listed_by_git(root: Path) -> list[str] | None:
    """Return what git knows of, and what is new and not ignored; None where git knows nothing."""
    command = [
        *("git", "-c", "core.fsmonitor=false", "-C", str(root)),
        *("ls-files", "-z", "--cached", "--others", "--exclude-standard"),
    ]
    try:
        answer = subprocess.run(command, capture_output=True, check=True, timeout=_GIT_SECONDS)  # noqa: S603  fixed program, no shell
    except (OSError, subprocess.SubprocessError):
        return None
    names = (name.decode("utf-8", "surrogateescape") for name in answer.stdout.split(b"\0"))
    return [name for name in names if name]


def _walked(root: Path) -> Iterator[str]:
    """Yield the files of a folder without git: nothing hidden, nothing its ``.gitignore`` names."""
    from pathspec import GitIgnoreSpec

    try:
        lines = (root / ".gitignore").read_text("utf-8").split("\n")
        ignored = GitIgnoreSpec.from_lines(lines)
    except (OSError, ValueError):
        ignored = GitIgnoreSpec.from_lines([])
    for path in root.rglob("*"):
        relative = path.relative_to(root)
        if any(part.startswith(".") for part in relative.parts) or path.is_dir():
            continue
        if not ignored.match_file(relative.as_posix()):
            yield relative.as_posix()
