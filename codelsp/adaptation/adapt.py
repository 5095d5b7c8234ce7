"""``codelsp adapt``: files, tuning, trial, and adoption if, and only if, the trial was won.

Until the very last step nothing that serves is touched; killed at any moment, the same command
goes on from what was finished.
"""

from __future__ import annotations

import shutil
import threading
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Protocol

from filelock import FileLock, Timeout

from codelsp.adaptation.languages import answered_by, answering_model
from codelsp.adaptation.partition import Partition, partition
from codelsp.adaptation.plan import Work, begin
from codelsp.adaptation.repository import read_repository
from codelsp.adaptation.trial import Contest, Trial, compare
from codelsp.adaptation.tuning import base_model, tune, write_corpus
from codelsp.errors import TrainingError
from codelsp.model_store.adapted import (
    Version,
    adaptation_dir,
    adopt,
    keep_trial,
    read_adaptation,
    version_name,
)
from codelsp.model_store.model import ModelKind
from codelsp.model_store.resolve import resolve_model
from codelsp.training.disk import room_for
from codelsp.training.manifest import MANIFEST, documents_of, load_manifest
from codelsp.training.session import stopping_on_signals

if TYPE_CHECKING:
    from pathlib import Path

    from codelsp.adaptation.idleness import Idleness
    from codelsp.adaptation.plan import AdaptPlan
    from codelsp.adaptation.repository import RepositoryFiles
    from codelsp.adaptation.tuning import Tuned
    from codelsp.model_store.model import Model
    from codelsp.settings import Settings
    from codelsp.training.loop import Run
    from codelsp.training.monitor import StepReport
    from codelsp.training.validation import ValidationReport

_LOCK = "lock"


class Listener(Protocol):
    """Hears how the work goes on."""

    def stage(self, text: str) -> None:
        """Something begins."""

    def files(self, model: str, in_place_of: str, found: RepositoryFiles, sides: Partition) -> None:
        """The repository was read, for a model to stand in for another; both by their names."""

    def step(self, report: StepReport, seconds: float) -> None:
        """The model took a step of a run of ``seconds``."""

    def typed(self, label: str, n_done: int, n_all: int) -> None:
        """A held-out file was typed with the ``old`` or the ``new`` model."""

    def waiting(self, reason: str) -> None:
        """The work waits for the machine to be idle."""


@dataclass(frozen=True)
class Outcome:
    """What an adaptation came to."""

    trial: Trial | None
    """None if a signal ended it before."""
    model: Path | None = None
    """The folder of the adopted model; None if the old one stays."""
    in_place_of: str = ""
    """The name of the model that the tuned one was to stand in for."""

    @property
    def is_finished(self) -> bool:
        """Whether there is nothing left to go on with."""
        return self.trial is not None


