"""What a model is to the rest of codelsp: a name, a place, and a kind of files."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from codelsp.errors import ModelFileError

if TYPE_CHECKING:
    from pathlib import Path

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")


class ModelKind(str, Enum):
    """Which files a model is made of."""

    GGUF = "gguf"
    """One file, for llama.cpp."""
    HF = "hf"
    """A folder as transformers saves it, for torch."""


@dataclass(frozen=True)
class Model:
    """A model that is on this machine."""

    name: str
    path: Path
    """The GGUF file, or the folder."""
    kind: ModelKind
    is_embedded: bool = False
    """Whether it came with codelsp."""


def refuse_pickle(path: Path) -> None:
    """Say no to files that may run code when they are loaded.

    Raises:
        ModelFileError: ``path`` is named like one.
    """
    if path.suffix.lower() in PICKLES:
        raise ModelFileError(
            f"{path.name} is a pickle, which may run any code when it is loaded; codelsp loads"
            " .gguf and .safetensors only. If you trust whoever made it: `codelsp engine start"
            " --engine torch --foreground --allow-pickle`."
        )


def find_in_folder(
    folder: Path, name: str, prefer: ModelKind, *, is_embedded: bool = False
) -> Model | None:
    """Return the model whose files are in ``folder``; of two kinds, the one of kind ``prefer``.

    Raises:
        ModelFileError: the folder holds a model, but as pickles only.
    """
    found = {}
    ggufs = sorted(folder.glob("*.gguf"))
    if ggufs:
        # Of a model in several parts, llama.cpp wants the first, and finds the rest.
        found[ModelKind.GGUF] = ggufs[0]
    if (folder / "config.json").is_file() and any(folder.glob("*.safetensors")):
        found[ModelKind.HF] = folder
    if not found:
        for pickle in (file for end in PICKLES for file in sorted(folder.glob(f"*{end}"))):
            refuse_pickle(pickle)
        return None
    kind = prefer if prefer in found else next(iter(found))
    return Model(name, found[kind], kind, is_embedded=is_embedded)
