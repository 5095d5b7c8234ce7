"""Which documents are copies, or nearly copies, of others.

MinHash signatures (`datasketch`, 126 permutations) are made per document and kept on disk; bands
of 6 are compared by sorting, so that the memory used is a few bytes a document, and every pair is
confirmed by the exact Jaccard similarity of its shingles of five words.  Method: arXiv 2107.06499.
"""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING

import numpy as np
from datasketch import MinHash  # type: ignore[import-untyped]  # it ships no types

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    Signatures = NDArray[np.uint32]
    Shingles = NDArray[np.uint32]

N_PERMUTATIONS = 126
N_BANDS = 21
SIMILARITY = 0.8
"""Two documents are nearly the same above this Jaccard similarity."""
_SHINGLE_WORDS = 5
_WORD = re.compile(r"\w+")
_START = MinHash(num_perm=N_PERMUTATIONS, seed=1)


def shingles_of(text: str) -> Shingles:
    """Return the hashes of the distinct runs of five words of ``text``, sorted."""
    words = _WORD.findall(text)
    n = max(1, len(words) - _SHINGLE_WORDS + 1)
    runs = (" ".join(words[i : i + _SHINGLE_WORDS]) for i in range(n))
    return np.unique(np.fromiter((zlib.crc32(run.encode()) for run in runs), np.uint32, n))


def signature_of(shingles: Shingles) -> Signatures:
    """Return the MinHash signature of a document's shingles, ``(126,)``."""
    sketch = _START.copy()
    sketch.hashfunc = int  # the shingles are hashed already
    sketch.update_batch(shingles.tolist())
    values: Signatures = sketch.hashvalues.astype(np.uint32)
    return values


def candidate_pairs(signatures: Signatures) -> Iterator[tuple[int, int]]:
    """Yield the pairs of documents that agree in a whole band, as (earlier, later).

    A later document is paired with the first of its band only: that is the one that stays.
    """
    seen: set[tuple[int, int]] = set()
    for band in np.split(signatures, N_BANDS, axis=1):
        order = np.lexsort(band.T[::-1])
        ordered = band[order]
        is_new = np.ones(len(order), dtype=bool)
        is_new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
        group = np.cumsum(is_new) - 1
        # A stable sort puts the earliest document of each group first.
        firsts = order[np.flatnonzero(is_new)][group] if len(order) else order
        for first, other in zip(firsts.tolist(), order.tolist(), strict=True):
            if first != other and (first, other) not in seen:
                seen.add((first, other))
                yield first, other


def similarity(left: Shingles, right: Shingles) -> float:
    """Return the Jaccard similarity of two documents' shingles."""
    n_common = len(np.intersect1d(left, right, assume_unique=True))
    n_all = len(left) + len(right) - n_common
    return n_common / n_all if n_all else 1.0


def near_duplicates(
    pairs: Iterable[tuple[int, int]], shingles: Callable[[int], Shingles]
) -> set[int]:
    """Return the documents that nearly repeat an earlier one that stays."""
    dropped: set[int] = set()
    for first, other in sorted(pairs):
        if first in dropped or other in dropped:
            continue
        if similarity(shingles(first), shingles(other)) > SIMILARITY:
            dropped.add(other)
    return dropped
