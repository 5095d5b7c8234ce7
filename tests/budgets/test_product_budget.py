"""What ``codelsp bench`` measures keeps its budgets; the machine must be left alone meanwhile."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from codelsp.evaluation import bench_engine
from codelsp.evaluation.budgets import figures_of
from codelsp.evaluation.latency import BenchOptions, measure
from codelsp.settings import Settings
from tests.budgets.slack import TIME_SLACK

if TYPE_CHECKING:
    from codelsp.evaluation.figures import Figure
    from codelsp.evaluation.samples import Samples

pytestmark = [pytest.mark.budget, pytest.mark.timeout(900)]

KEYS = (
    "initialize",
    "first_ghost_text",
    "typed_through",
    "all_but_engine",
    "keystroke_p50",
    "keystroke_p95",
    "rested_jump",
    "times_infill",
    "tokens_read",
    "cancel",
    "server_mb",
    "engine_mb",
)


async def _measured() -> Samples:
    async with bench_engine.started(Settings(), {}) as engine:
        return await measure(BenchOptions(n_keys=200), engine, lambda _: None)


@pytest.fixture(scope="module")
def figures() -> dict[str, Figure]:
    return {figure.key: figure for figure in figures_of(asyncio.run(_measured()))}


def test_every_figure_is_measured(figures: dict[str, Figure]) -> None:
    assert tuple(figures) == KEYS
    assert [key for key, figure in figures.items() if figure.value is None] == []


@pytest.mark.parametrize("key", KEYS)
def test_the_budget_is_kept(figures: dict[str, Figure], key: str) -> None:
    figure = figures[key]
    if figure.unit == "ms":
        figure = replace(figure, budget=figure.budget * TIME_SLACK)

    assert figure.is_met, f"{figure.what}: {figure.value} {figure.unit}, budget {figure.budget}"
