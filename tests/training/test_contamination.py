"""Contamination: text of the benchmark is recognized, common code is not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from codelsp.errors import CorpusError
from codelsp.training.contamination import Contamination
from tests.training.material import MODULE

if TYPE_CHECKING:
    from pathlib import Path

TASK = {
    "prompt": "def below_zero(operations):\n    balance = 0\n",
    "canonical_solution": "    for op in operations:\n        balance += op\n"
    "        if balance < 0:\n            return True\n    return False\n",
}


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    file = tmp_path / "tasks.jsonl"
    file.write_text(json.dumps(TASK) + "\n")
    return file


def test_a_file_with_a_solution_in_it_is_recognized(tasks: Path) -> None:
    contamination = Contamination.of_humaneval(tasks)

    assert contamination.touches(MODULE + TASK["prompt"] + TASK["canonical_solution"])
    assert not contamination.touches(MODULE)


def test_a_damaged_file_of_tasks_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "tasks.jsonl").write_text("{}\n")

    with pytest.raises(CorpusError, match="no HumanEval tasks"):
        Contamination.of_humaneval(tmp_path / "tasks.jsonl")
