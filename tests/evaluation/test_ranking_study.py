from __future__ import annotations

import asyncio
import math
from itertools import combinations
from typing import TYPE_CHECKING, Any, cast

import pytest

pytest.importorskip("numpy")

from codelsp.engine.scripted import ScriptedEngine
from codelsp.errors import EvaluationError
from codelsp.evaluation.back_translation import BackTranslator
from codelsp.evaluation.engines import Judged
from codelsp.evaluation.human_eval import Problem
from codelsp.evaluation.human_eval_report import SampleSet
from codelsp.evaluation.ranking_study import (
    BACK,
    MEAN,
    ORACLE,
    RANDOM,
    SUM,
    Ranked,
    chosen_share,
    ranking_markdown,
    ranking_report,
    run_back_translation,
    text_key,
)
from codelsp.evaluation.sandbox import Ending
from codelsp.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from codelsp.evaluation.bits import BitsCounter

PROBLEM = Problem(
    "HumanEval/0", 'def add(a, b):\n    """Add two numbers."""\n', "    return a + b\n", "", "add"
)


def test_the_share_is_that_of_all_ways_to_take_k_samples() -> None:
    scored = [(0.9, False), (0.8, True), (0.5, True), (0.4, False), (0.1, True)]
    for k in range(1, 6):
        taken = list(combinations(scored, k))
        share = sum(max(each)[1] for each in taken) / len(taken)
        assert chosen_share(scored, k) == pytest.approx(share), k


def test_samples_with_the_same_score_are_chosen_by_chance() -> None:
    assert chosen_share([(1.0, True), (1.0, False)], 2) == pytest.approx(0.5)
    assert chosen_share([(1.0, True), (1.0, False)], 1) == pytest.approx(0.5)
    assert chosen_share([(-math.inf, True)] * 3, 2) == pytest.approx(1.0)


def _sample(text: str, log_prob: float, tokens: int, *, passes: bool) -> dict[str, Any]:
    ending = Ending.PASSED if passes else Ending.FAILED
    return {
        "file": "HumanEval/0", "number": 0, "temperature": 0.8, "text": text,
        "log_prob": log_prob, "tokens": tokens, "ending": ending.value,
    }  # fmt: skip


# The right one is long: its sum is low, its mean is high.
SAMPLES = [
    _sample("long and right", -6.0, 12, passes=True),
    _sample("short", -2.0, 2, passes=False),
]
RANKED = Ranked(
    SampleSet("model", 0.8, {"HumanEval/0": SAMPLES}),
    {text_key(SAMPLES[0]): -1.0, text_key(SAMPLES[1]): -0.5},
)


def test_each_way_of_choosing_takes_what_it_should() -> None:
    taken = {way: RANKED.share(way, 2)[0][1] for way in (MEAN, SUM, BACK, RANDOM, ORACLE)}

    assert taken == {MEAN: 1.0, SUM: 0.0, BACK: 0.0, RANDOM: 0.5, ORACLE: 1.0}


def test_the_report_says_by_how_much_each_beats_chance() -> None:
    report = ranking_report([RANKED], 2, ())

    gained = {each["way"]: each["mean"] for each in report["differences"]}
    assert gained == {MEAN: 0.5, SUM: -0.5, BACK: -0.5}
    page = ranking_markdown(report)
    assert "| model, T 0.8: oracle | 50.0 %" in page
    assert "+50.0 %" in page


class _Bits:
    """Remembers what it was asked; a token costs a bit."""

    def __init__(self) -> None:
        self.asked: list[tuple[list[int], list[int]]] = []

    def bits(self, prompt: Sequence[int], middle: Sequence[int]) -> float:
        self.asked.append((list(prompt), list(middle)))
        return float(len(middle))


def test_back_translation_asks_for_the_docstring_with_the_sample_behind_it(tmp_path: Path) -> None:
    engine, bits = ScriptedEngine(), _Bits()
    judged = Judged(engine, engine.info, "model", "", Settings())
    translator = BackTranslator(judged, cast("BitsCounter", bits))
    samples = [{**SAMPLES[0], "text": "    return a + b\n"}] * 2
    told: list[tuple[int, int]] = []

    async def run() -> tuple[dict[str, float], str, str]:
        scores = await run_back_translation(
            translator, [PROBLEM], samples, tmp_path, lambda *n: told.append(n)
        )
        ((prompt, middle),) = bits.asked
        return scores, engine.text_of(prompt), engine.text_of(middle)

    scores, prompt, middle = asyncio.run(run())

    assert list(scores.values()) == [pytest.approx(-math.log(2))]
    assert middle == "Add two numbers."
    before, _, after = prompt.partition("<|fim_suffix|>")
    assert before.endswith('def add(a, b):\n    """')
    assert after == '"""\n    return a + b\n<|fim_middle|>'
    assert told == [(1, 1)]


def test_without_weights_it_says_what_it_needs() -> None:
    engine = ScriptedEngine()
    judged = Judged(engine, engine.info, "model", "", Settings())

    with pytest.raises(EvaluationError, match="folder of safetensors"):
        asyncio.run(BackTranslator.of(judged))
