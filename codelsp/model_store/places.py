"""Where models are: those that came with codelsp, and the user's store.

The store is a folder; each model in it is a folder of its own with ``model.json``, which says
where the file is (in that folder, or wherever the user has it), its size and its hash.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from codelsp.directories import data_dir
from codelsp.errors import ModelError, ModelFileError
from codelsp.model_store.model import Model, ModelKind, find_in_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_MODEL = "codelsp-s"
"""The model that answers when the user has chosen none."""
MANIFEST = "model.json"


@dataclass(frozen=True)
class Manifest:
    """What the store knows of a model: ``model.json``."""

    path: str
    """Of the file or folder: absolute, or within the model's folder in the store."""
    kind: str
    source: str = ""
    """Where it was pulled from."""
    size: int = 0
    """Bytes."""
    sha256: str = ""
    """Of the file; empty for a folder."""


def store_dir() -> Path:
    """Return the folder of the user's models; it need not exist."""
    return data_dir() / "models"


def embedded_dir() -> Path:
    """Return the folder of the models that came with codelsp.

    In an installed wheel they are inside the package, in the repository beside it.
    """
    package = Path(__file__).parents[1]
    inside = package / "models"
    return inside if inside.is_dir() else package.parent / "models"


def embedded_models(prefer: ModelKind = ModelKind.GGUF) -> tuple[Model, ...]:
    """Return the models that came with codelsp, the default one first."""
    folders = sorted(_folders(embedded_dir()), key=lambda folder: folder.name != DEFAULT_MODEL)
    models = (find_in_folder(folder, folder.name, prefer, is_embedded=True) for folder in folders)
    return tuple(model for model in models if model is not None)


def stored_models(prefer: ModelKind = ModelKind.GGUF) -> tuple[Model, ...]:
    """Return the models in the user's store, by name; entries that cannot be used are left out."""
    models = []
    for folder in _folders(store_dir()):
        try:
            model = stored_model(folder.name, prefer)
        except ModelError:
            continue
        if model is not None:
            models.append(model)
    return tuple(models)


def stored_model(name: str, prefer: ModelKind = ModelKind.GGUF) -> Model | None:
    """Return the model called ``name`` in the user's store, if there is one.

    Raises:
        ModelFileError: its entry is damaged, or its file is gone.
    """
    if not _is_plain(name):
        return None
    folder = store_dir() / name
    manifest = read_manifest(folder)
    if manifest is None:
        return find_in_folder(folder, name, prefer)
    path = folder / manifest.path
    if not path.exists():
        raise ModelFileError(
            f"The model {name} of the store points to {path}, which is gone;"
            f" put it back, or `codelsp models remove {name}`."
        )
    if path.is_dir():
        return find_in_folder(path, name, prefer)
    return Model(name, path, ModelKind(manifest.kind))


def read_manifest(folder: Path) -> Manifest | None:
    """Return what ``model.json`` in ``folder`` says; None if there is none.

    Raises:
        ModelFileError: it is damaged.
    """
    file = folder / MANIFEST
    try:
        manifest = Manifest(**json.loads(file.read_bytes()))
        ModelKind(manifest.kind)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, TypeError) as error:
        raise ModelFileError(
            f"{file} is damaged ({error}); `codelsp models remove {folder.name}` and add it again."
        ) from None
    return manifest


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write ``model.json`` into ``folder``, whole or not at all."""
    unfinished = folder / (MANIFEST + ".part")
    unfinished.write_text(json.dumps(asdict(manifest), indent=2) + "\n", encoding="utf-8")
    unfinished.replace(folder / MANIFEST)


def store_folder(name: str) -> Path:
    """Return the folder of the model ``name`` in the store; it need not exist.

    Raises:
        ModelError: ``name`` would lead out of the store.
    """
    if not _is_plain(name):
        raise ModelError(
            f"{name!r} is no name for a model: use letters, digits, dot, dash, underscore."
        )
    return store_dir() / name


def _is_plain(name: str) -> bool:
    letters = name.replace(".", "a").replace("-", "a").replace("_", "a")
    return letters.isalnum() and name[0].isalnum()


def _folders(place: Path) -> Iterator[Path]:
    try:
        entries = sorted(place.iterdir())
    except OSError:
        return  # No such place, or none that may be read: no models.
    yield from (entry for entry in entries if entry.is_dir())
