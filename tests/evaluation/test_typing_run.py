"""Which files are typed, and that no file is typed twice; who types is told in test_typist."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

pytest.importorskip("numpy")

from codelsp.context.paths import path_of
from codelsp.errors import EvaluationError
from codelsp.evaluation import typing_run
from codelsp.evaluation.source_files import SourceFile, SourceSet
from codelsp.evaluation.typing_report import typing_markdown, typing_report
from codelsp.evaluation.typing_run import TypingPlan, run_typing, typing_tasks
from codelsp.evaluation.typist import TypingCounts
from codelsp.habits.project import ProjectText
from tests.evaluation.sources import source_set

if TYPE_CHECKING:
    from codelsp.evaluation.bench_engine import BenchEngine
    from codelsp.evaluation.ledger import Ledger
    from codelsp.evaluation.typist import TypingTask

PLAN = TypingPlan(n_files=2)


class _Typist:
    """Counts every second key as saved, and may be interrupted."""

    def __init__(self, *, leaves_after: int = 99) -> None:
        self.typed: list[str] = []
        self.tasks: list[TypingTask] = []
        self._leaves_after = leaves_after

    async def type_file(self, _engine: Any, task: TypingTask, _settings: Any) -> TypingCounts:
        if len(self.typed) == self._leaves_after:
            raise EvaluationError("the disk is full")
        self.typed.append(task.file.key)
        self.tasks.append(task)
        return TypingCounts(
            keys_without=100, keys_used=50, chars=100, completed_chars=50, matched_chars=50,
            proposed_chars=100, asked=10, shown=5, right=4,
        )  # fmt: skip


def _ran(
    folder: Path,
    typist: _Typist,
    monkeypatch: pytest.MonkeyPatch,
    *,
    on_disk: bool = False,
    **overrides: Any,
) -> Ledger:
    model = folder / "model.gguf"
    model.write_bytes(b"weights")
    monkeypatch.setattr(typing_run, "type_file", typist.type_file)
    engine = SimpleNamespace(
        model_name="model",
        settings=SimpleNamespace(model=str(model)),
        overrides=overrides,
        home=folder / "home",
    )
    plan = TypingPlan(n_files=2, n_at_once=1, on_disk=on_disk)
    return asyncio.run(
        run_typing(cast("BenchEngine", engine), source_set(), plan, folder, lambda *_: None)
    )


def test_files_with_functions_are_typed_with_what_stands_beside_them_open() -> None:
    tasks = typing_tasks(source_set(), PLAN)

    assert 0 < len(tasks) <= 2
    assert all(task.transcript.keys for task in tasks)
    assert any(task.beside for task in tasks)
    alone = typing_tasks(source_set(), TypingPlan(n_files=2, across_files=False))
    assert not any(task.beside for task in alone)


def test_files_without_a_function_are_told_of_and_not_measured_as_nothing() -> None:
    data = SourceFile("package", "data.json", "[\n  1,\n  2,\n  3,\n  4\n]\n")
    with pytest.raises(EvaluationError, match="none of the 1 files has a function of 4 lines"):
        typing_tasks(SourceSet((data,), {"package": (data,)}, ""), PLAN)


def test_an_interrupted_run_types_on_with_the_next_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_tasks = len(typing_tasks(source_set(), PLAN))
    first = _Typist(leaves_after=n_tasks - 1)
    with pytest.raises(EvaluationError):
        _ran(tmp_path, first, monkeypatch)
    second = _Typist()
    ledger = _ran(tmp_path, second, monkeypatch)

    assert len(first.typed) + len(second.typed) == n_tasks == len(ledger.records)
    assert not set(first.typed) & set(second.typed)


def test_a_project_on_the_disk_tells_of_every_file_but_the_one_that_is_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typist = _Typist()
    _ran(tmp_path, typist, monkeypatch, on_disk=True)

    task = next(task for task in typist.tasks if task.beside)
    project = ProjectText(Path(path_of(task.file.workspace)))
    project.read("python")
    known = project.text("python", task.file.uri, frozenset((task.file.uri,)))
    assert task.file.text not in known
    assert all(file.text in known for file in task.beside)


def test_results_under_other_settings_are_not_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _ran(tmp_path, _Typist(), monkeypatch, threshold=0.3)
    with pytest.raises(EvaluationError, match="another run"):
        _ran(tmp_path, _Typist(), monkeypatch, threshold=0.3, project_words=True)


def test_the_report_adds_up_the_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = typing_report([_ran(tmp_path, _Typist(), monkeypatch)])

    (model,) = report["models"]
    assert model["figures"]["keystrokes saved"]["mean"] == pytest.approx(0.5)
    assert "50.0 %" in typing_markdown(report)
