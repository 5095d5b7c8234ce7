from __future__ import annotations

from math import comb

import pytest

pytest.importorskip("numpy")

from codelsp.errors import EvaluationError
from codelsp.evaluation.pass_at_k import pass_at_k, wanted_ks


def test_it_is_the_share_of_draws_of_k_that_hold_one_that_passes() -> None:
    for n in range(1, 13):
        for c in range(n + 1):
            for k in range(1, n + 1):
                assert pass_at_k(n, c, k) == pytest.approx(1 - comb(n - c, k) / comb(n, k))


def test_thousands_of_samples_do_not_outgrow_a_float() -> None:
    exact = 1 - comb(99_990, 1000) / comb(100_000, 1000)

    assert pass_at_k(100_000, 10, 1000) == pytest.approx(exact, rel=1e-9)
    assert pass_at_k(100_000, 0, 1000) == 0.0


@pytest.mark.parametrize(("n", "c", "k"), [(5, 6, 1), (5, -1, 1), (5, 1, 6), (5, 1, 0)])
def test_what_cannot_be_is_refused(n: int, c: int, k: int) -> None:
    with pytest.raises(ValueError, match="pass@"):
        pass_at_k(n, c, k)


def test_without_being_asked_the_usual_k_and_all_samples_are_told() -> None:
    assert wanted_ks((), 20) == (1, 2, 5, 10, 20)
    assert wanted_ks((), 7) == (1, 2, 5, 7)
    assert wanted_ks((10, 1, 10), 10) == (1, 10)


def test_more_than_there_are_samples_is_refused_with_what_to_say_instead() -> None:
    with pytest.raises(EvaluationError, match="--n 100"):
        wanted_ks((1, 100), 20)
    with pytest.raises(EvaluationError, match="at least 1"):
        wanted_ks((0,), 20)
