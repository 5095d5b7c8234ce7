"""Writes files of tensors that whoever may read their folder can read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from safetensors.torch import save_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

_OF_TRANSFORMERS = {"format": "pt"}
"""Without it, transformers does not take a file for one of torch's."""


def write_tensors(file: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write ``tensors``, contiguous and sharing no memory, as safetensors.

    The library makes files that their owner alone can read, so that an engine of another user, or
    a colleague, would not see a model beside its readable configuration.

    Raises:
        SafetensorError: the file cannot be written.
        OSError: its folder takes no files.
    """
    file.touch()
    mode = file.stat().st_mode
    save_file(dict(tensors), file, metadata=_OF_TRANSFORMERS)
    file.chmod(mode & 0o777)
