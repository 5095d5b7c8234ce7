"""How many threads a model is tuned with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("torch")

import torch

from codelsp.adaptation import tuning
from codelsp.training.devices import threads
from codelsp.training.recipe import Recipe
from codelsp.training.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Callable

DRAFT = Recipe("adapted", Path("tokenizer.json"), (), Schedule(0, 0, 0))


def probe_of(speeds: dict[int, list[float]]) -> Callable[[Recipe], Callable[[int], float]]:
    """Return a probe that tells of each number of threads one speed after the other."""
    told = {n_threads: iter(each) for n_threads, each in speeds.items()}

    def speed_of(n_tokens: int) -> float:
        is_warm_up = n_tokens < tuning.CONTEXT
        return 1.0 if is_warm_up else next(told[torch.get_num_threads()])

    return lambda _recipe: speed_of


def test_a_busy_moment_does_not_decide_how_many_threads_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tuning, "_probe", probe_of({1: [700, 690, 710], 2: [150, 1200, 1100]}))
    with threads(2):
        assert tuning._fastest(DRAFT) == (2, 1200)


def test_where_other_programs_have_the_cores_one_thread_works(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tuning, "_probe", probe_of({1: [700, 690, 710], 2: [150, 300, 250]}))
    with threads(2):
        assert tuning._fastest(DRAFT) == (1, 710)
