"""Tasks: a prompt that is read and a completion that is learned, as rows for a training run.

Codex-S is trained on problems and their solutions, Codex-D on functions and their docstrings, with
the loss on what is to be written alone (Chen et al. 2021, arXiv 2107.03374, sections 4.4 and 5).
A file of tasks is JSON lines in HumanEval's words: ``task_id``, ``prompt``, ``canonical_solution``,
and ``repository``; ``codelsp corpus problems`` and ``codelsp corpus docstrings`` write such.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from codelsp.errors import TrainingError
from codelsp.training.disk import room_for
from codelsp.training.packing import packed_rows
from codelsp.training.rows import RowsDescription
from codelsp.training.split import Side, side_of
from codelsp.training.tokenizer import (
    END_TOKEN,
    PAD_TOKEN,
    load_tokenizer,
    special_ids,
    tokenizer_hash,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tokenizers import Tokenizer

_ID_BYTES = 4
_MOST_PROMPT_SHARE = 0.75
"""Of a row; a longer prompt loses its beginning."""


@dataclass(frozen=True)
class Task:
    """One task, and the repository or collection it is from: the split is by that."""

    repository: str
    prompt: str
    completion: str


@dataclass(frozen=True)
class TaskPlan:
    """What to make rows of."""

    files: tuple[Path, ...]
    tokenizer: Path
    output: Path
    context: int = 512
    validation_share: float = 0.1


def read_tasks(file: Path) -> list[Task]:
    """Return the tasks of a file of JSON lines.

    Raises:
        TrainingError: it cannot be read, or a line is no task; the message names it.
    """
    tasks: list[Task] = []
    number = 0
    try:
        for line in file.read_text(encoding="utf-8").split("\n"):
            number += 1
            if not line.strip():
                continue
            row = json.loads(line)
            repository = str(row.get("repository") or file.stem)
            tasks.append(Task(repository, str(row["prompt"]), str(row["canonical_solution"])))
    except OSError as error:
        raise TrainingError(f"{file} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, AttributeError) as error:
        raise TrainingError(
            f"{file}, line {number}: no task with prompt and canonical_solution ({error})"
        ) from error
    return tasks


def prepare_tasks(plan: TaskPlan) -> dict[Side, RowsDescription]:
    """Write the rows of tasks, masked; a side without tasks gets none.

    Raises:
        TrainingError: there is no task to train on, the tokenizer lacks a token, or the disk is
            full.
    """
    with room_for("the rows", plan.output):
        return _prepared(plan)


def _prepared(plan: TaskPlan) -> dict[Side, RowsDescription]:
    tasks = [task for file in plan.files for task in read_tasks(file)]
    tokenizer = load_tokenizer(plan.tokenizer)
    special = special_ids(tokenizer)
    if END_TOKEN not in special or PAD_TOKEN not in special:
        raise TrainingError(f"the tokenizer {plan.tokenizer} lacks {END_TOKEN} or {PAD_TOKEN}")
    plan.output.mkdir(parents=True, exist_ok=True)
    made: dict[Side, RowsDescription] = {}
    sides: tuple[Side, Side] = ("train", "validation")
    for side in sides:
        own = [task for task in tasks if side_of(task.repository, plan.validation_share) == side]
        if own:
            made[side] = _write(plan, side, own, tokenizer)
        else:
            for kind in ("ids", "json"):
                (plan.output / f"{side}.{kind}").unlink(missing_ok=True)
    if "train" in made and not made["train"].n_rows:
        raise TrainingError(
            f"no task fits into {plan.context} tokens with its answer: give a larger --context"
        )
    if "train" not in made:
        names = ", ".join(sorted({task.repository for task in tasks})) or "no task at all"
        raise TrainingError(
            f"nothing is left to train on: all repositories are held out ({names}); give more, or"
            " a smaller --validation-share"
        )
    return made


def _write(
    plan: TaskPlan, side: Side, tasks: Sequence[Task], tokenizer: Tokenizer
) -> RowsDescription:
    special = special_ids(tokenizer)
    counts: Counter[str] = Counter()
    encoded = _encoded(tasks, tokenizer, special[END_TOKEN], plan.context + 1, counts)
    part = plan.output / f"{side}.ids.part"
    n_rows = 0
    try:
        with part.open("wb") as stream:
            # Packing fills unsigned rows: a negative number comes back in the signed view.
            for row in packed_rows(encoded, plan.context + 1, special[PAD_TOKEN]):
                stream.write(row.view(np.int32).astype("<i4").tobytes())
                n_rows += 1
        part.replace(plan.output / f"{side}.ids")
    finally:
        part.unlink(missing_ok=True)
    description = RowsDescription(
        row_length=plan.context + 1,
        n_rows=n_rows,
        tokenizer_hash=tokenizer_hash(tokenizer),
        n_characters=counts["characters"],
        n_tokens=counts["tokens"],
        n_documents=counts["tasks"],
        kinds={"task": counts["tasks"]},
        repositories=sorted({task.repository for task in tasks}),
        rules={"files": [file.name for file in plan.files]},
        seed=0,
        id_bytes=_ID_BYTES,
        is_masked=True,
    )
    description.save(plan.output / f"{side}.json")
    return description


def _encoded(
    tasks: Sequence[Task], tokenizer: Tokenizer, end: int, length: int, counts: Counter[str]
) -> Iterator[list[int]]:
    """Yield the ids of each task that fits a row, those of its prompt as ``~id``, unsigned."""
    for task in tasks:
        prompt = tokenizer.encode(task.prompt, add_special_tokens=False).ids
        completion = [*tokenizer.encode(task.completion, add_special_tokens=False).ids, end]
        room = length - len(completion)
        if room < min(len(prompt), length * (1 - _MOST_PROMPT_SHARE)):
            counts["too long"] += 1
            continue
        prompt = prompt[-room:] if room else []
        counts["tasks"] += 1
        counts["tokens"] += len(prompt) + len(completion)
        counts["characters"] += len(task.prompt) + len(task.completion)
        yield [*(~number & 0xFFFFFFFF for number in prompt), *completion]
