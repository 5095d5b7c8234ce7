"""Low-rank adapters: small matrices beside each matrix of a model, which alone are trained.

A step needs no gradients of the model's own weights, and a model that saw little text changes
less.  From ``peft``, as everybody's are; merged into the weights before anything else sees them.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from codelsp.errors import TrainingError
from codelsp.training.checkpoint import restore_weights
from codelsp.training.model import load_model

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import PreTrainedModel

_SCALE = 2
"""``lora_alpha`` as a multiple of the rank."""


def with_adapters(model: PreTrainedModel, rank: int) -> PreTrainedModel:
    """Return ``model`` with adapters of ``rank`` beside every matrix but embedding and head.

    Raises:
        TrainingError: ``peft`` is not installed.
    """
    adapted: PreTrainedModel = _wrapped(model, rank).get_base_model()
    return adapted


def merged(base: str, checkpoint: Path, rank: int) -> PreTrainedModel:
    """Return the model ``base`` with the adapters of ``checkpoint`` added to its weights.

    Raises:
        CheckpointError: the checkpoint is damaged, or of another model or rank.
        TrainingError: ``peft`` is not installed.
    """
    wrapped = _wrapped(load_model(base), rank)
    restore_weights(checkpoint, wrapped.get_base_model())
    model: PreTrainedModel = wrapped.merge_and_unload()
    return model


def _wrapped(model: PreTrainedModel, rank: int) -> Any:
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError:
        raise TrainingError(
            "adapters need peft: `pip install 'codelsp[torch,train]'`; without it the whole model"
            " is trained"
        ) from None
    settings = LoraConfig(r=rank, lora_alpha=_SCALE * rank, target_modules="all-linear")
    with warnings.catch_warnings():
        # peft calls functions that transformers has renamed.
        warnings.simplefilter("ignore", FutureWarning)
        return get_peft_model(model, settings)
