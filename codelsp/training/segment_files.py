"""The files of a conversion while they are written, and how to go on after a stop.

What is known so far is appended to several files, batch by batch; a journal says how long each of
them was after which batch.  Whatever a stop, or a kill, has left behind the last line of the
journal is cut off, and the files that come after that batch are read again.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from codelsp.training.code_folder import SIDES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_JOURNAL = "converting.jsonl"
_DIGESTS = "converting.digests"
DIGEST_BYTES = 16
"""Of each file that was read, so that a copy of it is known."""


@dataclass(frozen=True)
class Mark:
    """How far a conversion had come after a batch."""

    n_read: int
    """Files of the listing that need not be read again."""
    counts: dict[str, Any]
    """What was counted until then."""


class SegmentFiles:
    """The growing files of one conversion, as a context; ``mark`` is where it goes on."""

    def __init__(self, output: Path, head: dict[str, Any]) -> None:
        """Go on with what is in ``output`` if it was begun with the same ``head``, else anew."""
        self._output = output
        self._head = head
        self._stack = ExitStack()
        self._streams: dict[str, IO[bytes]] = {}
        self.mark = Mark(0, {})

    def __enter__(self) -> SegmentFiles:
        """Open all, at the length of the last mark."""
        found = self._last()
        if found is None:
            # Nothing is whole from here on.
            for side in SIDES:
                (self._output / f"{side}.json").unlink(missing_ok=True)
            (self._output / _JOURNAL).write_text(json.dumps(self._head) + "\n", encoding="utf-8")
        else:
            self.mark = Mark(found["n_read"], found["counts"])
        for name in _names():
            path = self._output / name
            path.touch()
            stream = self._stack.enter_context(path.open("r+b"))
            stream.truncate(found["sizes"][name] if found else 0)
            stream.seek(0, 2)
            self._streams[name] = stream
        self._journal = self._stack.enter_context((self._output / _JOURNAL).open("ab"))
        return self

    def __exit__(self, *_: object) -> None:
        """Close all."""
        self._stack.close()

    def add(self, side: str, ids: bytes, document: bytes, unit: str) -> None:
        """Append the ids of a file, what describes it, and what it belongs to."""
        self._streams[f"{side}.ids"].write(ids)
        self._streams[f"{side}.documents"].write(document)
        self._streams[_units(side)].write((json.dumps(unit) + "\n").encode())

    def add_digest(self, digest: bytes) -> None:
        """Append what a file is known by."""
        self._streams[_DIGESTS].write(digest)

    def digests(self) -> set[bytes]:
        """Return what the files that were read before are known by."""
        kept = (self._output / _DIGESTS).read_bytes()
        return {kept[at : at + DIGEST_BYTES] for at in range(0, len(kept), DIGEST_BYTES)}

    def size(self, side: str) -> int:
        """Return how many bytes of ids a side has."""
        return self._streams[f"{side}.ids"].tell()

    def set_mark(self, mark: Mark) -> None:
        """Write down that everything is there up to ``mark``."""
        for stream in self._streams.values():
            stream.flush()
        sizes = {name: stream.tell() for name, stream in self._streams.items()}
        line = {"n_read": mark.n_read, "counts": mark.counts, "sizes": sizes}
        self._journal.write((json.dumps(line) + "\n").encode())
        self._journal.flush()

    def units(self, side: str) -> list[str]:
        """Return what the files of a side belong to, in order, each once; when all are closed."""
        lines = (self._output / _units(side)).read_bytes().split(b"\n")[:-1]
        return sorted({json.loads(line) for line in lines})

    def finish(self) -> None:
        """Delete what was needed to go on."""
        for name in (_JOURNAL, _DIGESTS, *(_units(side) for side in SIDES)):
            (self._output / name).unlink(missing_ok=True)

    def _last(self) -> dict[str, Any] | None:
        """Return the last whole line of the journal whose files are all there."""
        try:
            raw = (self._output / _JOURNAL).read_bytes()
        except OSError:
            return None
        head, *marks = raw.split(b"\n")[:-1] or [b""]
        if not _is_json(head, self._head):
            return None
        for line in reversed(marks):
            found: dict[str, Any] = json.loads(line)
            if all(self._has(name, size) for name, size in found["sizes"].items()):
                return found
        return None

    def _has(self, name: str, size: int) -> bool:
        path = self._output / name
        return path.is_file() and path.stat().st_size >= size


def _names() -> Iterator[str]:
    yield _DIGESTS
    for side in SIDES:
        yield from (f"{side}.ids", f"{side}.documents", _units(side))


def _units(side: str) -> str:
    return f"converting.{side}.units"


def _is_json(line: bytes, wanted: dict[str, Any]) -> bool:
    try:
        return bool(json.loads(line) == wanted)
    except ValueError:
        return False
