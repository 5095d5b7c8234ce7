"""HumanEval with a scripted engine: samples, their ledger, the report; programs are not run."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("numpy")
pytest.importorskip("sacrebleu")

from codelsp.engine.scripted import Answer, ScriptedEngine
from codelsp.errors import EngineUnavailableError, EvaluationError
from codelsp.evaluation import continuation
from codelsp.evaluation.continuation import PromptStyle, Sampling, first_stop, seed_of
from codelsp.evaluation.engines import Judged
from codelsp.evaluation.human_eval import Problem
from codelsp.evaluation.human_eval_report import (
    human_eval_markdown,
    human_eval_report,
    sample_sets,
)
from codelsp.evaluation.human_eval_run import HumanEvalPlan, run_human_eval
from codelsp.evaluation.sandbox import Ending
from codelsp.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from codelsp.evaluation.ledger import Ledger

PROBLEMS = tuple(
    Problem(
        f"HumanEval/{number}",
        f'def add{number}(a, b):\n    """Add."""\n',
        "    return a + b\n",
        f"def check(f):\n    assert f(1, 2) == 3 + {number}\n",
        f"add{number}",
    )
    for number in range(2)
)
PLAN = HumanEvalPlan(PROBLEMS, None, n_samples=3)
RIGHT = "    return a + b\n\ndef other():\n    pass\n"


def _judged(engine: ScriptedEngine) -> Judged:
    return Judged(engine, engine.info, "model", "0" * 64, Settings())


def _ran(folder: Path, engine: ScriptedEngine, plan: HumanEvalPlan = PLAN) -> Ledger:
    told: list[tuple[int, int]] = []
    ledger = asyncio.run(run_human_eval(_judged(engine), plan, folder, lambda *n: told.append(n)))
    assert told[-1][0] == told[-1][1]
    return ledger


def test_a_sample_ends_before_the_first_thing_at_the_left_margin(tmp_path: Path) -> None:
    engine = ScriptedEngine([RIGHT])
    ledger = _ran(tmp_path, engine)

    assert {record["text"] for record in ledger.records.values()} == {"    return a + b\n"}
    assert all(record["ended"] and record["parses"] for record in ledger.records.values())
    assert all(run.was_cancelled for run in engine.runs)


def test_evidence_is_of_the_text_that_is_kept_alone(tmp_path: Path) -> None:
    ledger = _ran(tmp_path, ScriptedEngine([Answer("    x\n\ndef", (-1.0, -0.5, -0.5, -9.0))]))

    record = next(iter(ledger.records.values()))
    assert (record["text"], record["tokens"]) == ("    x\n", 3)
    assert record["log_prob"] == pytest.approx(-2.0)


def test_prompts_are_plain_text_and_draws_are_free_of_the_engines_own_limits(
    tmp_path: Path,
) -> None:
    engine = ScriptedEngine([RIGHT])
    _ran(tmp_path, engine, replace(PLAN, temperatures=(0.4,)))

    assert set(engine.prompts) == {problem.prompt for problem in PROBLEMS}
    asked = [run.request for run in engine.runs]
    assert {(each.temperature, each.top_p, each.top_k) for each in asked} == {(0.4, 0.95, 0)}
    assert len({each.seed for each in asked}) == len(asked)


def test_an_infilling_prompt_is_the_one_that_an_editor_sends(tmp_path: Path) -> None:
    engine = ScriptedEngine([RIGHT])
    _ran(tmp_path, engine, replace(PLAN, sampling=Sampling(style=PromptStyle.INFILL)))

    assert "<|fim_prefix|>" in engine.prompts[0]
    assert PROBLEMS[0].prompt in engine.prompts[0]


def test_an_interrupted_run_goes_on_and_a_finished_one_can_be_widened(tmp_path: Path) -> None:
    _ran(tmp_path, ScriptedEngine([RIGHT]), replace(PLAN, n_samples=2))
    engine = ScriptedEngine([RIGHT])
    ledger = _ran(tmp_path, engine)

    assert len(engine.runs) == len(PROBLEMS)
    assert len(ledger.records) == 6
    again = ScriptedEngine(["nobody asks"])
    _ran(tmp_path, again)
    assert not again.runs


def test_an_engine_that_was_silent_once_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(continuation, "_PAUSES_SECONDS", (0.0, 0.0))
    engine = ScriptedEngine([RIGHT])
    engine.fail_with(EngineUnavailableError("busy"), after_tokens=2)
    ledger = _ran(tmp_path, engine)

    assert {record["text"] for record in ledger.records.values()} == {"    return a + b\n"}
    gone = ScriptedEngine([RIGHT])
    gone.fail_with(EngineUnavailableError("gone"), times=99)
    with pytest.raises(EngineUnavailableError, match="gone"):
        _ran(tmp_path, gone, replace(PLAN, n_samples=4))


def test_results_under_other_rules_are_refused(tmp_path: Path) -> None:
    _ran(tmp_path, ScriptedEngine([RIGHT]))

    with pytest.raises(EvaluationError, match="max_tokens"):
        _ran(tmp_path, ScriptedEngine([RIGHT]), replace(PLAN, sampling=Sampling(max_tokens=9)))


def _with_endings(ledger: Ledger, passing: set[str]) -> Ledger:
    for key, record in ledger.records.items():
        record["ending"] = (Ending.PASSED if key in passing else Ending.FAILED).value
        record["bleu"] = 0.5 if key in passing else 0.25
    return ledger


def _figure(report: dict[str, Any], metric: str, temperature: float = 0.2) -> dict[str, Any]:
    return next(
        figure
        for figure in report["figures"]
        if (figure["metric"], figure["temperature"]) == (metric, temperature)
    )


def test_the_report_tells_pass_at_k_and_what_bleu_is_worth(tmp_path: Path) -> None:
    ledger = _with_endings(_ran(tmp_path, ScriptedEngine([RIGHT])), {"HumanEval/0:T0.2:1"})
    report = human_eval_report([ledger], 3, (0.2,), ())

    assert _figure(report, "pass@1")["mean"] == pytest.approx(1 / 6, abs=1e-4)
    assert _figure(report, "pass@3")["mean"] == pytest.approx(1 / 2)
    (bleu,) = report["bleu"]
    assert (bleu["right above wrong"], bleu["pairs"]) == (1.0, 2)
    assert sum(bleu["histogram of wrong"]) == 5
    page = human_eval_markdown(report)
    assert "**model**, T 0.2 | 16.7 %" in page
    assert "Codex 12M" in page


def test_of_a_sweep_the_best_temperature_of_each_k_is_told(tmp_path: Path) -> None:
    plan = replace(PLAN, temperatures=(0.2, 0.8))
    # Few problems often by the cold one; more problems, each seldom, by the hot one.
    passing = {f"HumanEval/0:T0.2:{n}" for n in range(3)}
    passing |= {"HumanEval/0:T0.8:0", "HumanEval/1:T0.8:2"}
    ledger = _with_endings(_ran(tmp_path, ScriptedEngine([RIGHT]), plan), passing)
    report = human_eval_report([ledger], 3, (0.2, 0.8), (1, 3))

    assert [(each["k"], each["temperature"]) for each in report["best"]] == [(1, 0.2), (3, 0.8)]
    assert "best temperature" in human_eval_markdown(report)


def test_nothing_solved_is_no_certainty(tmp_path: Path) -> None:
    ledger = _with_endings(_ran(tmp_path, ScriptedEngine([RIGHT])), set())
    figure = _figure(human_eval_report([ledger], 3, (0.2,), ()), "pass@1")

    assert (figure["mean"], figure["low"]) == (0.0, 0.0)
    assert figure["high"] == pytest.approx(1 - 0.025**0.5, abs=1e-4)


def test_where_nothing_was_run_nothing_is_said_of_passing(tmp_path: Path) -> None:
    report = human_eval_report([_ran(tmp_path, ScriptedEngine([RIGHT]))], 3, (0.2,), ())

    assert not [figure for figure in report["figures"] if "k" in figure]
    assert _figure(report, "parses")["mean"] == 1.0
    assert "not run" in human_eval_markdown(report)


def test_an_unfinished_run_can_be_told_of(tmp_path: Path) -> None:
    ledger = _with_endings(_ran(tmp_path, ScriptedEngine([RIGHT])), {"HumanEval/0:T0.2:1"})
    del ledger.records["HumanEval/1:T0.2:2"]
    report = human_eval_report([ledger], None, (0.2,), ())

    assert report["samples"] == "2 to 3"
    assert report["k"] == [1, 2]
    assert _figure(report, "pass@1")["mean"] == pytest.approx(1 / 6, abs=1e-4)


def test_problems_with_too_few_samples_can_be_left_out(tmp_path: Path) -> None:
    ledger = _ran(tmp_path, ScriptedEngine([RIGHT]))
    del ledger.records["HumanEval/1:T0.2:2"]
    (samples,) = sample_sets(ledger, None, (0.2,))

    assert samples.undecided() == []
    _with_endings(ledger, {"HumanEval/0:T0.2:1"})
    assert {sample["file"] for sample in samples.undecided()} == {"HumanEval/0"}
    assert list(samples.with_at_least(3).by_problem) == ["HumanEval/0"]
    assert len(samples.with_at_least(2).by_problem) == 2
    with pytest.raises(EvaluationError, match="the most that one has are 3"):
        samples.with_at_least(4)


def test_the_first_stop_counts_and_seeds_differ_by_every_fact() -> None:
    assert first_stop("a\nif\ndef", ("\ndef", "\nif")) == 1
    assert first_stop("a", ("\ndef",)) is None
    assert len({seed_of(1, "a", n) for n in range(100)}) == 100
    assert seed_of(1, "a") == seed_of(1, "a") > 0
