"""What making problems has come to so far, so that it goes on after a stop.

Tests of one repository may take five minutes, and each solution is run twice: what is known of a
source, and which form of a problem is proven, is kept beside the output until all is done.
"""

from __future__ import annotations

from dataclasses import asdict
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from codelsp import __version__
from codelsp.evaluation.human_eval import Problem
from codelsp.evaluation.ledger import Ledger
from codelsp.evaluation.problems import (
    Kept,
    SourcedProblem,
    problems_of_collection,
    problems_of_repository,
    proven_form,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from codelsp.evaluation.sandbox import Sandbox

_SUFFIX = ".work.jsonl"


class ProblemWork:
    """The making of one file of problems."""

    def __init__(self, output: Path, sandbox: Sandbox) -> None:
        """Go on with what was begun for ``output``.

        Raises:
            EvaluationError: that was another version's, or cannot be written.
        """
        head = {"codelsp": __version__, "measured": "problems"}
        self._ledger = Ledger.open(output.with_name(output.name + _SUFFIX), head)
        self._sandbox = sandbox

    def problems_of(self, source: Path) -> Kept:
        """Return the problems of a repository, or of a file of exercises.

        Where there are none, they are looked for again the next time: what their tests need may
        have been installed by then.

        Raises:
            EvaluationError: there are no tests, or they do not end; or no exercises.
            SandboxError: the sandbox does not start.
        """
        key = f"{source.resolve()} {_stamp(source)}"
        known = self._ledger.records.get(key)
        if known is not None:
            return _kept(known)
        found = (
            problems_of_repository(source, self._sandbox)
            if source.is_dir()
            else problems_of_collection(source)
        )
        if found.problems:
            self._ledger.put(key, _record(found))
        return found

    def proven(self, found: Sequence[SourcedProblem], tell: Callable[[int], None]) -> Kept:
        """Return the problems whose own solution passes twice, alone in the sandbox.

        Raises:
            SandboxError: the sandbox does not start any more.
        """
        kept, n_left_out = [], 0
        for done, each in enumerate(found, 1):
            key = "proven " + sha256(repr(each.forms).encode()).hexdigest()[:32]
            if key not in self._ledger.records:
                self._ledger.put(key, {"form": proven_form(each, self._sandbox)})
            form = self._ledger.records[key]["form"]
            if form is None:
                n_left_out += 1
            else:
                kept.append(SourcedProblem(each.forms[form], each.repository))
            tell(done)
        reasons = {"its own solution does not pass alone": n_left_out} if n_left_out else {}
        return Kept(tuple(kept), reasons)

    def finish(self) -> None:
        """Forget it all: the problems are written."""
        self._ledger.file.unlink(missing_ok=True)


def _stamp(source: Path) -> str:
    """Return what changes when a source does."""
    files = sorted(source.rglob("*.py")) if source.is_dir() else [source]
    digest = sha256()
    for file in files:
        facts = file.stat()
        digest.update(f"{file}:{facts.st_size}:{facts.st_mtime_ns}\n".encode(errors="replace"))
    return digest.hexdigest()[:16]


def _record(found: Kept) -> dict[str, Any]:
    return {"problems": [asdict(each) for each in found.problems], "left_out": found.left_out}


def _kept(record: dict[str, Any]) -> Kept:
    return Kept(tuple(_problem(each) for each in record["problems"]), record["left_out"])


def _problem(told: dict[str, Any]) -> SourcedProblem:
    wider = told["wider"]
    return SourcedProblem(
        Problem(**told["problem"]),
        told["repository"],
        None if wider is None else Problem(**wider),
    )
