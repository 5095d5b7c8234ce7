"""Calls of a repository's own functions while its tests run, in the sandbox.

Chen et al. 2021 (arXiv 2107.03374), section 4.3: functions of projects with continuous integration
were made into problems from the inputs and outputs seen while the tests ran.
"""

from __future__ import annotations

import json
import secrets
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from codelsp.errors import EvaluationError
from codelsp.evaluation.sandbox import Ending, Limits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codelsp.evaluation.sandbox import Sandbox

_STAGE = Path(__file__).with_name("tracing_stage.py")
_NO_TESTS = 5
"""pytest's exit status where it found none."""
TRACING_LIMITS = Limits(
    wall_seconds=300.0,
    cpu_seconds=300,
    memory_bytes=4 << 30,
    disk_bytes=256 << 20,
    output_bytes=64 << 20,
    processes=128,
    open_files=512,
)


@dataclass(frozen=True)
class Call:
    """One call: literals of positional and named arguments, and of the result."""

    positional: tuple[str, ...]
    named: tuple[tuple[str, str], ...]
    result: str

    @property
    def arguments(self) -> str:
        """The arguments as they are written in a call."""
        return ", ".join([*self.positional, *(f"{name}={value}" for name, value in self.named)])


@dataclass(frozen=True)
class TracedFunction:
    """A function of a module, not of a class, with calls that its tests have made."""

    path: str
    """Of its file, relative to the repository, with ``/``."""
    line: int
    """On which it begins, its decorators included, from 1."""
    name: str
    calls: tuple[Call, ...]


def traced_functions(
    root: Path, sandbox: Sandbox, *, most_calls: int = 12, most_chars: int = 400
) -> list[TracedFunction]:
    """Return the functions that the tests in ``root`` call with plain values, with those calls.

    The repository is read-only for them, and they run with the packages of this interpreter.

    Args:
        root: The repository's folder.
        sandbox: Its limits are not used: tests take longer than programs (``TRACING_LIMITS``).
        most_calls: Kept of one function.
        most_chars: Of one argument or result.

    Raises:
        EvaluationError: there are no tests, they cannot be collected, or they took too long.
        SandboxError: the sandbox does not start.
    """
    root = root.resolve()
    if not any(_looks_like_test(file) for file in root.rglob("*.py")):
        raise EvaluationError(
            f"{root} has no tests (no test_*.py or *_test.py), so no problems can be made of it."
        )
    paths = _packages()
    mark = secrets.token_hex(16)
    told = {
        "root": str(root),
        "own_paths": [str(root), *([str(root / "src")] if (root / "src").is_dir() else [])],
        "paths": paths,
        "most_calls": most_calls,
        "most_chars": most_chars,
        "stop_at_first": False,
        "mark": mark,
    }
    program = f"TOLD = {json.dumps(told)!r}\n" + _STAGE.read_text(encoding="utf-8")
    limits = replace(TRACING_LIMITS)
    run = replace(sandbox, limits=limits, shared=(str(root), *paths)).run(program)
    _, found, report = run.output.partition(mark)
    if not found:
        how = "took longer than five minutes" if run.ending is Ending.TIMED_OUT else "did not end"
        raise EvaluationError(f"The tests of {root} {how}: {run.output.strip()[-300:]}")
    told_back = json.loads(report)
    if told_back["code"] == _NO_TESTS:
        raise EvaluationError(f"pytest finds no tests in {root}, so no problems can be made of it.")
    return _functions(told_back["calls"])


def _looks_like_test(file: Path) -> bool:
    return file.name.startswith("test_") or file.name.endswith("_test.py")


def _packages() -> list[str]:
    """Return the folders that installed packages are imported from."""
    return [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]


def _functions(calls: dict[str, Sequence[Sequence[object]]]) -> list[TracedFunction]:
    found = []
    for key, seen in sorted(calls.items()):
        path, line, name = key.rsplit(":", 2)
        kept = tuple(
            Call(
                tuple(str(each) for each in positional),  # type: ignore[attr-defined]
                tuple(sorted(named.items())),  # type: ignore[attr-defined]
                str(result),
            )
            for positional, named, result in seen
        )
        if kept:
            found.append(TracedFunction(path, int(line), name, kept))
    return found
