"""Whether the tuned model is better: a person types held-out files with it and with the old one.

The typing simulator, through real servers and engines, on the same keys of the same files; what
counts is the difference of keystrokes saved, with an interval over files.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from codelsp.errors import EvaluationError
from codelsp.evaluation.bench_engine import started
from codelsp.evaluation.intervals import Interval, difference, share
from codelsp.evaluation.source_files import SourceFile, SourceSet
from codelsp.evaluation.typing_figures import TYPING_METRICS
from codelsp.evaluation.typing_run import TypingPlan, run_typing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from codelsp.evaluation.ledger import Ledger
    from codelsp.settings import Settings
    from codelsp.training.documents import Document

SAVED = "keystrokes saved"
RIGHT = "right among shown"
_ENGINE_SETTINGS = ("threshold", "recall", "neighbors", "context_tokens", "max_line_tokens")
"""What of the user's own settings the comparison is made under."""


@dataclass(frozen=True)
class Trial:
    """Both models on the same files."""

    old: dict[str, Interval]
    """Figure to its value."""
    new: dict[str, Interval]
    apart: Interval
    """Keystrokes saved with the new model less those with the old, paired by file."""

    @property
    def is_better(self) -> bool:
        """Whether the new model saves more, and chance does not explain it."""
        return self.apart.low is not None and self.apart.low > 0

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        return {
            "old": {name: value.as_dict() for name, value in self.old.items()},
            "new": {name: value.as_dict() for name, value in self.new.items()},
            "difference": self.apart.as_dict(),
        }


@dataclass(frozen=True)
class Contest:
    """What is compared on what."""

    old: Path
    """A GGUF file, or a folder."""
    new: Path
    held_out: tuple[Document, ...]
    train: tuple[Document, ...]
    """May stand open beside the file that is typed, as in an editor."""
    n_files: int
    folder: Path
    """Of the results; what is there already is not typed again."""


def compare(contest: Contest, settings: Settings, told: Callable[[str, int, int], None]) -> Trial:
    """Type the held-out files with both models.

    Args:
        contest: The models and the files.
        settings: The user's own.
        told: Hears the model, the files done, and of how many.

    Raises:
        EngineError, ModelError: a model cannot be served.
        EvaluationError: results cannot be written, or no file can be typed.
    """
    sources = _sources(contest)
    plan = TypingPlan(n_files=contest.n_files)
    old = asyncio.run(_typed(contest.old, "old", contest, settings, (sources, plan, told)))
    new = asyncio.run(_typed(contest.new, "new", contest, settings, (sources, plan, told)))
    return _trial(old, new)


async def _typed(
    model: Path,
    label: str,
    contest: Contest,
    settings: Settings,
    run: tuple[SourceSet, TypingPlan, Callable[[str, int, int], None]],
) -> Ledger:
    sources, plan, told = run
    # Not what has been adapted already, nor what the user accepted: the model alone differs.
    chosen = replace(settings, model=str(model), adapted=False)
    overrides = {name: getattr(settings, name) for name in _ENGINE_SETTINGS}
    overrides["adapted"] = False
    async with started(chosen, overrides) as engine:
        return await run_typing(
            engine, sources, plan, contest.folder / label, lambda n, of: told(label, n, of)
        )


def _sources(contest: Contest) -> SourceSet:
    name = contest.held_out[0].repository.removesuffix(" (held out)")
    chosen = _files(contest.held_out, name)
    # Files in the order of the hash of their paths, so that few of them are of many folders.
    chosen = sorted(chosen, key=lambda file: sha256(file.path.encode()).digest())
    digest = sha256()
    for file in chosen:
        digest.update(f"{file.key}\0{file.text}\0".encode("utf-8", "surrogatepass"))
    everything = (*chosen, *_files(contest.train, name))
    return SourceSet(tuple(chosen), {name: everything}, digest.hexdigest())


def _files(documents: Sequence[Document], name: str) -> list[SourceFile]:
    return [SourceFile(name, document.path, document.text) for document in documents]


def _trial(old: Ledger, new: Ledger) -> Trial:
    if not old.records or not new.records:
        raise EvaluationError("No held-out file could be typed, so nothing is known and changed.")
    return Trial(_figures(old), _figures(new), difference(_values(new, SAVED), _values(old, SAVED)))


def _figures(ledger: Ledger) -> dict[str, Interval]:
    return {name: share(_values(ledger, name)) for name in (SAVED, RIGHT, "shown")}


def _values(ledger: Ledger, name: str) -> list[tuple[str, float, float]]:
    above_below = TYPING_METRICS[name][1]
    return [(record["file"], *above_below(record)) for record in ledger.records.values()]
