"""A folder of source code: its files, the repositories in it, and which side each goes to."""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from codelsp.training.filters import language_by_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SIDES = ("train", "validation")
SPLITS = ("auto", "repository", "file")
_PASSED_OVER = frozenset(
    (".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv", "venv", ".tox", ".mypy_cache")
)


@dataclass(frozen=True)
class SourceFile:
    """A file of a folder."""

    path: str
    size: int
    """Bytes."""
    language: str
    repository: str
    """The folder, within the one that is converted, that holds ``.git``; or empty."""
    modified_ns: int = 0


def source_files(folder: Path, languages: Sequence[str]) -> Iterator[SourceFile]:
    """Yield the files of ``languages`` in ``folder``, in the order of their paths.

    Symbolic links are not followed; folders of version control and installed packages are passed
    over.
    """
    wanted = frozenset(languages)
    repositories: dict[Path, str] = {}
    for place, folders, names in os.walk(folder):
        here = Path(place)
        is_own = ".git" in (*folders, *names) and here != folder
        above = repositories.get(here.parent, "")
        repositories[here] = here.relative_to(folder).as_posix() if is_own else above
        folders[:] = sorted(set(folders) - _PASSED_OVER)
        for name in sorted(names):
            path = here / name
            language = language_by_path(name)
            if language in wanted and path.is_file() and not path.is_symlink():
                own = path.relative_to(folder).as_posix()
                facts = path.stat()
                yield SourceFile(
                    own, facts.st_size, language, repositories[here], facts.st_mtime_ns
                )


def sides_of(
    files: Sequence[SourceFile], split_by: str, dev_size: float, seed: int
) -> tuple[dict[str, str], str]:
    """Return the side of each unit of the split, and what a unit is.

    Units go to the dev side in an order drawn by the seed until it has its share of bytes; one
    always stays to train on.
    """
    if split_by == "auto":
        has_several = len({file.repository for file in files if file.repository}) > 1
        split_by = "repository" if has_several else "file"
    sizes: dict[str, int] = {}
    for file in files:
        unit = unit_of(file, split_by)
        sizes[unit] = sizes.get(unit, 0) + file.size
    order = sorted(sizes, key=lambda unit: sha256(f"{seed}:{unit}".encode()).digest())
    left = dev_size * sum(sizes.values())
    sides: dict[str, str] = {}
    for unit in order:
        is_dev = left > 0 and len(sides) < len(order) - 1
        sides[unit] = SIDES[is_dev]
        left -= sizes[unit]
    return sides, split_by


def unit_of(file: SourceFile, split_by: str) -> str:
    """Return what goes to one side as a whole with ``file``."""
    if split_by == "file":
        return file.path
    return file.repository or file.path.partition("/")[0]
