"""Holes filled with a scripted engine: every system, its ledger, its report."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("numpy")
pytest.importorskip("rapidfuzz")

from codelsp.engine.scripted import ScriptedEngine
from codelsp.errors import EvaluationError
from codelsp.evaluation.engines import Judged
from codelsp.evaluation.hole_report import figure_of, hole_markdown, hole_report
from codelsp.evaluation.hole_run import HolePlan, run_baselines, run_holes
from codelsp.evaluation.holes import HoleKind
from codelsp.settings import Settings
from tests.evaluation.sources import source_set

if TYPE_CHECKING:
    from pathlib import Path

    from codelsp.evaluation.ledger import Ledger

SOURCES = source_set()
PLAN = HolePlan(n_each=3, n_candidates=3)


class Oracle(ScriptedEngine):
    """An engine that knows the files, and says what stood in the hole; or always the same."""

    def __init__(self, always: str = "") -> None:
        super().__init__(lambda prompt: always or _middle(prompt))


def _middle(prompt: str) -> str:
    """Return what is missing between prefix and suffix of a prompt, by the files."""
    prefix, _, rest = prompt.partition("<|fim_prefix|>")[2].partition("<|fim_suffix|>")
    suffix, _, said = rest.partition("<|fim_middle|>")
    prefix += said
    for file in SOURCES.chosen:
        start = file.text.find(prefix)
        if start >= 0:
            start += len(prefix)
            end = file.text.find(suffix, start) if suffix else len(file.text)
            return file.text[start:end]
    return ""


def _judged(engine: ScriptedEngine, name: str) -> Judged:
    return Judged(engine, engine.info, name, "0" * 64, Settings())


def _ran(tmp_path: Path, engine: ScriptedEngine, name: str) -> Ledger:
    told: list[tuple[int, int]] = []
    judged = _judged(engine, name)
    ledger = asyncio.run(run_holes(judged, SOURCES, PLAN, tmp_path, lambda *n: told.append(n)))
    assert told[-1][0] == told[-1][1] > 0
    return ledger


def _baselines(tmp_path: Path) -> Ledger:
    return asyncio.run(run_baselines(SOURCES, PLAN, tmp_path, lambda *_: None))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("results")


@pytest.fixture(scope="module")
def report(folder: Path) -> dict[str, Any]:
    knowing = _ran(folder, Oracle(), "knowing")
    fool = _ran(folder, Oracle("nonsense"), "fool")
    return hole_report([knowing, fool], _baselines(folder), 0.3)


def _mean(report: dict[str, Any], **named: str) -> float:
    figure = figure_of(report, **named)
    assert figure is not None, named
    return float(figure["mean"])


def test_a_model_that_knows_the_file_is_exact_and_one_that_does_not_is_not(
    report: dict[str, Any],
) -> None:
    for kind in HoleKind:
        named = {"system": "model", "metric": "exact", "kind": kind.value}
        assert _mean(report, model="knowing", **named) >= 0.6, kind
        assert _mean(report, model="fool", **named) == 0.0


def test_the_difference_of_two_models_is_told_with_an_interval(report: dict[str, Any]) -> None:
    (apart,) = (
        each
        for each in report["differences"]
        if (each["model"], each["kind"], each["metric"], each["system"])
        == ("knowing - fool", "all", "exact", "model")
    )

    assert apart["low"] > 0.3


def test_the_baselines_stand_beside(report: dict[str, Any]) -> None:
    assert _mean(report, system="empty", metric="exact") == 0.0
    assert 0.0 < _mean(report, system="n-gram cache", metric="similarity") < 1.0


def test_the_end_is_found_by_a_model_that_says_nothing_more(report: dict[str, Any]) -> None:
    assert _mean(report, model="knowing", system="model", metric="end found") > 0.9
    assert _mean(report, model="fool", system="model", metric="end found") == 0.0


def test_random_lies_between_nothing_and_oracle(report: dict[str, Any]) -> None:
    means = {
        system: _mean(report, model="knowing", system=system, metric="similarity")
        for system in ("random of k", "ranked of k", "oracle of k")
    }

    assert means["random of k"] <= means["oracle of k"]
    assert means["ranked of k"] <= means["oracle of k"]


def test_the_curve_shows_less_and_less(report: dict[str, Any]) -> None:
    shown = [point["shown"]["mean"] for point in report["curves"]["knowing"]]

    assert shown == sorted(shown, reverse=True)
    assert shown[0] > 0.0


def test_the_page_has_every_kind_and_both_models(report: dict[str, Any]) -> None:
    page = hole_markdown(report)

    assert all(f"| {kind.value} |" in page for kind in HoleKind)
    assert "### knowing" in page
    assert "### fool" in page
    assert "knowing - fool" in page


def test_what_was_done_is_not_done_again(folder: Path, report: dict[str, Any]) -> None:
    assert report
    engine = Oracle()
    _ran(folder, engine, "knowing")

    assert engine.requests == []


def test_another_seed_in_the_same_folder_is_refused(folder: Path, report: dict[str, Any]) -> None:
    assert report
    other = HolePlan(n_each=3, n_candidates=3, seed=2)

    with pytest.raises(EvaluationError, match="seed"):
        asyncio.run(run_baselines(SOURCES, other, folder, lambda *_: None))


def test_pictures_are_drawn(folder: Path, report: dict[str, Any]) -> None:
    pytest.importorskip("matplotlib")
    from codelsp.evaluation.plots import draw_holes_report

    for file in draw_holes_report(report, folder):
        assert file.read_bytes().startswith(b"\x89PNG")
