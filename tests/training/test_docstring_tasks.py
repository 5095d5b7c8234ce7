from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from codelsp.errors import CorpusError
from codelsp.pipeline.docstrings import AFTER_BODY
from codelsp.training.docstring_tasks import docstring_tasks, write_docstring_tasks

if TYPE_CHECKING:
    from pathlib import Path

TEXT = '''class A:
    def f(self, a):
        """Return what a is
        after one step.
        """
        step = a + 1
        return step


def bare(a):
    return a + 1 + 2 + 3


def short(a):
    """Say a thing."""
    ...
'''


def test_the_docstring_stands_behind_the_function_that_it_was_taken_out_of() -> None:
    (task,) = docstring_tasks("owner/name", "a.py", TEXT)

    assert task["prompt"] == (
        "def f(self, a):\n        step = a + 1\n        return step" + AFTER_BODY
    )
    assert task["canonical_solution"] == 'Return what a is\n        after one step."""'
    assert (task["task_id"], task["repository"]) == ("owner/name/a.py:A.f", "owner/name")


def test_they_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    folder, file = tmp_path / "repo", tmp_path / "out" / "tasks.jsonl"
    folder.mkdir()
    (folder / "bad.py").write_bytes(b"\xff\xfe")
    with pytest.raises(CorpusError, match="no documented"):
        write_docstring_tasks([folder], file)
    assert list(file.parent.iterdir()) == []

    (folder / "a.py").write_text(TEXT)
    assert write_docstring_tasks([folder], file) == 1
    assert json.loads(file.read_text())["repository"] == "repo"
