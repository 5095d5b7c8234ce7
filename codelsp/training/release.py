"""A model folder as it is handed on: weights, tokenizer, GGUF files, recipe, card and hashes.

Everything that reads models finds its files in it: transformers and vLLM the safetensors,
llama.cpp the GGUF, codelsp either.  The folder appears whole or not at all.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from codelsp.errors import ModelFileError
from codelsp.training.average import average
from codelsp.training.checkpoint import checkpoints_in
from codelsp.training.disk import room_for
from codelsp.training.export import Credits, export_gguf
from codelsp.training.gguf_vocabulary import read_json
from codelsp.training.gguf_weights import Precision, weight_files
from codelsp.training.tensor_files import write_tensors
from codelsp.training.tokenizer import END_TOKEN, PAD_TOKEN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

SUMS = "SHA256SUMS"
_DTYPES = {"bf16": torch.bfloat16, "f16": torch.float16, "f32": torch.float32}
_CONFIG_NAMES = {"bf16": "bfloat16", "f16": "float16", "f32": "float32"}
_CARRIED = ("tokenizer.json", "special_tokens_map.json")


@dataclass(frozen=True)
class Release:
    """What a folder is to hold besides the model itself."""

    dtype: str = "bf16"
    """Of the safetensors: bf16, f16 or f32."""
    ggufs: tuple[Precision, ...] = (Precision.Q8_0,)
    credits: Credits = field(default_factory=Credits)
    attached: tuple[Path, ...] = ()
    """Files that go along under their own names: the recipe, the card."""
    last: int = 6
    """Of a run: how many of its last checkpoints are averaged."""


def release(source: Path, destination: Path, wanted: Release) -> Path:
    """Write the folder ``destination`` from ``source`` and return it.

    Args:
        source: A Hugging Face folder, a checkpoint, or a run: then the mean of its last
            checkpoints is taken.
        destination: A folder that is not there yet, or that this function has written before;
            files in it that no release writes stay.
        wanted: What goes into it.

    Raises:
        ModelFileError: ``source`` holds no model, or not one that can be exported, or is
            ``destination``.
        CheckpointError: the checkpoints of the run do not fit each other.
        TrainingError: the disk is full.
    """
    if source.resolve() == destination.resolve():
        raise ModelFileError(f"{source} cannot be exported onto itself; name another folder.")
    with room_for("the model", destination):
        _release(source, destination, wanted)
    return destination


def _release(source: Path, destination: Path, wanted: Release) -> None:
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=destination.parent, prefix=".release-") as scratch:
        made = Path(scratch) / destination.name
        made.mkdir()
        _write_folder(_model_in(source, Path(scratch) / "mean", wanted.last), made, wanted)
        words = replace(wanted.credits, name=wanted.credits.name or destination.name)
        for precision in wanted.ggufs:
            export_gguf(made, made / f"{destination.name}-{precision.value}.gguf", precision, words)
        for file in wanted.attached:
            shutil.copyfile(file, made / file.name)
        destination.mkdir(exist_ok=True)
        for file in made.iterdir():
            file.replace(destination / file.name)
    write_sums(destination)


def write_sums(folder: Path) -> Path:
    """Write the hashes of all files of ``folder``, as ``sha256sum`` does and ``-c`` checks."""
    files = sorted(file for file in folder.iterdir() if file.is_file() and file.name != SUMS)
    lines = [f"{sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8", newline="\n")
    return folder / SUMS


def _model_in(source: Path, scratch: Path, last: int) -> Path:
    """Return the folder with the weights: ``source``, or the mean of a run's checkpoints."""
    found = checkpoints_in(source)
    if not found:
        return source
    average(found[-last:], scratch)
    return scratch


def _write_folder(model: Path, made: Path, wanted: Release) -> None:
    config = read_json(model / "config.json")
    weights = _rounded(_weights_of(model), _DTYPES[wanted.dtype])
    write_tensors(made / "model.safetensors", weights)
    config["dtype"] = _CONFIG_NAMES[wanted.dtype]
    config.pop("torch_dtype", None)  # its older name
    _write_json(made / "config.json", config)
    for name in _CARRIED:
        if (model / name).is_file():
            shutil.copyfile(model / name, made / name)
    settings = {
        "generation_config.json": _generation(config),
        "tokenizer_config.json": _tokenizer_config(model),
    }
    for name, usual in settings.items():
        if (model / name).is_file():
            shutil.copyfile(model / name, made / name)
        else:
            _write_json(made / name, usual)


def _weights_of(model: Path) -> dict[str, Tensor]:
    weights: dict[str, Tensor] = {}
    for file in weight_files(model):
        # A checkpoint keeps its optimizer beside the weights.
        if file.name.startswith("optimizer"):
            continue
        try:
            weights |= load_file(file)
        except (OSError, SafetensorError) as error:
            raise ModelFileError(f"{file} is damaged ({error}); copy the model again.") from None
    return weights


def _rounded(weights: Mapping[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    return {
        name: (tensor.to(dtype) if tensor.is_floating_point() else tensor).contiguous()
        for name, tensor in weights.items()
    }


def _generation(config: Mapping[str, Any]) -> dict[str, Any]:
    keys = ("bos_token_id", "eos_token_id", "pad_token_id")
    return {key: config[key] for key in keys if config.get(key) is not None}


def _tokenizer_config(model: Path) -> dict[str, Any]:
    """Return what transformers wants to know of a tokenizer of ours.

    Raises:
        ModelFileError: the tokenizer is not one of ours, and nobody says which its end token is.
    """
    tokenizer = read_json(model / "tokenizer.json")
    spelled: Sequence[str] = [entry["content"] for entry in tokenizer.get("added_tokens", ())]
    if END_TOKEN not in spelled:
        raise ModelFileError(
            f"{model} has no tokenizer_config.json, and its tokenizer no {END_TOKEN}: save the "
            "tokenizer with `save_pretrained` beside the weights."
        )
    return {
        "clean_up_tokenization_spaces": False,
        "eos_token": END_TOKEN,
        "pad_token": PAD_TOKEN if PAD_TOKEN in spelled else END_TOKEN,
        "tokenizer_class": "PreTrainedTokenizerFast",
    }


def _write_json(file: Path, content: Mapping[str, Any]) -> None:
    file.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
