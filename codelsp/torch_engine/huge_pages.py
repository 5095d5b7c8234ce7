"""``HugePages``: memory for weights that are read from end to end for every token.

In pages of 4 KiB a processor looks up where each next one is, and what it cannot remember of a few
thousand it finds in memory again; in pages of 2 MiB reading is a quarter faster.
"""

from __future__ import annotations

import mmap
import sys
from contextlib import suppress

import torch
from torch import Tensor

_CHUNK_BYTES = 32 << 20
_LINE_BYTES = 64


class HugePages:
    """Room for tensors, taken in chunks, which the system may put into huge pages.

    Where there are none, it is memory like any other.
    """

    def __init__(self) -> None:
        self._chunk: mmap.mmap | None = None
        self._used = 0

    def moved(self, tensor: Tensor) -> Tensor:
        """Return a copy of ``tensor``, on the CPU and contiguous, that begins at a cache line."""
        n_bytes = tensor.nbytes
        if n_bytes == 0:
            return tensor
        if self._chunk is None or self._used + n_bytes > len(self._chunk):
            self._chunk, self._used = _mapped(max(n_bytes, _CHUNK_BYTES)), 0
        count = tensor.numel()
        room = torch.frombuffer(self._chunk, dtype=tensor.dtype, count=count, offset=self._used)
        self._used += -(-n_bytes // _LINE_BYTES) * _LINE_BYTES
        return room.view(tensor.shape).copy_(tensor)


def _mapped(n_bytes: int) -> mmap.mmap:
    if sys.platform == "win32":
        return mmap.mmap(-1, n_bytes)
    chunk = mmap.mmap(-1, n_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    advice = getattr(mmap, "MADV_HUGEPAGE", None)
    if advice is not None:
        with suppress(OSError):  # A kernel built without them.
            chunk.madvise(advice)
    return chunk
