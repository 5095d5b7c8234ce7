"""What an adaptation is to do, and the folder in which it is done.

The plan is frozen when the work begins: a run that was killed goes on with the files, the split and
the schedule that it began with, whatever has changed in the repository meanwhile.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from codelsp.model_store.adapted import work_dir

if TYPE_CHECKING:
    from pathlib import Path

_PLAN = "plan.json"
_VERSION = 1
"""Goes up when unfinished work of an older codelsp cannot be gone on with."""


@dataclass(frozen=True)
class AdaptPlan:
    """What the user asked for."""

    root: Path
    model: str = ""
    """What is tuned, a name as the setting's; empty is what answers already."""
    in_place_of: str = ""
    """What answers already, as the setting names it, and the tuned model is tried against."""
    language: str = ""
    """LSP id; empty is that in which most of the code is answered."""
    lora_rank: int = 0
    """Of adapters; 0 trains the whole model."""
    minutes: float = 15.0
    """Of training; pauses do not count."""
    epochs: float = 4.0
    """At most: a small repository is done sooner."""
    n_files: int = 24
    """Held-out files to type, at most."""
    threads: int = 0
    """CPU threads; 0 takes one or all, whichever is faster just now."""

    def facts(self) -> dict[str, Any]:
        """Return the plan as JSON knows it."""
        facts = {**asdict(self), "root": str(self.root), "version": _VERSION}
        # What else runs on the machine is no part of the work, nor is why the models were chosen.
        del facts["threads"], facts["language"]
        return facts


@dataclass(frozen=True)
class Work:
    """The folder of unfinished work on one repository."""

    folder: Path

    @property
    def base(self) -> Path:
        """The model that is tuned, as transformers reads it."""
        return self.folder / "base"

    @property
    def corpus(self) -> Path:
        """The repository's files, as they were when the work began."""
        return self.folder / "corpus"

    @property
    def rows(self) -> Path:
        """Rows of token ids; a folder for each pass."""
        return self.folder / "rows"

    @property
    def run(self) -> Path:
        """Checkpoints."""
        return self.folder / "run"

    @property
    def made(self) -> Path:
        """The tuned model's folder is in this one."""
        return self.folder / "made"

    @property
    def typing(self) -> Path:
        """Results of the typing simulator."""
        return self.folder / "typing"

    def stage(self) -> str:
        """Return how far the work is, in words; empty if there is none."""
        if not (self.folder / _PLAN).is_file():
            return ""
        if any(self.made.glob("*/SHA256SUMS")):
            return "trained; being measured"
        if any(self.run.glob("step-*")):
            return "being trained"
        return "begun"


def begin(plan: AdaptPlan) -> tuple[Work, bool]:
    """Return the folder to work in, and whether it goes on with work of the same plan.

    Work of another plan is thrown away.

    Raises:
        OSError: the disk is full, or not writable.
    """
    folder = work_dir(plan.root)
    file = folder / _PLAN
    try:
        goes_on = json.loads(file.read_bytes()) == plan.facts()
    except (OSError, ValueError):
        goes_on = False
    if not goes_on:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        unfinished = file.with_suffix(".part")
        unfinished.write_text(json.dumps(plan.facts(), indent=1), encoding="utf-8")
        unfinished.replace(file)
    return Work(folder), goes_on


def forget(root: Path) -> bool:
    """Throw unfinished work away; tell whether there was any."""
    folder = work_dir(root)
    was_there = folder.is_dir()
    shutil.rmtree(folder, ignore_errors=True)
    return was_there
