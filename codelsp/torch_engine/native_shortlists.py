"""``NativeShortlists``: what ``sampling.shortlists`` does, by ``native_step.cpp``.

torch looks at a vocabulary several times for it, which takes a small model a tenth of its token.
"""

from __future__ import annotations

from ctypes import c_int32, c_void_p
from typing import TYPE_CHECKING

import numpy as np
import torch

from codelsp.torch_engine.sampling import Shortlists, shortlists

if TYPE_CHECKING:
    import ctypes

    from torch import Tensor

    from codelsp.torch_engine.sampling import ListBest

_MOST_LISTED = 256
"""Each token that is better than others moves these; with many more, torch is faster."""


def lister_of(library: ctypes.CDLL | None) -> ListBest:
    """Return the fastest way to list the best tokens; ``library`` are compiled steps, if any."""
    return shortlists if library is None else NativeShortlists(library)


class NativeShortlists:
    """Lists the best tokens.

    Args:
        library: Compiled from ``native_step.cpp``.
    """

    def __init__(self, library: ctypes.CDLL) -> None:
        self._best = library.codelsp_best
        self._best.argtypes = (c_void_p, c_int32, c_int32, c_int32, c_void_p, c_void_p, c_void_p)
        self._best.restype = None

    def __call__(self, logits: Tensor, k: int) -> Shortlists:
        """Return the ``k`` best tokens of each row of ``logits``, (rows, vocabulary)."""
        is_known = logits.device.type == "cpu" and logits.dtype == torch.float32
        if k > _MOST_LISTED or not is_known:
            return shortlists(logits, k)
        n_rows, n_scores = logits.shape
        logits = logits.contiguous()
        best = np.empty((n_rows, k), np.float32)
        tokens = np.empty((n_rows, k), np.int64)
        totals = np.empty(n_rows, np.float64)
        addresses = (each.ctypes.data for each in (best, tokens, totals))
        self._best(logits.data_ptr(), n_rows, n_scores, k, *addresses)
        return Shortlists(best, tokens, totals)
