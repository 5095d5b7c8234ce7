"""An index from runs of tokens to the repositories they stand in: a file, mapped into memory.

A binary fuse filter (Graf and Lemire, "Binary Fuse Filters: Fast and Smaller Than Xor Filters",
ACM Journal of Experimental Algorithmics 27, 2022) whose cells hold values and not fingerprints
alone: of each run 8 bits of its hash and the number of its repository.  Three cells, one in each of
three neighboring segments, give both by exclusive or.  No library has such a map without a compiler
or numpy, and every server looks it up.

The file: ``MAGIC``, the length of the header (4 bytes, little-endian), the header (JSON), and the
cells (2 bytes each, little-endian).
"""

from __future__ import annotations

import json
import mmap
import struct
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from codelsp.errors import ModelFileError

if TYPE_CHECKING:
    from pathlib import Path

MAGIC = b"codelsp public code 1\n"
FILE = "public-code.fuse"
"""What the file beside a model is called."""
CHECK_BITS = 8
MOST_SOURCES = 255
_CELL = struct.Struct("<H")
_LENGTH = struct.Struct("<I")


@dataclass(frozen=True)
class Source:
    """A public repository, as its license asks to name it."""

    name: str
    license: str
    """An SPDX expression."""


@dataclass(frozen=True)
class Shape:
    """How the cells are laid out, and which runs were taken."""

    seed: int
    segment_length: int
    """Cells; a power of two."""
    n_segments: int
    """Segments in which a run's first cell may lie; two more follow."""
    window: int
    """Of so many neighboring runs, at least one is in the index."""
    n_runs: int

    @property
    def n_cells(self) -> int:
        """Cells altogether."""
        return (self.n_segments + 2) * self.segment_length


class PublicCodeIndex:
    """An open index."""

    def __init__(self, content: mmap.mmap | bytes, place: str = "the index") -> None:
        """Take an index's bytes.

        Raises:
            ModelFileError: they are none, or damaged.
        """
        self._content = content
        start = len(MAGIC) + _LENGTH.size
        try:
            (n_bytes,) = _LENGTH.unpack(content[start - _LENGTH.size : start])
            is_ours = content[: len(MAGIC)] == MAGIC
            # What is no index of ours may give any length.
            header = json.loads(content[start : start + n_bytes] if is_ours else b"")
            self.shape = Shape(**header["shape"])
            self.sources = tuple(Source(**each) for each in header["sources"])
        except (ValueError, TypeError, KeyError, struct.error) as error:
            raise ModelFileError(
                f"{place} is no index of public code ({error}); install codelsp again."
            ) from None
        self._start = start + n_bytes
        if len(content) != self._start + 2 * self.shape.n_cells:
            raise ModelFileError(f"{place} is truncated; install codelsp again.")

    def source_of(self, run: int) -> Source | None:
        """Return the repository that the run of this hash stands in; None if it is not known.

        Of runs that are in none, about one in 300 is taken for one that is: the check is 8 bits,
        and not every number is that of a repository.
        """
        shape, length = self.shape, self.shape.segment_length
        first, second, third = cells_of(run, shape.seed, length, shape.n_segments)
        content, start, read = self._content, self._start, _CELL.unpack_from
        value: int = (
            read(content, start + 2 * first)[0]
            ^ read(content, start + 2 * second)[0]
            ^ read(content, start + 2 * third)[0]
        )
        number = value >> CHECK_BITS
        if value & 0xFF != run & 0xFF or number >= len(self.sources):
            return None
        return self.sources[number]


def cells_of(run: int, seed: int, length: int, n_segments: int) -> tuple[int, int, int]:
    """Return a run's three cells; the lowest 8 bits of its hash have no part in them."""
    value = ((run >> 8) * 0xD6E8FEB86659FD93 + seed) & 0xFFFFFFFFFFFFFFFF
    value ^= value >> 32
    value = (value * 0xD6E8FEB86659FD93) & 0xFFFFFFFFFFFFFFFF
    value ^= value >> 29
    segment = ((value >> 40) * n_segments) >> 24
    base, mask = segment * length, length - 1
    return (
        base + (value & mask),
        base + length + ((value >> 13) & mask),
        base + 2 * length + ((value >> 26) & mask),
    )


def open_index(path: Path) -> PublicCodeIndex | None:
    """Return the index in the file ``path``; None if there is no such file.

    Raises:
        ModelFileError: it is damaged or cannot be read.
    """
    try:
        with path.open("rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ModelFileError(f"{path} cannot be read: {error}") from None
    return PublicCodeIndex(content, str(path))


def head_bytes(shape: Shape, sources: tuple[Source, ...]) -> bytes:
    """Return what stands before the cells."""
    facts = {"shape": asdict(shape), "sources": [asdict(source) for source in sources]}
    header = json.dumps(facts, separators=(",", ":"), sort_keys=True).encode()
    return MAGIC + _LENGTH.pack(len(header)) + header
