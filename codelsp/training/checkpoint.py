"""Checkpoints: all that a run needs to go on as if it had never stopped.

A checkpoint is a folder ``step-00001234`` with weights, optimizer, tokenizer, configuration and
``state.json``; it is also an ordinary Hugging Face folder.  It is written under another name,
flushed to the disk and then renamed: a folder of that name is whole, whenever the power fails.
Nothing in it is a pickle.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from codelsp.errors import CheckpointError
from codelsp.training.tensor_files import write_tensors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import Tensor
    from transformers import PreTrainedModel

    from codelsp.training.optimizer import Optimizer

_NAME = re.compile(r"step-(\d{8})$")
_RANDOM = "torch random state"
_ADVICE = "remove it to go on from the checkpoint before it"


@dataclass
class RunState:
    """How far a run is."""

    step: int = 0
    tokens: int = 0
    """Tokens learned from, padding excluded."""
    seconds: float = 0.0
    """Time spent training, over all sessions."""
    phase: int = 0
    row: int = 0
    """Rows read of the present phase, over all epochs."""
    n_skipped: int = 0
    """Steps left out because a loss or a gradient was not finite."""
    best_nats: float = float("inf")
    """Of the best validation that counts for an early stop; nats per token."""
    best_step: int = 0
    n_worse: int = 0
    """Such validations since the best one."""
    tokenizer_hash: str = ""
    recipe: dict[str, Any] = field(default_factory=dict)


def save_checkpoint(
    run: Path, model: PreTrainedModel, optimizer: Optimizer, state: RunState, tokenizer: Path
) -> Path:
    """Write a checkpoint and return its folder.

    Raises:
        OSError: the disk is full or not writable; nothing half-written stays behind.
    """
    final = checkpoint_at(run, state.step)
    part = run / f".part-{os.getpid()}"
    for left in run.glob(".part-*"):  # of a run that was killed while it wrote
        shutil.rmtree(left, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        weights = {
            name: tensor.detach().cpu().contiguous() for name, tensor in _own_tensors(model).items()
        }
        write_tensors(part / "model.safetensors", weights)
        tensors = {name: tensor.cpu() for name, tensor in optimizer.state().items()}
        tensors[_RANDOM] = torch.get_rng_state()
        write_tensors(part / "optimizer.safetensors", tensors)
        model.config.save_pretrained(part)
        shutil.copyfile(tokenizer, part / "tokenizer.json")
        (part / "state.json").write_text(json.dumps(asdict(state), indent=1), encoding="utf-8")
        for file in part.iterdir():
            _flush(file)
        shutil.rmtree(final, ignore_errors=True)
        part.replace(final)
        _flush(run)
    except SafetensorError as error:
        raise OSError(str(error)) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return final


def _own_tensors(model: PreTrainedModel) -> dict[str, Tensor]:
    """Return a model's tensors, those that are tied to another left out."""
    seen: set[int] = set()
    tensors = {}
    for name, tensor in model.state_dict().items():
        if tensor.data_ptr() not in seen:
            seen.add(tensor.data_ptr())
            tensors[name] = tensor
    return tensors


def _flush(path: Path) -> None:
    """Make sure that a file or a folder is on the disk (Windows cannot flush folders)."""
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def checkpoints_in(run: Path) -> list[Path]:
    """Return the whole checkpoints of a run, oldest first."""
    if not run.is_dir():
        return []
    return sorted(path for path in run.iterdir() if _NAME.fullmatch(path.name) and path.is_dir())


def read_state(checkpoint: Path) -> RunState:
    """Read how far a run was.

    Raises:
        CheckpointError: the checkpoint is damaged.
    """
    try:
        return RunState(**json.loads((checkpoint / "state.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError(
            f"{checkpoint} is no whole checkpoint ({error}); {_ADVICE}"
        ) from error


def restore(checkpoint: Path, model: PreTrainedModel, optimizer: Optimizer) -> None:
    """Put weights, optimizer and random state back.

    Raises:
        CheckpointError: the checkpoint is damaged or is of a model of another shape.
    """
    restore_weights(checkpoint, model)
    try:
        tensors = load_file(checkpoint / "optimizer.safetensors")
        torch.set_rng_state(tensors.pop(_RANDOM))
        optimizer.restore(tensors)
    except (OSError, SafetensorError, KeyError, RuntimeError) as error:
        raise CheckpointError(
            f"{checkpoint} has a damaged optimizer ({error}); {_ADVICE}"
        ) from error


def restore_weights(checkpoint: Path, model: PreTrainedModel) -> None:
    """Put the weights of a checkpoint into ``model``.

    Raises:
        CheckpointError: they are damaged or of another shape.
    """
    try:
        weights = load_file(checkpoint / "model.safetensors")
        missing, unexpected = model.load_state_dict(weights, strict=False)
    except (OSError, SafetensorError, RuntimeError) as error:
        raise CheckpointError(f"{checkpoint} does not fit the model: {error}") from error
    tied = set(model.state_dict()) - set(_own_tensors(model))
    if unexpected or set(missing) - tied:
        raise CheckpointError(f"{checkpoint} does not fit the model: other tensors are in it")


def check_tokenizer(state: RunState, digest: str, checkpoint: Path) -> None:
    """Refuse a checkpoint whose ids mean something else.

    Raises:
        CheckpointError: its tokenizer is another.
    """
    if state.tokenizer_hash != digest:
        raise CheckpointError(
            f"{checkpoint} was trained with another tokenizer; use the tokenizer.json in it"
        )


def checkpoint_at(run: Path, step: int) -> Path:
    """Return the folder of the checkpoint of ``step``; it need not exist."""
    return run / f"step-{step:08d}"


def remove_old(run: Path, keep: int, keep_every_tokens: float, best_step: int = 0) -> None:
    """Remove checkpoints but the newest ``keep``, the best, and one of each stretch of tokens."""
    kept = {checkpoint_at(run, best_step)}
    kept |= set(_one_of_each(checkpoints_in(run), keep_every_tokens))
    for checkpoint in checkpoints_in(run)[:-keep]:
        if checkpoint not in kept:
            shutil.rmtree(checkpoint, ignore_errors=True)


def _one_of_each(checkpoints: list[Path], stretch: float) -> Iterator[Path]:
    seen: set[int] = set()
    for checkpoint in checkpoints if stretch else ():
        number = int(read_state(checkpoint).tokens // stretch)
        if number not in seen and number > 0:
            seen.add(number)
            yield checkpoint
