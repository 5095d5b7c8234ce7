"""HumanEval-Infilling with a scripted engine: answers, their ledger, the report."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("numpy")
pytest.importorskip("sacrebleu")
pytest.importorskip("rapidfuzz")

from codelsp.engine.scripted import ScriptedEngine
from codelsp.evaluation.engines import Judged
from codelsp.evaluation.human_eval import InfillingKind, Problem, derived_tasks
from codelsp.evaluation.infilling import InfillingPlan, run_infilling
from codelsp.evaluation.infilling_report import infilling_markdown, infilling_report
from codelsp.evaluation.scoring import overlaps, repeats
from codelsp.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from codelsp.evaluation.ledger import Ledger

PROBLEM = Problem(
    "HumanEval/0",
    "def add(values):\n",
    "    total = sum(values)\n    return total\n",
    "def check(f):\n    assert f([1]) == 1\n",
    "add",
)
TASKS = tuple(derived_tasks([PROBLEM], [InfillingKind.SINGLE_LINE, InfillingKind.MULTI_LINE], 1))
PLAN = InfillingPlan(TASKS, None)


def _said(prompt: str) -> str:
    """Return the first line of the solution that is not there, the way a good model would."""
    missing = next(line for line in PROBLEM.solution.split("\n") if line not in prompt)
    return missing.strip() if prompt.rstrip("\n").endswith("    ") else missing


def _ran(folder: Path, engine: ScriptedEngine | None) -> Ledger:
    judged = None if engine is None else Judged(engine, engine.info, "model", "", Settings())
    return asyncio.run(run_infilling(judged, PLAN, folder, lambda *_: None))


def test_answers_are_compared_with_what_was_taken_out(tmp_path: Path) -> None:
    engine = ScriptedEngine(_said)
    ledger = _ran(tmp_path, engine)
    single = [r for r in ledger.records.values() if r["kind"] == "single-line"]

    assert [record["exact"] for record in single] == [True, True]
    assert all(record["bleu"] > 0.5 and record["parses"] for record in single)
    assert {record["passed"] for record in single} == {None}
    assert not any(record["overlaps"] or record["repeats"] for record in single)
    again = ScriptedEngine(["nobody asks"])
    _ran(tmp_path, again)
    assert not again.runs


def test_the_report_stands_beside_the_ngram_cache(tmp_path: Path) -> None:
    report = infilling_report([_ran(tmp_path, ScriptedEngine(_said))], _ran(tmp_path, None))

    exact = {
        figure["model"]: figure["mean"]
        for figure in report["figures"]
        if (figure["kind"], figure["metric"]) == ("single-line", "exact")
    }
    assert exact["model"] == 1.0
    assert "n-gram cache" in exact
    page = infilling_markdown(report)
    assert "single-line" in page
    assert "| repeats |" in page


def test_a_text_that_runs_into_what_follows_overlaps() -> None:
    assert overlaps("a = 1\n    return b\n", "\n\n    return b\n")
    assert not overlaps("a = 1", "\n    return b\n")
    assert not overlaps("", "x")
    assert not overlaps("f()\n)", ")\n")


def test_a_text_that_says_a_line_again_and_again_repeats() -> None:
    assert repeats("a()\nb()\na()\nc()\na()")
    assert repeats("x = 1\na()\na()")
    assert not repeats("x = 1\ny = 2\nx = 1")
    assert not repeats("}\n}\n}")
