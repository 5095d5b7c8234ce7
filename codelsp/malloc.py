"""What the C library does with memory that is freed: glibc can be told, others are left alone.

By default, glibc gives large pieces back to the kernel and takes them anew, emptied page by page.
"""

from __future__ import annotations

import contextlib
import ctypes
from enum import IntEnum


class MallocOption(IntEnum):
    """Options of mallopt(3), as ``malloc.h`` numbers them."""

    TRIM_THRESHOLD = -1
    """Free bytes at the end of the heap from which on they are given back."""
    MMAP_THRESHOLD = -3
    """Bytes of a piece from which on it is mapped for itself, and given back when freed."""
    MMAP_MAX = -4
    """How many pieces may be mapped so."""


def set_malloc_option(option: MallocOption, value: int) -> None:
    """Set ``option``; nothing happens where the C library is not glibc."""
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(int(option), value)
