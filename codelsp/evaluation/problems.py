"""Problems to train on (Codex-S): from a repository's own tests, and from exercise collections.

Chen et al. 2021 (arXiv 2107.03374), section 4: a problem is a signature with a docstring, a
solution, and tests; one is kept only if its own solution passes them without the repository around
it, twice, and, where a model is asked, if one of its samples does.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from codelsp.context.docstring_hole import docstring_hole
from codelsp.document.languages import language_of
from codelsp.document.snapshot import DocumentSnapshot
from codelsp.document.syntax import parse
from codelsp.errors import BenchmarkError
from codelsp.evaluation.human_eval import Problem
from codelsp.evaluation.programs import is_python
from codelsp.evaluation.traced_calls import traced_functions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from codelsp.document.functions import Function
    from codelsp.evaluation.sandbox import Sandbox
    from codelsp.evaluation.traced_calls import TracedFunction

_MOST_SOLUTION_CHARS = 2000
_MOST_CHARS_ABOVE = 4000
_LEAST_CALLS = 2
_MEASURED_ON = "HumanEval/"


@dataclass(frozen=True)
class SourcedProblem:
    """A problem, and the repository or collection that it is from."""

    problem: Problem
    repository: str
    wider: Problem | None = None
    """The same with all that stands above the function in its file, not its imports alone."""

    @property
    def forms(self) -> tuple[Problem, ...]:
        """What may be proven, the shorter one first."""
        return (self.problem,) if self.wider is None else (self.problem, self.wider)

    def row(self) -> dict[str, str]:
        """Return it in HumanEval's words."""
        own = self.problem
        return {
            "task_id": own.task_id,
            "repository": self.repository,
            "prompt": own.prompt,
            "canonical_solution": own.solution,
            "test": own.test,
            "entry_point": own.entry_point,
        }


@dataclass(frozen=True)
class Kept:
    """What was found, and why the rest was left out."""

    problems: tuple[SourcedProblem, ...]
    left_out: dict[str, int]


def problems_of_repository(root: Path, sandbox: Sandbox, repository: str = "") -> Kept:
    """Return the problems that the tests of a repository make of its functions.

    Raises:
        EvaluationError: it has no tests, or they do not end.
        SandboxError: the sandbox does not start.
    """
    name = repository or root.resolve().name
    left_out: dict[str, int] = {}
    found = []
    for traced in traced_functions(root, sandbox):
        problem = _problem(root, name, traced)
        if isinstance(problem, str):
            left_out[problem] = left_out.get(problem, 0) + 1
        else:
            found.append(problem)
    return Kept(tuple(found), left_out)


def problems_of_collection(file: Path) -> Kept:
    """Return the problems of a file of exercises: JSON lines as HumanEval's or as MBPP's.

    Raises:
        BenchmarkError: it cannot be read, is of another kind, or is what models are measured on.
    """
    found, left_out = [], 0
    for number, row in enumerate(_rows(file), 1):
        problem = _exercise(row, f"{file.stem}/{number}")
        if problem is None:
            left_out += 1
            continue
        if problem.task_id.startswith(_MEASURED_ON):
            raise BenchmarkError(
                f"{file} holds HumanEval's own problems: models are measured on them, so none is"
                " trained on them."
            )
        found.append(SourcedProblem(problem, file.name.partition(".")[0]))
    if not found:
        raise BenchmarkError(
            f"{file} has no exercise with prompt, canonical_solution, test and entry_point"
            " (HumanEval's words) or text, code and test_list (MBPP's)."
        )
    return Kept(tuple(found), {"neither HumanEval's form nor MBPP's": left_out} if left_out else {})


def proven_form(problem: SourcedProblem, sandbox: Sandbox) -> int | None:
    """Return which of a problem's forms its own solution passes, twice, alone in the sandbox.

    Raises:
        SandboxError: the sandbox does not start any more.
    """
    proofs = (n for n, form in enumerate(problem.forms) if _is_proven(form, sandbox))
    return next(proofs, None)


def _is_proven(problem: Problem, sandbox: Sandbox) -> bool:
    program = problem.program(problem.solution)
    return is_python(program) and all(sandbox.run(program).has_passed for _ in range(2))


def solved_by(found: Sequence[SourcedProblem], solved: set[str]) -> Kept:
    """Return the problems that a sample has passed; ``solved`` are their ``task_id``s."""
    kept = tuple(each for each in found if each.problem.task_id in solved)
    n_left_out = len(found) - len(kept)
    return Kept(kept, {"no sample passes": n_left_out} if n_left_out else {})


