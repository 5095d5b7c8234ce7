"""Tasks: prompts are read and not learned."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from codelsp.errors import TrainingError
from codelsp.training.loop import Run
from codelsp.training.model import SHAPES, new_model
from codelsp.training.objective import Learner, Objective, as_read
from codelsp.training.recipe import DataPhase, read_recipe
from codelsp.training.rows import Rows
from codelsp.training.session import Limits
from codelsp.training.split import side_of
from codelsp.training.tasks import TaskPlan, prepare_tasks, read_tasks
from codelsp.training.tokenizer import END_TOKEN, PAD_TOKEN, load_tokenizer, special_ids

if TYPE_CHECKING:
    from pathlib import Path

TASKS = [
    {
        "task_id": f"a/{number}",
        "repository": f"owner/name{number % 7}",
        "prompt": f'def add_{number}(a, b):\n    """Add."""\n',
        "canonical_solution": f"    return a + b + {number}\n",
    }
    for number in range(40)
]


@pytest.fixture
def plan(tmp_path: Path, tokenizer_file: Path) -> TaskPlan:
    file = tmp_path / "tasks.jsonl"
    file.write_text("".join(json.dumps(task) + "\n" for task in TASKS))
    return TaskPlan((file,), tokenizer_file, tmp_path / "rows", 96, 0.3)


def test_every_prompt_is_masked_and_every_completion_is_not(plan: TaskPlan) -> None:
    made = prepare_tasks(plan)
    tokenizer = load_tokenizer(plan.tokenizer)
    special = special_ids(tokenizer)

    assert set(made) == {"train", "validation"}
    assert made["train"].n_documents + made["validation"].n_documents == len(TASKS)
    rows = Rows(plan.output, "train").batch(0, made["train"].n_rows)
    learned = rows[(rows >= 0) & (rows != special[PAD_TOKEN])]
    read = ~rows[rows < 0]
    assert "return a + b" in tokenizer.decode(learned.tolist())
    assert "def add" not in tokenizer.decode(learned.tolist())
    assert "return" not in tokenizer.decode(read.tolist())
    assert (learned == special[END_TOKEN]).sum() == made["train"].n_documents


def test_no_repository_is_on_both_sides(plan: TaskPlan) -> None:
    made = prepare_tasks(plan)

    for side, description in made.items():
        assert {side_of(name, plan.validation_share) for name in description.repositories} == {side}


def test_masked_targets_cost_nothing_and_have_no_gradient() -> None:
    torch.manual_seed(1)
    shape = replace(SHAPES["tiny"], vocabulary=64)
    objective = Objective(end_id=0, pad_id=1, z_weight=0.0)
    learner = Learner(new_model(shape, 0, 1).float(), objective)
    rows = torch.tensor([[5, ~6, ~7, 8, 9]])
    weighted, nats = learner(rows)
    weighted.backward()

    logits = learner.model(input_ids=as_read(rows[:, :-1])).logits[0].float()
    losses = torch.nn.functional.cross_entropy(logits, torch.tensor([6, 7, 8, 9]), reduction="none")
    assert nats.item() == pytest.approx(losses[2:].sum().item(), rel=1e-4)
    assert weighted.item() == pytest.approx(nats.item(), rel=1e-5)
    assert objective.weights(rows[:, 1:]).tolist() == [[0.0, 0.0, 1.0, 1.0]]


def test_a_run_learns_from_tasks_and_validates_on_them(
    plan: TaskPlan, recipe_file: Path, tmp_path: Path
) -> None:
    prepare_tasks(plan)
    recipe = replace(read_recipe(recipe_file), phases=(DataPhase(plan.output),))
    run = Run(recipe, tmp_path / "run", [])
    run.train(Limits(float("inf"), 3))

    assert run.state.step == 3
    assert run.state.tokens > 0


def test_a_prompt_too_long_loses_its_beginning_and_a_completion_too_long_its_task(
    tmp_path: Path, tokenizer_file: Path
) -> None:
    file = tmp_path / "long.jsonl"
    long_one = {"prompt": "x = 1\n" * 200 + "last = ", "canonical_solution": "2\n"}
    too_long = {"prompt": "a", "canonical_solution": "y = 2\n" * 200}
    file.write_text(json.dumps(long_one) + "\n" + json.dumps(too_long) + "\n")
    made = prepare_tasks(TaskPlan((file,), tokenizer_file, tmp_path / "rows", 64, 0.0))

    row = Rows(tmp_path / "rows", "train").batch(0, 1)[0]
    text = load_tokenizer(tokenizer_file).decode(np.where(row < 0, ~row, row).tolist())
    assert made["train"].n_documents == 1
    assert "last = 2" in text


def test_a_context_that_no_task_fits_into_is_told(tmp_path: Path, tokenizer_file: Path) -> None:
    file = tmp_path / "long.jsonl"
    file.write_text(json.dumps({"prompt": "a", "canonical_solution": "y = 2\n" * 200}) + "\n")

    with pytest.raises(TrainingError, match="no task fits into 64 tokens"):
        prepare_tasks(TaskPlan((file,), tokenizer_file, tmp_path / "rows", 64, 0.0))


@pytest.mark.parametrize("line", ['{"prompt": "a"}', "no json", "[1]"])
def test_a_line_that_is_no_task_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / "tasks.jsonl"
    file.write_text(json.dumps(TASKS[0]) + "\n" + line + "\n")

    with pytest.raises(TrainingError, match=r"tasks\.jsonl, line 2"):
        read_tasks(file)


def test_with_nothing_left_to_train_on_it_says_so(tmp_path: Path, tokenizer_file: Path) -> None:
    file = tmp_path / "tasks.jsonl"
    file.write_text("\n")

    with pytest.raises(TrainingError, match="no task at all"):
        prepare_tasks(TaskPlan((file,), tokenizer_file, tmp_path / "rows"))
