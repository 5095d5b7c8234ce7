"""Duplicates: copies with small changes are found, other documents are not."""

from __future__ import annotations

import numpy as np
import pytest

from codelsp.training.duplicates import (
    candidate_pairs,
    near_duplicates,
    shingles_of,
    signature_of,
    similarity,
)
from tests.training.material import MIT, MODULE

TEXTS = [
    MODULE * 3,
    MIT,
    MODULE * 3 + "\n# one more line at the end of the file\n",
    "\n".join(f"def function_{n}(value_{n}): return value_{n} * {n}" for n in range(80)),
]


def test_a_copy_with_one_line_more_is_dropped_and_the_first_stays() -> None:
    shingles = [shingles_of(text) for text in TEXTS]
    signatures = np.array([signature_of(own) for own in shingles])

    assert near_duplicates(candidate_pairs(signatures), shingles.__getitem__) == {2}


def test_a_pair_that_shares_a_band_by_chance_is_not_dropped() -> None:
    shingles = [shingles_of(text) for text in TEXTS]

    assert near_duplicates([(0, 1), (1, 3)], shingles.__getitem__) == set()


def test_similarity_counts_shingles_of_five_words() -> None:
    left, right = shingles_of("a b c d e f"), shingles_of("b c d e f g")

    assert similarity(left, right) == pytest.approx(1 / 3)
    assert similarity(left, left) == 1.0


def test_no_documents_make_no_pairs() -> None:
    assert list(candidate_pairs(np.zeros((0, 126), dtype=np.uint32))) == []
