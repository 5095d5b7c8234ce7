"""The head of a GGUF file: what it says of itself, and how long the file must be.

Read here and not with the ``gguf`` package, because that needs numpy, and the server of a user
who only completes code should not.  The format:
https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import math
import mmap
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from codelsp.errors import ModelFileError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_STRING, _ARRAY = 8, 9
_SCALARS: Mapping[int, str] = {
    0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d",
}  # fmt: skip
_MOST_ENTRIES = 1 << 20
_MOST_DIMENSIONS = 4
_SHORT_ARRAY = 64
"""Longer arrays (the vocabulary) are skipped, not kept."""

BLOCKS: Mapping[int, tuple[int, int]] = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34),
    9: (32, 40), 10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210),
    15: (256, 292), 16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18),
    21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4),
    27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66),
    39: (32, 17),
}  # fmt: skip
"""Weights, and bytes, of one block of each tensor type."""


@dataclass(frozen=True)
class GgufHeader:
    """What the head of a GGUF file says; ``metadata`` leaves long arrays out."""

    metadata: Mapping[str, Any]
    tensors: int
    weights: int
    """Parameters of the model."""
    needed_bytes: int
    """How long the file must be to hold its last tensor."""

    def number(self, key: str, default: int = 0) -> int:
        """Return the number at ``key``, where ``{arch}`` stands for the architecture's name.

        Some models have one a layer: then the largest.
        """
        architecture = self.metadata.get("general.architecture", "")
        value = self.metadata.get(key.format(arch=architecture), default)
        if isinstance(value, tuple):
            value = max(value, default=default)
        return int(value)


def read_header(path: Path) -> GgufHeader:
    """Return the head of the GGUF file ``path``; takes milliseconds, whatever the file's size.

    Raises:
        ModelFileError: it is missing, no GGUF file, damaged, or shorter than its tensors.
    """
    header, size = _read(path)
    if size < header.needed_bytes:
        raise ModelFileError(
            f"{path} is truncated: {size:,} of at least {header.needed_bytes:,} bytes are there;"
            " get the file again (`codelsp models pull` goes on where it broke off)."
        )
    return header


def _read(path: Path) -> tuple[GgufHeader, int]:
    try:
        with path.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise ModelFileError(f"{path} is no GGUF file; its first bytes are another's.")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                return _parse(content), len(content)
    except FileNotFoundError:
        raise ModelFileError(f"{path} does not exist; was it moved or deleted?") from None
    except (struct.error, KeyError, UnicodeDecodeError, OverflowError, ValueError) as error:
        raise ModelFileError(
            f"{path} is a damaged GGUF file ({error}); get the file again."
        ) from None
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read: {error.strerror}.") from None


def _parse(content: mmap.mmap) -> GgufHeader:
    reader = _Reader(content)
    version = reader.scalar("I")
    if version not in _VERSIONS:
        raise ValueError(f"version {version}")
    n_tensors, n_entries = reader.count(), reader.count()
    metadata = {}
    for _ in range(n_entries):
        key = reader.string()
        metadata[key] = reader.value(reader.scalar("I"))
    ends, weights = [0], 0
    for _ in range(n_tensors):
        n_weights, end = _tensor(reader)
        weights += n_weights
        ends.append(end)
    alignment = int(metadata.get("general.alignment", 32))
    data_start = -(-reader.offset // alignment) * alignment
    return GgufHeader(metadata, n_tensors, weights, data_start + max(ends))


def _tensor(reader: _Reader) -> tuple[int, int]:
    """Return the weights of the next tensor, and where it ends, in bytes from the data's start."""
    reader.string()
    n_dimensions = reader.scalar("I")
    if not 0 <= n_dimensions <= _MOST_DIMENSIONS:
        raise ValueError(f"a tensor of {n_dimensions} dimensions")
    n_weights = math.prod(reader.scalar("Q") for _ in range(n_dimensions))
    kind, offset = reader.scalar("I"), reader.scalar("Q")
    # A type newer than this table: its length is not known, its start is.
    per_block, block_bytes = BLOCKS.get(kind, (1, 0))
    return n_weights, offset + n_weights // per_block * block_bytes


class _Reader:
    """Takes little-endian values off ``content``, one after another."""

    def __init__(self, content: mmap.mmap) -> None:
        self.content = content
        self.offset = len(_MAGIC)

    def scalar(self, code: str) -> Any:
        (value,) = struct.unpack_from("<" + code, self.content, self.offset)
        self.offset += struct.calcsize("<" + code)
        return value

    def count(self) -> int:
        count = int(self.scalar("Q"))
        if count > _MOST_ENTRIES:
            raise ValueError(f"{count} entries")
        return count

    def string(self) -> str:
        return self._bytes().decode()

    def value(self, kind: int) -> Any:
        if kind == _STRING:
            # Vocabularies and templates are others' text; only keys must be proper.
            return self._bytes().decode("utf-8", "replace")
        if kind != _ARRAY:
            return self.scalar(_SCALARS[kind])
        inner, length = self.scalar("I"), self.scalar("Q")
        if inner == _ARRAY:
            raise ValueError("an array of arrays")
        if length <= _SHORT_ARRAY:
            return tuple(self.value(inner) for _ in range(length))
        self._skip(inner, length)
        return ()

    def _skip(self, kind: int, length: int) -> None:
        if kind != _STRING:
            self._move(length * struct.calcsize("<" + _SCALARS[kind]))
            return
        for _ in range(length):
            (size,) = struct.unpack_from("<Q", self.content, self.offset)
            self._move(8 + size)

    def _bytes(self) -> bytes:
        length = self.scalar("Q")
        start = self.offset
        self._move(length)
        return self.content[start : self.offset]

    def _move(self, length: int) -> None:
        self.offset += length
        if self.offset > len(self.content):
            raise ValueError("it ends inside its head")
