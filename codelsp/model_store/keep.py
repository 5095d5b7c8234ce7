"""Adds models to the user's store, and removes them."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from codelsp.errors import ModelError, ModelNotFoundError
from codelsp.model_store.gguf_header import read_header
from codelsp.model_store.model import Model, ModelKind
from codelsp.model_store.places import (
    Manifest,
    read_manifest,
    store_folder,
    write_manifest,
)
from codelsp.model_store.resolve import resolve_model

if TYPE_CHECKING:
    from collections.abc import Callable

_CHUNK_BYTES = 1 << 20


def add_model(path: Path, name: str) -> Model:
    """Give the file or folder at ``path`` a ``name``; it stays where it is.

    Raises:
        ModelFileError: it is no model, or not one that may be loaded.
        ModelError: the name is taken, or no name.
    """
    folder = store_folder(name)
    if read_manifest(folder) is not None or folder.exists():
        raise ModelError(
            f"There is a model {name} already; `codelsp models remove {name}` first,"
            " or choose another name."
        )
    found = resolve_model(str(Path(path).expanduser().absolute()))
    size, sha256 = 0, ""
    if found.kind is ModelKind.GGUF:
        read_header(found.path)
        size, sha256 = found.path.stat().st_size, sha256_of(found.path)
    folder.mkdir(parents=True)
    write_manifest(folder, Manifest(str(found.path), found.kind.value, "", size, sha256))
    return Model(name, found.path, found.kind)


def remove_model(name: str) -> None:
    """Forget the model ``name``, and delete what the store itself holds of it.

    A file that the user added stays where it is; one that was pulled is deleted.

    Raises:
        ModelNotFoundError: the store has none of this name.
    """
    folder = store_folder(name)
    if not folder.is_dir():
        raise ModelNotFoundError(
            f"The store has no model {name}; embedded models cannot be removed."
        )
    shutil.rmtree(folder)


def sha256_of(path: Path, progress: Callable[[int], None] | None = None) -> str:
    """Return the SHA-256 of the file at ``path``; ``progress`` is told the bytes read so far."""
    digest = hashlib.sha256()
    n_bytes = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            n_bytes += len(chunk)
            if progress:
                progress(n_bytes)
    return digest.hexdigest()
