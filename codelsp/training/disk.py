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


@contextmanager
def room_for(what: str, place: Path) -> Iterator[None]:
    """Name ``what`` could not be written to ``place`` when its disk, or the user's quota, is full.

    Raises:
        TrainingError: it is; what was finished before stays.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise TrainingError(
            f"no room left on the disk of {place} for {what}: free some and run the same command "
            "again; what was finished is kept"
        ) from error