def adapt(
    plan: AdaptPlan, settings: Settings, listener: Listener, idleness: Idleness | None = None
) -> Outcome:
    """Adapt a model to a repository, and adopt it if it got better there.

    Args:
        plan: What was asked for.
        settings: In force for the repository.
        listener: Hears how it goes on.
        idleness: Waited for before each piece of work; None works on whatever else goes on.

    Raises:
        CorpusError: there is nothing, or too little, to learn from.
        TrainingError: the disk is full, the loss stopped being a number, or another process works
            on this repository.
        ModelError: the model cannot be trained further.
        EngineError, EvaluationError: the models cannot be compared.
    """
    folder = adaptation_dir(plan.root)
    with room_for("the adaptation", folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(folder / _LOCK, timeout=0):
                return _adapt(plan, settings, listener, idleness)
        except Timeout:
            raise TrainingError(
                f"another codelsp adapt works on {plan.root}; wait for it, or stop it"
            ) from None


def _adapt(
    plan: AdaptPlan, settings: Settings, listener: Listener, idleness: Idleness | None
) -> Outcome:
    plan, work = _begun(plan, settings, listener)
    base = base_model(plan.model)
    name = version_name(plan.root, base)
    if _waits_in_vain(idleness, listener):
        return Outcome(None)
    tuned = tune(plan, work, name, lambda run: [_Steps(run, listener, idleness)], listener.stage)
    if tuned is None or _waits_in_vain(idleness, listener):
        return Outcome(None)
    listener.stage("typing held-out files")
    answering = resolve_model(plan.in_place_of)
    trial = compare(_contest(plan, answering, work, tuned), settings, listener.typed)
    report = _report(plan, base, tuned, trial)
    keep_trial(plan.root, {"when": _now(), "is_better": trial.is_better, **report})
    made = None
    if trial.is_better:
        version = Version(name, _now(), report)
        made = adopt(plan.root, answering, tuned.folder, version)
    shutil.rmtree(work.folder, ignore_errors=True)
    return Outcome(trial, made, answering.name)


def _begun(plan: AdaptPlan, settings: Settings, listener: Listener) -> tuple[AdaptPlan, Work]:
    """Return the plan with its models, and the work with its corpus.

    The corpus is read now, or as it was when the work began.
    """
    listener.stage("looking at the repository")
    # What cannot be adapted to is refused before anything is written.
    found = read_repository(plan.root, settings.exclude)
    answering = answering_model(found, settings, plan.language)
    plan = replace(plan, model=plan.model or answering, in_place_of=answering)
    found = answered_by(answering, found, settings)
    sides = partition(found.documents)
    work, _ = begin(plan)
    if not (work.corpus / MANIFEST).is_file():
        listener.files(base_model(plan.model).name, resolve_model(answering).name, found, sides)
        write_corpus(sides, found.name, work.corpus)
    return plan, work


def _contest(plan: AdaptPlan, answering: Model, work: Work, tuned: Tuned) -> Contest:
    manifest = load_manifest(work.corpus)
    return Contest(
        _in_force(plan, answering),
        next(iter(sorted(tuned.folder.glob("*.gguf")))),
        tuple(documents_of(work.corpus, manifest.validation_shards)),
        tuple(documents_of(work.corpus, manifest.train_shards)),
        plan.n_files,
        work.typing,
    )


def _in_force(plan: AdaptPlan, answering: Model) -> Path:
    """Return the model that serves the repository now: the last adapted one, or the user's own."""
    known = read_adaptation(plan.root, answering.name)
    if known is not None and known.active is not None:
        files = sorted((adaptation_dir(plan.root) / known.active.name).glob("*.gguf"))
        if files:
            return files[0]
    return resolve_model(plan.in_place_of, ModelKind.GGUF).path


def _waits_in_vain(idleness: Idleness | None, listener: Listener) -> bool:
    """Wait until the machine is idle; tell whether a signal ended the wait."""
    if idleness is None:
        return False
    stop = threading.Event()
    with stopping_on_signals(stop):
        idleness.wait(stop.is_set, listener.waiting)
    return stop.is_set()


class _Steps:
    """Hands a run's steps on, and holds it while the machine has better things to do."""

    def __init__(self, run: Run, listener: Listener, idleness: Idleness | None) -> None:
        self._run, self._listener, self._idleness = run, listener, idleness

    def on_step(self, report: StepReport) -> None:
        """Hand the step on; return when the next one may begin."""
        self._listener.step(report, self._run.planned)
        if self._idleness is not None:
            self._idleness.wait(lambda: self._run.is_stopping, self._listener.waiting)

    def on_validation(self, step: int, tokens: int, report: ValidationReport) -> None:
        """Nothing is validated on the way: the trial comes at the end."""

    def on_note(self, text: str) -> None:
        """Hand a note on."""
        self._listener.stage(text)


def _report(plan: AdaptPlan, base: Model, tuned: Tuned, trial: Trial) -> dict[str, Any]:
    return {
        **trial.as_dict(),
        "tokens": tuned.tokens,
        "repository_tokens": tuned.own_tokens,
        "seconds": round(tuned.seconds, 1),
        "lora_rank": plan.lora_rank,
        "base": base.name,
    }


def _now() -> str:
    return datetime.now(timezone.utc).astimezone().isoformat(timespec="seconds")
