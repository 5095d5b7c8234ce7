"""From what a user wrote in ``model`` to files on this machine."""

from __future__ import annotations

import os
import re
from pathlib import Path

from codelsp.errors import ModelFileError, ModelNotFoundError
from codelsp.model_store.model import Model, ModelKind, find_in_folder, refuse_pickle
from codelsp.model_store.places import (
    DEFAULT_MODEL,
    embedded_dir,
    embedded_models,
    stored_model,
    stored_models,
)

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def resolve_model(name: str, prefer: ModelKind = ModelKind.GGUF) -> Model:
    """Return the model that ``name`` means; never asks the network.

    ``name`` is empty (the embedded model), a model's name, a ``.gguf`` file, a folder as
    transformers saves it, or the id of a model that transformers has downloaded before.

    Args:
        name: what the user wrote.
        prefer: which kind to take where a folder holds both.

    Raises:
        ModelNotFoundError: there is none, and what there is.
        ModelFileError: there is one, but not as files that may be loaded.
    """
    if not name:
        return _default(prefer)
    model = stored_model(name, prefer) or _embedded(name, prefer)
    model = model or _at_path(name, prefer) or _downloaded_by_transformers(name, prefer)
    if model is None:
        raise ModelNotFoundError(_not_found(name))
    return model


def list_models(prefer: ModelKind = ModelKind.GGUF) -> tuple[Model, ...]:
    """Return all models that have a name here, embedded ones first."""
    stored = stored_models(prefer)
    hidden = {model.name for model in stored}
    embedded = (model for model in embedded_models(prefer) if model.name not in hidden)
    return (*embedded, *stored)


def _default(prefer: ModelKind) -> Model:
    model = _embedded(DEFAULT_MODEL, prefer)
    if model is None:
        raise ModelFileError(
            f"The embedded model is missing from {embedded_dir()}; install codelsp again."
        )
    return model


def _embedded(name: str, prefer: ModelKind) -> Model | None:
    return next((model for model in embedded_models(prefer) if model.name == name), None)


def _at_path(name: str, prefer: ModelKind) -> Model | None:
    path = Path(name).expanduser()
    refuse_pickle(path)
    if path.is_dir():
        return _in_users_folder(path.resolve(), prefer)
    if path.suffix.lower() == ".gguf":
        if not path.is_file():
            raise ModelNotFoundError(f"There is no file {path}.{_what_there_is()}")
        return Model(path.stem, path.resolve(), ModelKind.GGUF)
    if path.suffix.lower() == ".safetensors" and path.is_file():
        return _in_users_folder(path.resolve().parent, prefer)
    return None


def _in_users_folder(folder: Path, prefer: ModelKind) -> Model:
    model = find_in_folder(folder, folder.name, prefer)
    if model is None:
        raise ModelFileError(
            f"{folder} holds no model: neither a .gguf file, nor config.json with *.safetensors."
        )
    return model


def _downloaded_by_transformers(name: str, prefer: ModelKind) -> Model | None:
    if not _HUB_ID.fullmatch(name):
        return None
    default = Path(os.environ.get("HF_HOME", "~/.cache/huggingface")) / "hub"
    cache = Path(os.environ.get("HF_HUB_CACHE", default)).expanduser()
    snapshots = cache / f"models--{name.replace('/', '--')}" / "snapshots"
    if not snapshots.is_dir():
        return None
    newest_first = sorted(snapshots.iterdir(), key=lambda path: -path.stat().st_mtime)
    models = (find_in_folder(folder, name, prefer) for folder in newest_first)
    return next((model for model in models if model is not None), None)


def _not_found(name: str) -> str:
    advice = ""
    if _HUB_ID.fullmatch(name):
        advice = f" To download it: `codelsp models pull {name}:FILE.gguf`."
    return f"There is no model {name!r}.{advice}{_what_there_is()}"


def _what_there_is() -> str:
    names = ", ".join(model.name for model in list_models()) or "none"
    return f" Models here: {names}; any .gguf file or folder of safetensors can be named too."
