"""Problems to train on: of a repository's tests, and of exercises."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, cast

import pytest

from codelsp.errors import BenchmarkError, EvaluationError
from codelsp.evaluation.human_eval import Problem, read_problems
from codelsp.evaluation.problem_work import ProblemWork
from codelsp.evaluation.problems import (
    Kept,
    SourcedProblem,
    problems_of_collection,
    problems_of_repository,
    solved_by,
    write_problems,
)
from codelsp.evaluation.sandbox import Ending, Limits, Run, Sandbox
from codelsp.evaluation.traced_calls import traced_functions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MODULE = '''
"""Text."""

import re

from . import nothing

PATTERN = re.compile(r"[^a-z0-9]+")


def slug(text, *, separator="-"):
    """Return text in lower case, words joined by separator."""
    return PATTERN.sub(separator, text.lower()).strip(separator)


def add(a, b):
    """Return the sum of two numbers."""
    return a + b


def bare(a):
    return a


def grow(values):
    """Return the values with one more, which changes the list that is given."""
    values.append(1)
    return values


def pick(values, place):
    """Return the value at a place."""
    return values[place]


class Keeper:
    def keep(self, value):
        """Return what is given."""
        return value


def many():
    """Yield some."""
    yield 1
'''
TESTS = """
import os
import pytest
from pkg import text


def test_passes():
    assert text.slug("Hello World") == "hello-world"
    assert text.slug("A b", separator="_") == "a_b"
    assert text.add(1, 2) == 3
    assert text.add([1], [2]) == [1, 2]
    assert text.add(object, object) if False else True
    assert text.bare(1) == 1 and text.bare(2) == 2
    assert text.grow([1]) == [1, 1] and text.grow([]) == [1]
    with pytest.raises(IndexError):
        text.pick([], 0)
    assert text.pick([1, 2], 1) == 2 and text.pick("ab", 0) == "a"
    assert text.Keeper().keep(1) == 1 and list(text.many()) == [1]


def test_fails_and_prints():
    print("noise" * 1000)
    os.write(1, b"more")
    assert text.add(2, 2) == 5


def test_leaves():
    os.makedirs("/home/x")
    raise SystemExit(3)
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repo"
    (root / "pkg").mkdir(parents=True)
    (root / "tests").mkdir()
    (root / "pkg" / "__init__.py").write_text("nothing = None\n")
    (root / "pkg" / "text.py").write_text(MODULE)
    (root / "tests" / "test_text.py").write_text(TESTS)
    for folder in (tmp_path, root, root / "pkg", root / "tests"):
        folder.chmod(0o755)
    return root


def proven(found: Sequence[SourcedProblem], box: Sandbox, folder: Path) -> Kept:
    return ProblemWork(folder / "proven.jsonl", box).proven(found, lambda _done: None)


def _box(name: str) -> Sandbox:
    box = Sandbox(name, Limits(wall_seconds=60.0))
    program = {"bubblewrap": "bwrap", "unshare": "unshare"}[name]
    if shutil.which(program) is None or box.why_not():
        pytest.skip(f"{name} does not work here")
    return box


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bubblewrap", "unshare"])
def test_functions_that_tests_call_become_problems_that_stand_alone(
    repository: Path, name: str
) -> None:
    box = _box(name)
    found = problems_of_repository(repository, box)

    names = {each.problem.entry_point for each in found.problems}
    assert names == {"slug", "add", "grow", "pick"}
    assert found.left_out["without a docstring"] == 1
    kept = proven(found.problems, box, repository.parent)
    by_name = {each.problem.entry_point: each.problem for each in kept.problems}
    # The pattern stands above the function, and its file cannot be run whole: "from . import".
    assert set(by_name) == {"add", "grow", "pick"}
    # The call that raised has no result, so that it is no test.
    assert by_name["pick"].test.count("assert") == 2
    assert by_name["add"].prompt.startswith("import re\n")
    assert "    assert candidate(2, 2) == 4\n" in by_name["add"].test
    assert "    assert candidate([1]) == [1, 1]\n" in by_name["grow"].test


@pytest.mark.slow
def test_what_a_function_needs_of_its_file_comes_along(repository: Path) -> None:
    box = _box("bubblewrap" if shutil.which("bwrap") else "unshare")
    file = repository / "pkg" / "text.py"
    file.write_text(MODULE.replace("from . import nothing\n", ""))
    kept = proven(problems_of_repository(repository, box).problems, box, repository.parent)

    (slug,) = (each for each in kept.problems if each.problem.entry_point == "slug")
    assert "PATTERN = re.compile" in slug.problem.prompt


