"""What happens when the disk is full: a sentence that says what to do, in place of a traceback."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

from codelsp.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FULL = {errno.ENOSPC, errno.EDQUOT}
_RUST_SAYS = tuple(f"(os error {number})" for number in sorted(_FULL))
"""How safetensors and tokenizers, which are written in Rust, end their errors of these numbers."""


def is_full(error: Exception) -> bool:
    """Whether ``error`` says that a disk, or the user's quota, is full."""
    is_said = str(error).endswith(_RUST_SAYS)
    return is_said or (isinstance(error, OSError) and error.errno in _FULL)


@contextmanager
def room_for(what: str, place: Path) -> Iterator[None]:
    """Name ``what`` could not be written to ``place`` when its disk, or the user's quota, is full.

    Raises:
        TrainingError: it is; what was finished before stays.
    """
    try:
        yield
    except Exception as error:
        if not is_full(error):
            raise
        raise TrainingError(
            f"no room left on the disk of {place} for {what}: free some and run the same command "
            "again; what was finished is kept"
        ) from error
