"""Offers at every key, replayed under thresholds, and the fit."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("numpy")

from codelsp.engine.scripted import Answer, ScriptedEngine
from codelsp.evaluation.calibration import NAMES, fitted, score_with, study
from codelsp.evaluation.engines import Judged
from codelsp.evaluation.keystrokes import THRESHOLDS, offers_in, replayed
from codelsp.evaluation.threshold_run import threshold_markdown, threshold_report
from codelsp.evaluation.transcript import typed_functions
from codelsp.evaluation.typist import TypingTask
from codelsp.settings import Settings
from tests.evaluation.sources import source_set

if TYPE_CHECKING:
    from pathlib import Path

FILE = source_set().chosen[0]
TASK = TypingTask(FILE, typed_functions(FILE.path, FILE.text, 1))


def _record(answer: Answer) -> dict[str, Any]:
    engine = ScriptedEngine([answer])
    judged = Judged(engine, engine.info, "scripted", "", Settings())
    return asyncio.run(offers_in(judged, TASK))


def _score(offer: dict[str, Any]) -> float:
    return float(offer["score"])


def test_wrong_offers_cost_no_key_and_save_none() -> None:
    record = _record(Answer("nonsense(1)", log_probs=(-0.01,)))
    replay = replayed([record], _score, 0.3)

    assert replay.keys_without == len(TASK.transcript.keys)
    assert replay.saved == 0.0
    assert replay.shown > 0
    assert replay.precision == 0.0


def test_doubtful_offers_are_shown_below_their_chance_alone() -> None:
    record = _record(Answer("nonsense", log_probs=(-0.7,)))

    assert replayed([record], _score, 0.4).shown > 0
    assert replayed([record], _score, 0.6).shown == 0


def _offer(chance: float, is_right: bool, ends: int) -> dict[str, Any]:
    known = dict.fromkeys(NAMES, 0.0) | {"mean_probability": chance}
    return {
        "thresholds": list(THRESHOLDS),
        "score": 0.5,
        "features": known,
        "has_log_probs": True,
        "length": 4,
        "taken": 4 if is_right else 0,
        "matched": 4 if is_right else 0,
        "ends": ends,
    }


def _records(n_packages: int = 4, n_keys: int = 200) -> list[dict[str, Any]]:
    draw = random.Random(3)
    records = []
    for package in range(n_packages):
        chances = [draw.random() for _ in range(n_keys)]
        offers = [
            [_offer(chance, draw.random() < chance**2, n)] for n, chance in enumerate(chances)
        ]
        run = {"chars": n_keys, "ends": list(range(1, n_keys + 1)), "offers": offers}
        records.append({"file": f"f{package}", "package": f"p{package}", "runs": [run]})
    return records


def test_the_fit_finds_what_makes_an_offer_right() -> None:
    offers = [offers[0] for record in _records() for offers in record["runs"][0]["offers"]]
    weights = fitted(offers)

    assert weights.mean_probability > 2.0
    assert weights.errors_left == 0.0
    assert score_with(weights, _offer(0.95, True, 0)) > 0.7
    assert score_with(weights, _offer(0.1, True, 0)) < 0.2


def test_a_fitted_score_beats_one_that_says_nothing_and_reaches_what_is_wanted() -> None:
    found = study(_records(), 0.6)
    by_fitted = {
        point["threshold"]: point["right among shown"]
        for point in found.curves["fitted, cross-validated"]
    }

    assert found.recommended is not None
    assert by_fitted[found.recommended] >= 0.6
    assert by_fitted[0.05] < 0.5


def test_the_page_names_threshold_and_weights(tmp_path: Path) -> None:
    from codelsp.evaluation.ledger import Ledger

    ledger = Ledger.open(tmp_path / "a.jsonl", {"model": "m", "n_files": 4})
    for record in _records():
        ledger.put(record["file"], record)
    page = threshold_markdown(threshold_report(ledger, 0.6))

    assert "| mean_probability |" in page
    assert "For 60% right among what is shown: threshold 0." in page