def write_problems(problems: Sequence[SourcedProblem], file: Path) -> None:
    """Write problems as JSON lines, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(file.name + ".part")
    text = "".join(json.dumps(each.row(), ensure_ascii=False) + "\n" for each in problems)
    part.write_text(text, encoding="utf-8")
    part.replace(file)


def _problem(root: Path, name: str, traced: TracedFunction) -> SourcedProblem | str:
    """Return the problem of a function, or why it makes none."""
    if len(traced.calls) < _LEAST_CALLS:
        return "called with fewer than two sets of plain values"
    try:
        text = (root / traced.path).read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError):
        return "its file cannot be read"
    document = DocumentSnapshot.of(
        f"file:///{traced.path}", language_of("", traced.path).id, 1, text
    )
    function = _function_on(document, traced)
    if function is None or function.is_local or function.owner or not function.has_body:
        return "not found in its file"
    hole = docstring_hole(document, function)
    if hole is None or not hole.docstring.strip():
        return "without a docstring"
    solution = text[hole.end : function.end].lstrip(" \t")
    solution = solution.removeprefix("\n") + "\n"
    if not solution.strip() or len(solution) > _MOST_SOLUTION_CHARS:
        return "no body, or a very long one"
    asked = f"{text[function.start : hole.end]}\n"
    task_id = f"{name}/{traced.path}:{traced.name}"
    problem = Problem(
        task_id, _above(document, function) + asked, solution, _tests(traced), traced.name
    )
    above = text[: function.start]
    is_short = len(above) <= _MOST_CHARS_ABOVE
    return SourcedProblem(
        problem, name, replace(problem, prompt=above + asked) if is_short else None
    )


def _function_on(document: DocumentSnapshot, traced: TracedFunction) -> Function | None:
    tree = parse(document)
    for function in tree.functions() if tree is not None else ():
        first, last = document.line_at(function.start), document.line_at(function.signature_end)
        if function.name == traced.name and first <= traced.line - 1 <= last:
            return function
    return None


def _above(document: DocumentSnapshot, function: Function) -> str:
    """Return the imports of the function's file that stand above it, each on lines of its own."""
    tree = parse(document)
    spans = tree.import_spans() if tree is not None else ()
    lines = [
        document.text[start:end].strip("\n")
        for start, end in spans
        if end <= function.start and not document.text[start:end].startswith((" ", "\t"))
    ]
    # Relative imports mean nothing outside of the package.
    kept = [line for line in lines if not line.startswith("from .")]
    return "\n".join(kept) + "\n\n\n" if kept else ""


def _tests(traced: TracedFunction) -> str:
    calls = [f"    assert candidate({call.arguments}) == {call.result}" for call in traced.calls]
    return "\n".join(["def check(candidate):", *calls, ""])


def _rows(file: Path) -> list[dict[str, Any]]:
    try:
        raw = file.read_bytes()
        text = (gzip.decompress(raw) if file.suffix == ".gz" else raw).decode("utf-8")
        rows = [json.loads(line) for line in text.split("\n") if line.strip()]
    except (OSError, EOFError, ValueError) as error:
        raise BenchmarkError(f"{file} cannot be read as JSON lines: {error}.") from error
    return [row for row in rows if isinstance(row, dict)]


def _exercise(row: dict[str, Any], name: str) -> Problem | None:
    """Return the problem of a row of HumanEval's form, or of MBPP's; None of neither."""
    words = ("prompt", "canonical_solution", "test", "entry_point")
    if all(isinstance(row.get(word), str) for word in words):
        task_id = str(row.get("task_id") or name)
        return Problem(task_id, *(row[word] for word in words))
    text = row.get("text") or row.get("prompt")
    code, tests = row.get("code"), row.get("test_list")
    if not (isinstance(text, str) and isinstance(code, str) and isinstance(tests, list)):
        return None
    return _from_mbpp(name, text, code.replace("\r\n", "\n"), [str(test) for test in tests])


def _from_mbpp(name: str, text: str, code: str, tests: Sequence[str]) -> Problem | None:
    """Return an exercise of MBPP (Austin et al. 2021) as a function with a docstring.

    The function is the last one of the code that the tests name; what stands above it is given.
    """
    document = DocumentSnapshot.of("file:///exercise.py", "python", 1, code)
    tree = parse(document)
    functions = [] if tree is None else [f for f in tree.functions() if not f.owner]
    named = [f for f in functions if any(f"{f.name}(" in test for test in tests)]
    if not named or not named[-1].has_body or named[-1].docstring is not None:
        return None
    function = named[-1]
    end = document.line_end(document.line_at(function.signature_end))
    first = document.line_text(document.line_at(function.body_start))
    indentation = first[: len(first) - len(first.lstrip())]
    said = text.strip().replace("\\", "\\\\").replace('"""', "'''")
    prompt = (
        f'{code[:end]}\n{indentation}"""{said}\n\n{indentation}>>> {tests[0]}\n{indentation}"""\n'
    )
    checks = "\n".join(f"    {line}" for test in tests for line in test.split("\n"))
    test = f"def check(candidate):\n{checks}\n"
    return Problem(name, prompt, code[end + 1 :] + "\n", test, function.name)
