"""The weights of a Hugging Face folder, as llama.cpp wants them in a GGUF file."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from codelsp.errors import ModelFileError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import gguf
    import torch


class Precision(Enum):
    """How the weights are stored; vectors stay float32 always."""

    F32 = "f32"
    F16 = "f16"
    Q8_0 = "q8_0"
    """Blocks of 32 weights, one byte each with a shared scale: half of f16, nearly no loss."""


@dataclass(frozen=True)
class Architecture:
    """How llama.cpp calls a class of transformers, and what it wants done to it."""

    name: str
    permutes_heads: bool = False
    """Whether the query and key rows are stored in the order of llama's original rotation."""
    has_head_length: bool = True


ARCHITECTURES: Mapping[str, Architecture] = {
    "Qwen3ForCausalLM": Architecture("qwen3"),
    "Qwen2ForCausalLM": Architecture("qwen2", has_head_length=False),
    "LlamaForCausalLM": Architecture("llama", permutes_heads=True),
}


def architecture_of(config: Mapping[str, Any], source: Path) -> Architecture:
    """Return what llama.cpp calls the model that ``config`` describes.

    Raises:
        ModelFileError: nothing that is exported here, and why.
    """
    name = (config.get("architectures") or ["nothing"])[0]
    if name not in ARCHITECTURES:
        raise ModelFileError(
            f"{source} is a {name}; only {', '.join(ARCHITECTURES)} are exported to GGUF."
        )
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    kind = rope.get("rope_type") or rope.get("type") or "default"
    if kind != "default":
        raise ModelFileError(f"{source} stretches its context ({kind}); this is not exported.")
    if config.get("use_sliding_window"):
        raise ModelFileError(f"{source} attends through a sliding window; this is not exported.")
    return ARCHITECTURES[name]


def write_weights(
    writer: gguf.GGUFWriter, source: Path, config: Mapping[str, Any], precision: Precision
) -> None:
    """Give ``writer`` the weights in ``source``, under llama.cpp's names.

    Raises:
        ModelFileError: a weight is damaged, of another size, or has no place in llama.cpp.
    """
    import gguf

    architecture = ARCHITECTURES[config["architectures"][0]]
    layers = config["num_hidden_layers"]
    # The enumeration's names are llama.cpp's, in capitals.
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH[architecture.name.upper()], layers)
    writer.add_file_type(gguf.LlamaFileType[_file_type(precision)])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    for name, tensor in _tensors(source):
        # Tied weights are stored once, though some checkpoints hold them twice.
        if name == "lm_head.weight" and config.get("tie_word_embeddings"):
            continue
        if name == "model.embed_tokens.weight" and tensor.shape[0] != config["vocab_size"]:
            raise ModelFileError(
                f"The embedding in {source} has {tensor.shape[0]} rows, its config says"
                f" {config['vocab_size']}; copy both from the same model."
            )
        their_name = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if their_name is None:
            raise ModelFileError(f"{source} holds {name}, which llama.cpp has no place for.")
        ordered = _permuted(name, tensor, config) if architecture.permutes_heads else tensor
        _add_tensor(writer, their_name, ordered, precision)


def _file_type(precision: Precision) -> str:
    return {
        Precision.F32: "ALL_F32",
        Precision.F16: "MOSTLY_F16",
        Precision.Q8_0: "MOSTLY_Q8_0",
    }[precision]


def _add_tensor(
    writer: gguf.GGUFWriter, name: str, tensor: torch.Tensor, precision: Precision
) -> None:
    import gguf

    values = tensor.float().numpy()
    kind = gguf.GGMLQuantizationType[precision.name]
    if values.ndim == 1:
        kind = gguf.GGMLQuantizationType.F32
    elif precision is Precision.Q8_0 and values.shape[-1] % 32:
        kind = gguf.GGMLQuantizationType.F16  # A row that is no whole number of blocks.
    writer.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)


def _permuted(name: str, tensor: torch.Tensor, config: Mapping[str, Any]) -> torch.Tensor:
    """Return ``tensor`` with the rows of each head interleaved, if it makes queries or keys.

    transformers rotates a head's first half against its second; llama.cpp, for this architecture,
    rotates neighbors, as Meta's original does.
    """
    if ".q_proj." in name:
        heads = config["num_attention_heads"]
    elif ".k_proj." in name:
        heads = config.get("num_key_value_heads") or config["num_attention_heads"]
    else:
        return tensor
    halves = tensor.reshape(heads, 2, -1, *tensor.shape[1:])  # (heads, half, head_dim / 2, ...)
    return halves.swapaxes(1, 2).reshape(tensor.shape).contiguous()


def weight_files(source: Path) -> tuple[Path, ...]:
    """Return the safetensors files in ``source``.

    Raises:
        ModelFileError: there are none; pickles are refused by name.
    """
    files = tuple(sorted(source.glob("*.safetensors")))
    if not files:
        pickles = [*source.glob("*.bin"), *source.glob("*.pt"), *source.glob("*.pth")]
        reason = (
            f"; {pickles[0].name} is a pickle, which may run any code when it is loaded:"
            " save the model again with `save_pretrained`"
            if pickles
            else ""
        )
        raise ModelFileError(f"{source} holds no weights (*.safetensors){reason}.")
    return files


def _tensors(source: Path) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the weights one by one, so that only one is in memory in full precision."""
    from safetensors import safe_open

    for file in weight_files(source):
        with _damage_named(file), safe_open(file, framework="pt") as opened:
            for name in opened.keys():  # noqa: SIM118  # It has no __iter__.
                yield name, opened.get_tensor(name)


@contextmanager
def _damage_named(file: Path) -> Iterator[None]:
    from safetensors import SafetensorError

    try:
        yield
    except SafetensorError as error:
        raise ModelFileError(f"{file} is damaged ({error}); copy the model again.") from None
