"""The head of a safetensors file: which tensors it holds, and how long it should be.

https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codelsp.errors import ModelFileError

if TYPE_CHECKING:
    from pathlib import Path

_LENGTH_BYTES = 8


@dataclass(frozen=True)
class TensorHead:
    """What a file says of itself."""

    shapes: dict[str, tuple[int, ...]]
    """Of each tensor, by its name."""
    file_bytes: int
    """How long the whole file is, if it is whole."""


def read_tensor_head(file: Path) -> TensorHead:
    """Return the head of ``file``.

    Raises:
        ModelFileError: it is damaged.
        OSError: it cannot be read.
    """
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(_LENGTH_BYTES), "little")
        raw = stream.read(min(length, file.stat().st_size))
    try:
        entries = {name: each for name, each in json.loads(raw).items() if name != "__metadata__"}
        shapes = {name: tuple(each["shape"]) for name, each in entries.items()}
        end = max((each["data_offsets"][1] for each in entries.values()), default=0)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        raise ModelFileError(f"{file} is damaged; get the model again.") from None
    return TensorHead(shapes, _LENGTH_BYTES + length + end)
