"""The mean of the last checkpoints' weights: a better model than the last one alone, for nothing.

Full Line Code Completion ships the mean of its last six (arXiv 2405.08704).
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file

from codelsp.errors import CheckpointError
from codelsp.training.checkpoint import read_state
from codelsp.training.tensor_files import write_tensors

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import Tensor


def average(checkpoints: Sequence[Path], output: Path, dtype: torch.dtype = torch.float32) -> None:
    """Write the mean of ``checkpoints`` to ``output``, a Hugging Face folder.

    Raises:
        CheckpointError: there is none, or they are of different runs.
    """
    if not checkpoints:
        raise CheckpointError("there is no checkpoint to take the mean of")
    hashes = {read_state(checkpoint).tokenizer_hash for checkpoint in checkpoints}
    if len(hashes) > 1:
        raise CheckpointError("the checkpoints were trained with different tokenizers")
    mean: dict[str, Tensor] = {}
    for checkpoint in checkpoints:
        weights = load_file(checkpoint / "model.safetensors")
        if mean and {k: v.shape for k, v in mean.items()} != {
            k: v.shape for k, v in weights.items()
        }:
            raise CheckpointError(f"{checkpoint} holds a model of another shape")
        for name, tensor in weights.items():
            share = tensor.double() / len(checkpoints)
            mean[name] = mean[name] + share if name in mean else share
    output.mkdir(parents=True, exist_ok=True)
    rounded = {name: tensor.to(dtype).contiguous() for name, tensor in mean.items()}
    write_tensors(output / "model.safetensors", rounded)
    for name in ("config.json", "tokenizer.json"):
        shutil.copyfile(checkpoints[-1] / name, output / name)
