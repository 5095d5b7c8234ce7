"""``Document``: one file of a corpus, and the shards that documents are kept in.

A shard is compressed JSON lines (gzip, of the standard library, so that a corpus opens everywhere)
and is written under a temporary name first: a shard that has its name is whole.
"""

from __future__ import annotations

import gzip
import json
import os
import zlib
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import IO, TYPE_CHECKING

from codelsp.errors import CorpusError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

_LEVEL = 6
SHARD_CHARS = 48_000_000
"""Characters of text in a shard; some 10 MB compressed."""


@dataclass(frozen=True)
class Document:
    """One file, cleaned, with where it comes from."""

    repository: str
    path: str
    language: str
    license: str
    text: str = field(repr=False)

    @property
    def digest(self) -> str:
        """The SHA-256 of the text without white space: equal for exact copies."""
        return sha256("".join(self.text.split()).encode("utf-8", "surrogatepass")).hexdigest()


def read_shard(path: Path) -> Iterator[Document]:
    """Yield the documents of a shard.

    Raises:
        CorpusError: the shard is damaged.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                yield Document(**json.loads(line))
    except (OSError, EOFError, ValueError, TypeError, zlib.error) as error:
        raise CorpusError(f"the shard {path} is damaged: {error}") from error


class ShardWriter:
    """Writes documents into ``<stem>-0000.jsonl.gz``, ``<stem>-0001.jsonl.gz`` and so on."""

    def __init__(self, folder: Path, stem: str, shard_chars: int = SHARD_CHARS) -> None:
        self._folder, self._stem, self._limit = folder, stem, shard_chars
        self._stream: IO[str] | None = None
        self._chars = 0
        self.paths: list[Path] = []

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close(is_whole=kind is None)

    def add(self, document: Document) -> None:
        """Append ``document``, in a new shard when the present one is full."""
        if self._stream is None or self._chars >= self._limit:
            self._close(is_whole=True)
            self._open()
        assert self._stream is not None  # noqa: S101  opened above
        self._stream.write(json.dumps(asdict(document), ensure_ascii=False) + "\n")
        self._chars += len(document.text)

    def _open(self) -> None:
        path = self._folder / f"{self._stem}-{len(self.paths):04d}.jsonl.gz"
        self.paths.append(path)
        self._chars = 0
        self._stream = gzip.open(  # noqa: SIM115  closed by _close
            _unfinished(path), "wt", _LEVEL, encoding="utf-8"
        )

    def _close(self, *, is_whole: bool) -> None:
        if self._stream is None:
            return
        stream, self._stream = self._stream, None
        unfinished = _unfinished(self.paths[-1])
        try:
            stream.close()  # flushes, and may find the disk full
            if is_whole:
                unfinished.replace(self.paths[-1])
        finally:
            unfinished.unlink(missing_ok=True)


def _unfinished(path: Path) -> Path:
    return path.with_name(path.name + f".{os.getpid()}.part")
