"""New models of three sizes: Qwen3 with tied embeddings, a class that everything can read.

Reasons for the sizes: the largest that completes a line in 100 ms on two CPU cores is M; S is what
two cores train in a night; L is for a GPU.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from codelsp.errors import ModelFileError

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn
    from transformers import PreTrainedModel

MAX_CONTEXT = 2048
"""Positions the model is said to know, tokens."""


@dataclass(frozen=True)
class Shape:
    """The shape of a model."""

    vocabulary: int
    width: int
    layers: int
    heads: int
    kv_heads: int
    feed_forward: int
    head_size: int = 64


SHAPES = {
    "tiny": Shape(512, 64, 2, 2, 1, 128, 32),
    "S": Shape(8_192, 256, 8, 4, 2, 768),
    "M": Shape(16_384, 512, 10, 8, 2, 1_408),
    "L": Shape(16_384, 640, 12, 10, 2, 1_792),
}
"""``tiny`` is for tests and dry runs; S has 8.4 million parameters, M 36.6, L 63.6."""


def new_model(shape: Shape, end_id: int, pad_id: int) -> PreTrainedModel:
    """Return a model with fresh weights; the random state of torch decides which."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    config = Qwen3Config(
        vocab_size=shape.vocabulary,
        hidden_size=shape.width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=shape.head_size,
        intermediate_size=shape.feed_forward,
        max_position_embeddings=MAX_CONTEXT,
        tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": 10_000.0},
        bos_token_id=None,
        eos_token_id=end_id,
        pad_token_id=pad_id,
        architectures=[Qwen3ForCausalLM.__name__],  # what exporters go by
    )
    model = Qwen3ForCausalLM(config)
    with torch.no_grad():
        for layer in model.model.layers:
            # Each block begins as the identity, which steadies the first steps (nanochat).
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        # transformers keeps the padding token's row at zero, but the head reads it too.
        model.model.embed_tokens.padding_idx = None
    return model


def load_model(folder: Path | str) -> PreTrainedModel:
    """Return a causal language model of Hugging Face's, in 32 bits, to train further.

    Raises:
        ModelFileError: there is none, or it is damaged.
    """
    from transformers import AutoModelForCausalLM

    try:
        model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, use_safetensors=True
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelFileError(f"{folder} cannot be loaded: {error}") from error
    return model


def cache_argument(model: PreTrainedModel) -> str:
    """Return the name under which ``model`` takes a cache of keys and values.

    transformers renamed ``past_key_values`` to ``cache`` in 5.24.
    """
    parameters = inspect.signature(type(model).forward).parameters
    return "cache" if "cache" in parameters else "past_key_values"


def n_parameters(model: nn.Module) -> int:
    """Return the number of parameters, tied ones counted once."""
    return sum(parameter.numel() for parameter in model.parameters())


def flops_per_token(model: PreTrainedModel, context: int) -> float:
    """Return the floating-point operations of training on one token.

    Six for each parameter of a matrix product (the tied head included), and the attention's
    12 x layers x width x half the context.
    """
    config = model.config
    width = config.num_attention_heads * getattr(config, "head_dim", 64)
    attention: float = 12 * config.num_hidden_layers * width * context / 2
    return 6 * n_parameters(model) + attention
