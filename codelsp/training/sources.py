"""Where a corpus comes from: git repositories, folders and archives, read file by file.

A git repository is read with git's own plumbing from its object store, so a bare mirror needs no
checkout and nothing of the repository is ever run.  Sizes are known before anything is read, so a
file over the limit costs nothing.

Not here: what is worth keeping (``filters``), and under which license it stands (``licenses``).
"""

from __future__ import annotations

import lzma
import stat
import subprocess
import tarfile
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from codelsp.errors import CorpusError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ARCHIVE_ENDS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip", ".whl")


@dataclass(frozen=True)
class Source:
    """One repository, folder or archive, under the name its documents will carry."""

    name: str
    """``owner/name`` where there is one; what splits and caps go by."""
    path: Path
    commit: str = "HEAD"
    license: str | None = None
    """An SPDX expression that a person has checked; None means: look for it."""


@dataclass(frozen=True)
class SourceFile:
    """A file of a source; ``read`` is called only for files that are wanted."""

    path: str
    size: int
    """In bytes."""
    read: Callable[[], bytes]


def source_at(spec: str) -> Source:
    """Return the source that ``[NAME=]PATH`` names.

    Raises:
        CorpusError: nothing is at the path.
    """
    name, separator, place = spec.partition("=")
    path = Path(place if separator else spec).expanduser()
    if not path.exists():
        raise CorpusError(f"there is no source at {path}")
    return Source(name if separator else _name_of(path), path.resolve())


def _name_of(path: Path) -> str:
    """Return ``owner/name`` for a mirror in ``owner+name/repo``, else the last part of the path."""
    for part in (path.name, path.parent.name):
        if part.count("+") == 1:
            return part.replace("+", "/")
    name = path.name
    for end in (*_ARCHIVE_ENDS, ".git"):
        name = name.removesuffix(end)
    return name


def git_directory(path: Path) -> Path | None:
    """Return the git directory of ``path``, a bare mirror or a work tree; None if it has none."""
    for candidate in (path / ".git", path):
        if (candidate / "HEAD").is_file() and (candidate / "objects").is_dir():
            return candidate
    return None


@contextmanager
def files_of(source: Source) -> Iterator[Iterator[SourceFile]]:
    """Open ``source`` and give its files, in the order of their paths.

    Raises:
        CorpusError: the source is damaged, or is no repository, folder or archive.
    """
    git = git_directory(source.path)
    if git is not None:
        with _git_files(git, source.commit) as files:
            yield files
    elif source.path.is_dir():
        yield _folder_files(source.path)
    elif source.path.name.endswith((".zip", ".whl")):
        with _zip_files(source.path) as files:
            yield files
    elif source.path.name.endswith(_ARCHIVE_ENDS):
        with _tar_files(source.path) as files:
            yield files
    else:
        raise CorpusError(f"{source.path} is no git repository, folder or archive")


def commit_of(source: Source) -> str:
    """Return the full hash of the commit that is read, or an empty string where there is none."""
    git = git_directory(source.path)
    if git is None:
        return ""
    return _git(git, "rev-parse", "--verify", f"{source.commit}^{{commit}}").decode().strip()


def _git(git: Path, *arguments: str) -> bytes:
    """Run git on an object store, and return what it says."""
    command = ["git", "--git-dir", str(git), *arguments]
    try:
        answer = subprocess.run(command, capture_output=True, check=True)  # noqa: S603  fixed program, no shell
    except FileNotFoundError:
        raise CorpusError("git is not installed; it is needed to read repositories") from None
    except subprocess.CalledProcessError as error:
        reason = error.stderr.decode(errors="replace").strip()[:300]
        raise CorpusError(f"git cannot read {git}: {reason}") from None
    return answer.stdout


@contextmanager
def _git_files(git: Path, commit: str) -> Iterator[Iterator[SourceFile]]:
    listing = _git(git, "ls-tree", "-r", "-l", "-z", "--full-tree", commit)
    batch = subprocess.Popen(  # noqa: S603  fixed program, no shell
        ["git", "--git-dir", str(git), "cat-file", "--batch"],  # noqa: S607  git is found on the path
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    ask, answers = cast("IO[bytes]", batch.stdin), cast("IO[bytes]", batch.stdout)
    try:
        yield _git_entries(listing, ask, answers)
    finally:
        ask.close()
        answers.close()
        batch.wait()


def _git_entries(listing: bytes, ask: IO[bytes], answers: IO[bytes]) -> Iterator[SourceFile]:
    """Yield the regular files of ``git ls-tree -l -z``; no symbolic links, no submodules."""
    for entry in listing.split(b"\0"):
        if not entry.startswith(b"100"):
            continue
        head, _, path = entry.partition(b"\t")
        _mode, _kind, digest, size = head.split()
        if not size.isdigit():  # "BAD": the object is absent from a partial or shallow mirror
            continue
        yield SourceFile(
            path.decode("utf-8", "replace"), int(size), _blob_reader(digest, ask, answers)
        )


def _blob_reader(digest: bytes, ask: IO[bytes], answers: IO[bytes]) -> Callable[[], bytes]:
    def read() -> bytes:
        ask.write(digest + b"\n")
        ask.flush()
        header = answers.readline().split()
        if len(header) != 3 or header[1] != b"blob":  # noqa: PLR2004  "<hash> blob <size>"
            raise CorpusError(f"the repository lacks the object {digest.decode()}")
        content = answers.read(int(header[2]))
        answers.read(1)
        return content

    return read


def _folder_files(root: Path) -> Iterator[SourceFile]:
    for path in sorted(root.rglob("*")):
        try:
            state = path.lstat()
        except OSError:
            continue
        if stat.S_ISREG(state.st_mode):
            yield SourceFile(path.relative_to(root).as_posix(), state.st_size, path.read_bytes)


@contextmanager
def _zip_files(path: Path) -> Iterator[Iterator[SourceFile]]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield (
                SourceFile(entry.filename, entry.file_size, _zip_reader(archive, entry))
                for entry in sorted(archive.infolist(), key=lambda entry: entry.filename)
                if not entry.is_dir()
            )
    except (zipfile.BadZipFile, EOFError, OSError, ValueError, zlib.error) as error:
        raise CorpusError(f"the archive {path.name} is damaged: {error}") from error


def _zip_reader(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Callable[[], bytes]:
    def read() -> bytes:
        try:
            return archive.read(entry)
        except (RuntimeError, NotImplementedError) as error:  # with a password, or a rare method
            raise CorpusError(f"{entry.filename} cannot be read: {error}") from error

    return read


@contextmanager
def _tar_files(path: Path) -> Iterator[Iterator[SourceFile]]:
    try:
        with tarfile.open(path) as archive:
            yield (
                SourceFile(_below_top(member.name), member.size, _tar_reader(archive, member))
                for member in archive
                if member.isreg()
            )
    except (tarfile.TarError, EOFError, OSError, ValueError, zlib.error, lzma.LZMAError) as error:
        raise CorpusError(f"the archive {path.name} is damaged: {error}") from error


def _below_top(name: str) -> str:
    """Return a member's path without the folder that source distributions wrap everything in."""
    _, separator, rest = name.removeprefix("./").partition("/")
    return rest if separator else name


def _tar_reader(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Callable[[], bytes]:
    def read() -> bytes:
        stream = archive.extractfile(member)
        return stream.read() if stream is not None else b""

    return read
