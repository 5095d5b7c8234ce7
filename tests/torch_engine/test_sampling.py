"""Which token comes next: the best one, or one by chance among those that no step has put aside."""

from __future__ import annotations

import math
import random
from collections import Counter
from typing import TYPE_CHECKING

import pytest

torch = pytest.importorskip("torch")

from codelsp.torch_engine.native_build import NativeBuild
from codelsp.torch_engine.native_shortlists import NativeShortlists, lister_of
from codelsp.torch_engine.sampling import (
    Sampling,
    Shortlists,
    chosen_tokens,
    length_of_shortlists,
    sampled_token,
    shortlists,
)

if TYPE_CHECKING:
    from torch import Tensor

END = 4
PROBABILITIES = (0.4, 0.3, 0.15, 0.1, 0.05)
N_DRAWS = 6000


def logits_of(*probabilities: float) -> Tensor:
    logits: Tensor = torch.tensor(probabilities).log()[None]
    return logits


def drawn(logits: Tensor, sampling: Sampling, n_draws: int = N_DRAWS) -> dict[int, float]:
    """Return how often each token is drawn."""
    rows = logits.expand(n_draws, -1)
    lists = shortlists(rows, length_of_shortlists(sampling, 0, rows.shape[1]))
    chances = [random.Random(seed) for seed in range(n_draws)]
    choices = chosen_tokens(lists, sampling, chances, ends=frozenset({END}))
    return {token: n / n_draws for token, n in Counter(each.token for each in choices).items()}


def test_without_chance_the_best_token_comes() -> None:
    (choice,) = chosen_tokens(shortlists(logits_of(*PROBABILITIES), 1), Sampling(), [])

    assert choice.token == 0
    assert choice.log_prob == pytest.approx(math.log(0.4), abs=1e-6)


def test_tokens_are_drawn_as_often_as_they_are_likely() -> None:
    shares = drawn(logits_of(*PROBABILITIES), Sampling(temperature=1.0))

    assert shares == {token: pytest.approx(share, abs=0.02)
                      for token, share in enumerate(PROBABILITIES)}  # fmt: skip


def test_a_low_temperature_sharpens() -> None:
    shares = drawn(logits_of(0.6, 0.4), Sampling(temperature=0.5))

    assert shares[0] == pytest.approx(0.36 / (0.36 + 0.16), abs=0.02)


@pytest.mark.parametrize(
    ("sampling", "expected"),
    [
        pytest.param(Sampling(1.0, top_k=2), {0, 1}, id="the best two"),
        pytest.param(Sampling(1.0, top_p=0.69), {0, 1}, id="until that much is reached"),
        pytest.param(Sampling(1.0, top_p=0.71), {0, 1, 2}, id="and one more"),
        pytest.param(Sampling(1.0, top_p=0.0), {0}, id="one in any case"),
        pytest.param(Sampling(1.0, min_p=0.3), {0, 1, 2}, id="a share of the best one's"),
        pytest.param(Sampling(1.0, top_k=3, top_p=0.8), {0, 1}, id="of what is left by then"),
        pytest.param(Sampling(1.0, top_k=2, order=("temperature",)), {0, 1, 2, 3, 4},
                     id="a step that is not asked for"),
    ],
)  # fmt: skip
def test_steps_put_tokens_aside(sampling: Sampling, expected: set[int]) -> None:
    assert set(drawn(logits_of(*PROBABILITIES), sampling)) == expected


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        pytest.param((0.3, 0.25, 0.2, 0.15, 0.1), {END}, id="the end is likely enough"),
        pytest.param((0.9, 0.05, 0.03, 0.019, 0.001), {0, END}, id="one text is likely"),
        pytest.param((0.5, 0.45, 0.03, 0.019, 0.001), {0, 1, END}, id="two are"),
        pytest.param((0.7, 0.25, 0.03, 0.019, 0.001), {0, END}, id="one of them less so"),
    ],
)
def test_infill_ends_rather_than_write_what_is_unlikely(
    probabilities: tuple[float, ...], expected: set[int]
) -> None:
    sampling = Sampling(1.0, order=("top_k", "top_p", "infill"))

    assert set(drawn(logits_of(*probabilities), sampling)) <= expected
    assert expected - {END} <= set(drawn(logits_of(*probabilities), sampling))


def test_infill_without_an_end_at_hand_takes_the_best() -> None:
    logits = logits_of(*[0.18, 0.17, 0.16, 0.15], 0.0, *[0.12, 0.12, 0.1])

    assert set(drawn(logits, Sampling(1.0, top_k=6, order=("top_k", "infill")))) == {0}


def test_what_a_token_was_worth_is_told_before_any_filter() -> None:
    sampling = Sampling(temperature=0.3, top_k=2)
    lists = shortlists(logits_of(*PROBABILITIES), length_of_shortlists(sampling, 3, 5))
    (choice,) = chosen_tokens(lists, sampling, [random.Random(0)], n_top=3)

    assert choice.log_prob == pytest.approx(math.log(PROBABILITIES[choice.token]), abs=1e-6)
    assert [token for token, _ in choice.top] == [0, 1, 2]
    assert choice.top[2][1] == pytest.approx(math.log(0.15), abs=1e-6)


def test_penalties_and_forced_beginnings_change_what_comes_not_what_is_told() -> None:
    logits = logits_of(*PROBABILITIES)[0]
    punished = sampled_token(
        logits, Sampling(presence_penalty=5.0), random.Random(0), history=[0], n_top=1
    )
    forced = sampled_token(logits, Sampling(1.0), random.Random(0), allowed=[3])

    assert (punished.token, punished.top[0][0]) == (1, 0)
    assert punished.log_prob == pytest.approx(math.log(0.3), abs=1e-6)
    assert forced.token == 3
    assert forced.log_prob == pytest.approx(math.log(0.1), abs=1e-6)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_score_that_is_no_number_shows(bad: float, temperature: float) -> None:
    logits = logits_of(*PROBABILITIES)
    logits[0, 3] = bad
    for listed in (shortlists, lister_of(NativeBuild().library())):
        lists = listed(logits, 5)
        (choice,) = chosen_tokens(lists, Sampling(temperature), [random.Random(0)])
        assert not math.isfinite(choice.log_prob)


@pytest.mark.parametrize("n_scores", [3, 8, 21, 1000, 16_384])
@pytest.mark.parametrize("k", [1, 2, 40, 256, 300])
def test_compiled_steps_list_what_torch_does(n_scores: int, k: int) -> None:
    library = NativeBuild().library()
    if library is None:
        pytest.skip("there is no C++ compiler here")
    k = min(k, n_scores)
    logits = torch.randn(3, n_scores, generator=torch.Generator().manual_seed(0)) * 5
    logits[1, n_scores // 2 :] = logits[1, 0]  # Equals: the first is as good as any.
    ours, wanted = NativeShortlists(library)(logits, k), shortlists(logits, k)

    assert isinstance(ours, Shortlists)
    assert (ours.scores == wanted.scores).all()
    assert (logits.gather(1, torch.from_numpy(ours.tokens)).numpy() == ours.scores).all()
    assert all(len(set(row)) == k for row in ours.tokens.tolist())
    assert ours.log_totals == pytest.approx(wanted.log_totals, abs=1e-5)
