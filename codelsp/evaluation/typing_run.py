"""Runs of the typing simulator over files, resumable file by file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from codelsp import __version__
from codelsp.errors import EvaluationError
from codelsp.evaluation.at_once import at_once
from codelsp.evaluation.engines import model_sha256
from codelsp.evaluation.filling import nearest
from codelsp.evaluation.hole_run import ledger_file
from codelsp.evaluation.ledger import Ledger
from codelsp.evaluation.transcript import LEAST_BODY_LINES, typed_functions
from codelsp.evaluation.typist import TypingTask, type_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from codelsp.evaluation.bench_engine import BenchEngine
    from codelsp.evaluation.ledger import Record
    from codelsp.evaluation.source_files import SourceSet

_LEAST_KEYS = 60
_NEIGHBORS = 3
_TOLD_ELSEWHERE = frozenset(("model", "engine", "threshold"))
"""Settings that results name in another way, or that change none."""


@dataclass(frozen=True)
class TypingPlan:
    """What to type, and how much of it."""

    n_files: int = 28
    n_functions: int = 1
    """Bodies typed in each file, of 4 to 10 lines."""
    across_files: bool = True
    """Whether the files next to the one that is typed are open, too."""
    settings: tuple[tuple[str, Any], ...] = ()
    """The editor's, as pairs."""
    on_disk: bool = False
    """Whether the packages lie in folders, for settings that look into the workspace's."""
    n_at_once: int = 2
    """Editors that type at the same time, all served by one engine."""

    def head(self, sources: SourceSet) -> Record:
        """Return what results of this plan begin with."""
        return {
            "codelsp": __version__,
            "measured": "typing",
            "sources": sources.digest,
            "n_files": self.n_files,
            "n_functions": self.n_functions,
            "across_files": self.across_files,
            "settings": dict(self.settings),
            **({"on_disk": True} if self.on_disk else {}),
        }


def typing_tasks(sources: SourceSet, plan: TypingPlan) -> list[TypingTask]:
    """Return what to type: one file of each package, then a second one of each, and so on.

    Raises:
        EvaluationError: there is no function to type in any of the files.
    """
    tasks: list[TypingTask] = []
    for file in sources.in_turn():
        if len(tasks) >= plan.n_files:
            break
        try:
            transcript = typed_functions(file.path, file.text, plan.n_functions)
        except (SyntaxError, ValueError, RecursionError):
            continue
        if len(transcript.keys) >= _LEAST_KEYS:
            beside = nearest(file, sources)[:_NEIGHBORS] if plan.across_files else ()
            tasks.append(TypingTask(file, transcript, beside))
    if not tasks:
        raise EvaluationError(
            f"Nothing to type: none of the {len(sources.chosen)} files has a function of"
            f" {LEAST_BODY_LINES} lines or more and {_LEAST_KEYS} keys, on lines of their own, in a"
            " language whose functions are known."
        )
    return tasks


async def run_typing(
    engine: BenchEngine,
    sources: SourceSet,
    plan: TypingPlan,
    folder: Path,
    tell: Callable[[int, int], None],
) -> Ledger:
    """Type every file with one model; what is in its ledger already is not typed again.

    Raises:
        EvaluationError: the ledger holds something else, or cannot be written.
    """
    from pathlib import Path

    head = {**plan.head(sources), "model": engine.model_name}
    head["model_sha256"] = model_sha256(Path(engine.settings.model))
    told = {name: value for name, value in engine.overrides.items() if name not in _TOLD_ELSEWHERE}
    if told:
        head["set"] = told
    ledger = Ledger.open(ledger_file(folder, "typing", engine.model_name), head)

    projects = _Projects(engine.home / "projects", sources) if plan.on_disk else None

    async def work(task: TypingTask) -> None:
        task = task if projects is None else projects.task(task)
        counts = await type_file(engine, task, dict(plan.settings))
        record = {"file": task.file.key, "package": task.file.package, **counts.as_dict()}
        ledger.put(task.file.key, record)

    tasks = typing_tasks(sources, plan)
    left = [task for task in tasks if task.file.key not in ledger.records]
    await at_once(
        left, work, plan.n_at_once, lambda n: tell(len(tasks) - len(left) + n, len(tasks))
    )
    return ledger


class _Projects:
    """The packages as folders, each written when the first of its files is typed.

    The file that is typed lies there whole, and nothing is learned from it: it is open.
    """

    def __init__(self, folder: Path, sources: SourceSet) -> None:
        self._folder = folder
        self._sources = sources

    def task(self, task: TypingTask) -> TypingTask:
        """Return the task with its files where they lie on the disk."""
        folder = self._folder / task.file.package
        if not folder.is_dir():
            for file in self._sources.by_package[task.file.package]:
                path = folder / file.path
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(file.text, encoding="utf-8", newline="")
        root = folder.as_uri()
        beside = tuple(replace(file, root=root) for file in task.beside)
        return replace(task, file=replace(task.file, root=root), beside=beside)
