"""Models that ``codelsp adapt`` has tuned on a workspace, and which ones are in force there.

They lie in the user's data folder, in a folder a workspace that is named by the hash of its path;
nothing is ever read from inside a workspace, so that a cloned repository cannot bring a model
along.  ``adapted.json`` says what is in force in the place of which base, and is replaced whole: a
workspace has the old model or the new one at every moment.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from codelsp.directories import data_dir
from codelsp.errors import ModelError, ModelFileError
from codelsp.model_store.model import ModelKind
from codelsp.model_store.resolve import resolve_model
from codelsp.model_store.verify import SUMS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from codelsp.model_store.model import Model
    from codelsp.settings import Settings

ENTRY = "adapted.json"
_WORK = "work"
_LAST_TRIAL = "last-trial.json"
_OUR_OWN_ENGINES = frozenset(("auto", "llama.cpp", "torch"))
_KEPT = 2
"""Versions that stay on disk: the one in force and the one before it."""


@dataclass(frozen=True)
class Version:
    """One adopted model."""

    name: str
    """Of its folder, and of the model."""
    adopted: str
    """When: ISO 8601, with the zone."""
    report: dict[str, Any] = field(default_factory=dict)
    """What was measured when it was adopted."""


@dataclass(frozen=True)
class Adaptation:
    """What stands in for one model in one workspace."""

    base: str
    """The model that is stood in for, by its name, and no other; mostly the one that was tuned."""
    base_digest: str
    versions: tuple[Version, ...] = ()
    """Oldest first; the last one is in force."""

    @property
    def active(self) -> Version | None:
        """The version in force; None where the base is."""
        return self.versions[-1] if self.versions else None


def adaptations_dir() -> Path:
    """Return the folder of all adaptations; it need not exist."""
    return data_dir() / "adapted"


def adaptation_dir(root: Path) -> Path:
    """Return the folder of the workspace ``root``; it need not exist."""
    path = os.path.normcase(root.resolve())
    return adaptations_dir() / sha256(path.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def work_dir(root: Path) -> Path:
    """Return where unfinished work on ``root`` lies."""
    return adaptation_dir(root) / _WORK


def read_adaptations(root: Path) -> tuple[Adaptation, ...]:
    """Return what is known of the workspace ``root``, one entry for each base.

    Raises:
        ModelFileError: the file is damaged, and what to do about it.
    """
    file = adaptation_dir(root) / ENTRY
    try:
        facts = json.loads(file.read_bytes())
        # Before there were several bases, the entry of the only one was the whole file.
        return tuple(map(_adaptation, facts.get("adaptations", [facts])))
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelFileError(
            f"{file} is damaged ({error}); delete it, and run `codelsp adapt` again."
        ) from None


def _adaptation(facts: dict[str, Any]) -> Adaptation:
    versions = tuple(Version(**each) for each in facts["versions"])
    return Adaptation(facts["base"], facts["base_digest"], versions)


def read_adaptation(root: Path, base: str) -> Adaptation | None:
    """Return what stands in for the model called ``base`` in ``root``; None if nothing ever did.

    Raises:
        ModelFileError: the file is damaged, and what to do about it.
    """
    return next((each for each in read_adaptations(root) if each.base == base), None)


def adopt(root: Path, base: Model, made: Path, version: Version) -> Path:
    """Put the model in the folder ``made`` in force for ``root``, in the place of ``base``.

    Returns its folder.

    The folder is moved first and named last: whatever is killed, an entry never names a model that
    is not there.  Versions of the same base before the last two are removed.

    Raises:
        OSError: the disk is full, or not writable; the model that was in force still is.
    """
    folder = adaptation_dir(root)
    folder.mkdir(parents=True, exist_ok=True)
    final = folder / version.name
    shutil.rmtree(final, ignore_errors=True)  # of an adoption that was killed halfway
    made.replace(final)
    before = read_adaptation(root, base.name)
    digest = base_digest(base)
    kept = before.versions if before is not None and before.base_digest == digest else ()
    _put(root, Adaptation(base.name, digest, (*kept, version)[-_KEPT:]))
    return final


def undo(root: Path) -> Adaptation:
    """Take the version back that was adopted last: the one before it, or its base, is in force.

    Raises:
        ModelError: nothing is adapted there.
    """
    active = [(each.active, each) for each in read_adaptations(root)]
    adopted = [(version.adopted, each) for version, each in active if version is not None]
    if not adopted:
        raise ModelError(f"No adapted model is in force for {root}; there is nothing to undo.")
    _, found = max(reversed(adopted), key=lambda pair: datetime.fromisoformat(pair[0]))
    left = replace(found, versions=found.versions[:-1])
    _put(root, left)
    return left


def keep_trial(root: Path, report: dict[str, Any]) -> None:
    """Write what a trial of ``root`` came to, won or lost."""
    _replace_json(adaptation_dir(root) / _LAST_TRIAL, report)


def last_trial(root: Path) -> dict[str, Any] | None:
    """Return what the last trial of ``root`` came to; None if there was none."""
    try:
        report: dict[str, Any] = json.loads((adaptation_dir(root) / _LAST_TRIAL).read_bytes())
    except (OSError, ValueError):
        return None
    return report


def version_name(root: Path, base: Model) -> str:
    """Return a name for the next version of ``root`` that no version has had."""
    folder = adaptation_dir(root)
    plain = "".join(c if c.isalnum() or c in "-_." else "-" for c in root.resolve().name)
    stem = f"{base.name.replace('/', '-')}-{plain or 'workspace'}"
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    names |= {version.name for each in read_adaptations(root) for version in each.versions}
    number = 1
    while f"{stem}-{number}" in names:
        number += 1
    return f"{stem}-{number}"


def base_digest(model: Model) -> str:
    """Return what tells one file of a base model from another, without reading all of it."""
    sums = model.path.parent / SUMS
    if model.kind is ModelKind.GGUF and sums.is_file():
        for line in sums.read_text("utf-8").split("\n"):
            digest, _, name = line.partition("  ")
            if name == model.path.name:
                return digest
    files = sorted(model.path.glob("*.safetensors")) if model.path.is_dir() else [model.path]
    return "size " + " ".join(str(file.stat().st_size) for file in files)


def with_adapted_model(settings: Settings, root: Path | None) -> Settings:
    """Return ``settings`` with the model that was adapted to ``root``, if one is in force there.

    A folder inside an adapted workspace counts as that workspace.  Whatever is wrong with an
    adaptation, the user's own choice of model is what remains.
    """
    if not settings.adapted or root is None or settings.engine not in _OUR_OWN_ENGINES:
        return settings
    file = _model_file(settings, root)
    return settings if file is None else replace(settings, model=str(file))


def _model_file(settings: Settings, root: Path) -> Path | None:
    try:
        if not adaptations_dir().is_dir():
            return None
        for folder in _with_parents(root):
            found = read_adaptations(folder)
            if found:
                return _file_of(found, folder, settings)
    except (OSError, ModelError):
        return None
    return None


def _file_of(found: tuple[Adaptation, ...], root: Path, settings: Settings) -> Path | None:
    base = resolve_model(settings.model)
    known = (base.name, base_digest(base))
    active = (each.active for each in found if (each.base, each.base_digest) == known)
    version = next(active, None)
    if version is None:
        return None
    folder = adaptation_dir(root) / version.name
    if settings.engine == "torch":
        return folder if folder.is_dir() else None
    return next(iter(sorted(folder.glob("*.gguf"))), None)


def _with_parents(root: Path) -> Iterator[Path]:
    yield root
    yield from root.resolve().parents


def _put(root: Path, entry: Adaptation) -> None:
    """Write what ``entry`` says of its base, and remove what is not named any more."""
    others = (each for each in read_adaptations(root) if each.base != entry.base)
    entries = (*others, entry)
    folder = adaptation_dir(root)
    _write(folder, {"root": str(root.resolve()), "adaptations": [asdict(each) for each in entries]})
    named = {version.name for each in entries for version in each.versions}
    for path in folder.iterdir():
        if path.is_dir() and path.name not in {*named, _WORK}:
            # An engine may still hold a file open.
            shutil.rmtree(path, ignore_errors=True)


def _write(folder: Path, content: dict[str, Any]) -> None:
    _replace_json(folder / ENTRY, content)


def _replace_json(file: Path, content: dict[str, Any]) -> None:
    unfinished = file.with_name(file.name + ".part")
    unfinished.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    unfinished.replace(file)