def test_a_repository_without_tests_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")

    with pytest.raises(EvaluationError, match="has no tests"):
        traced_functions(tmp_path, cast("Sandbox", None))


HUMAN_EVAL_FORM = {
    "task_id": "Own/1",
    "prompt": "def f():\n",
    "canonical_solution": "    return 1\n",
    "test": "def check(candidate):\n    assert candidate() == 1\n",
    "entry_point": "f",
}
MBPP_FORM = {
    "text": "Write a function to add two numbers.",
    "code": "import math\r\n\r\ndef add(a, b):\r\n  return a + b",
    "test_list": ["assert add(1, 2) == 3", "assert add(0, 0) == 0"],
}


def _file(tmp_path: Path, *rows: object) -> Path:
    file = tmp_path / "exercises.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def test_exercises_of_both_forms_are_read(tmp_path: Path) -> None:
    found = problems_of_collection(_file(tmp_path, HUMAN_EVAL_FORM, MBPP_FORM, {"other": 1}))
    own, theirs = (each.problem for each in found.problems)

    assert own == Problem("Own/1", *(list(HUMAN_EVAL_FORM.values())[1:]))
    assert theirs.prompt.startswith('import math\n\ndef add(a, b):\n  """Write a function')
    assert sum(found.left_out.values()) == 1
    for problem in (own, theirs):
        exec(problem.program(problem.solution), {})


def test_what_models_are_measured_on_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="HumanEval's own"):
        problems_of_collection(_file(tmp_path, {**HUMAN_EVAL_FORM, "task_id": "HumanEval/3"}))


@pytest.mark.parametrize("rows", [[], [{"question": "?"}]])
def test_a_file_without_exercises_says_what_it_wants(tmp_path: Path, rows: list[object]) -> None:
    with pytest.raises(BenchmarkError, match="canonical_solution"):
        problems_of_collection(_file(tmp_path, *rows))


class _Box:
    """Passes what has no "wrong" in it, and the second time nothing that has "flaky"."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def run(self, program: str) -> Run:
        fails = "wrong" in program or ("flaky" in program and program in self.seen)
        self.seen.add(program)
        return Run(Ending.FAILED if fails else Ending.PASSED, "", 0, 0.0)


def test_only_problems_whose_solution_passes_twice_are_kept(tmp_path: Path) -> None:
    names = ("right", "wrong", "flaky")
    found = [
        SourcedProblem(Problem(name, f"# {name}\n", "x = 1\n", "", "print"), "r") for name in names
    ]
    kept = proven(found, cast("Sandbox", _Box()), tmp_path)

    assert [each.problem.task_id for each in kept.problems] == ["right"]
    assert sum(kept.left_out.values()) == 2
    assert solved_by(kept.problems, set()).left_out == {"no sample passes": 1}
    assert solved_by(kept.problems, {"right"}).problems == kept.problems
    write_problems(kept.problems, tmp_path / "out" / "problems.jsonl")
    assert read_problems(tmp_path / "out" / "problems.jsonl") == [kept.problems[0].problem]


def _exercises(tmp_path: Path, *names: str) -> Path:
    rows = (
        {**HUMAN_EVAL_FORM, "task_id": f"Own/{name}", "prompt": f"def {name}():\n"}
        for name in names
    )
    return _file(tmp_path, *rows)


def test_what_was_interrupted_goes_on_with_the_next_problem(tmp_path: Path) -> None:
    source, output = _exercises(tmp_path, "one", "wrong", "three"), tmp_path / "problems.jsonl"
    first = _Box()
    work = ProblemWork(output, cast("Sandbox", first))

    def stop_at_two(done: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work.proven(work.problems_of(source).problems, stop_at_two)
    second = _Box()
    work = ProblemWork(output, cast("Sandbox", second))
    kept = work.proven(work.problems_of(source).problems, lambda _done: None)

    assert [each.problem.task_id for each in kept.problems] == ["Own/one", "Own/three"]
    assert not first.seen & second.seen
    work.finish()
    assert list(tmp_path.iterdir()) == [source]


def test_a_source_that_has_changed_is_read_again(tmp_path: Path) -> None:
    output = tmp_path / "problems.jsonl"
    source = _exercises(tmp_path, "one")
    ProblemWork(output, cast("Sandbox", _Box())).problems_of(source)
    source = _exercises(tmp_path, "one", "two")
    found = ProblemWork(output, cast("Sandbox", _Box())).problems_of(source)

    assert len(found.problems) == 2
