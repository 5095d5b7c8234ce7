"""A trained model, as files that others can use: a Hugging Face folder, or one GGUF file.

llama.cpp's own converter recognizes a tokenizer by a hash of what it makes of a sample, and
refuses every tokenizer it has not met; so the file is written here, with the ``gguf`` package.
"""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from codelsp.errors import ModelFileError
from codelsp.training.gguf_vocabulary import GgufVocabulary, read_json, read_vocabulary
from codelsp.training.gguf_weights import (
    Architecture,
    Precision,
    architecture_of,
    weight_files,
    write_weights,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import gguf

_FOLDER_FILES = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
)


@dataclass(frozen=True)
class Credits:
    """What a GGUF file says of itself; empty fields are left out."""

    name: str = ""
    """The folder's name if empty."""
    description: str = ""
    author: str = ""
    license: str = ""
    """An SPDX id."""
    languages: tuple[str, ...] = ()


def export_hf(source: Path, destination: Path) -> Path:
    """Copy what makes a model from ``source`` to ``destination``: weights, config, tokenizer.

    Nothing else is taken along (optimizer states, logs, pickles).

    Raises:
        ModelFileError: ``source`` holds no model of safetensors.
    """
    weights = weight_files(source)
    if source.resolve() == destination.resolve():
        raise ModelFileError(f"{source} cannot be exported onto itself; name another folder.")
    destination.mkdir(parents=True, exist_ok=True)
    index = source / "model.safetensors.index.json"
    others = (source / name for name in _FOLDER_FILES)
    for file in (*weights, index, *others):
        if file.exists():
            shutil.copyfile(file, destination / file.name)
    return destination


def export_gguf(
    source: Path,
    destination: Path,
    precision: Precision = Precision.Q8_0,
    credits_: Credits | None = None,
) -> Path:
    """Write the Hugging Face folder ``source`` as one GGUF file; ``destination`` appears whole.

    Raises:
        ModelFileError: the architecture, tokenizer or weights cannot be exported, and why.
    """
    config = read_json(source / "config.json")
    architecture = architecture_of(config, source)
    vocabulary = read_vocabulary(source, int(config["vocab_size"]))
    words = credits_ or Credits()
    words = replace(words, name=words.name or source.resolve().name)
    destination.parent.mkdir(parents=True, exist_ok=True)
    with _writer(destination, architecture.name) as writer:
        _write_credits(writer, words)
        _write_shape(writer, config, architecture)
        _write_vocabulary(writer, vocabulary)
        write_weights(writer, source, config, precision)
    return destination


@contextmanager
def _writer(destination: Path, architecture: str) -> Iterator[gguf.GGUFWriter]:
    """Yield a writer whose file is moved to ``destination`` at the end, if all went well."""
    import gguf

    unfinished = destination.with_name(destination.name + ".part")
    writer = gguf.GGUFWriter(unfinished, architecture)
    try:
        yield writer
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        unfinished.replace(destination)
    finally:
        writer.close()
        unfinished.unlink(missing_ok=True)


def _write_credits(writer: gguf.GGUFWriter, words: Credits) -> None:
    writer.add_name(words.name)
    if words.description:
        writer.add_description(words.description)
    if words.author:
        writer.add_author(words.author)
    if words.license:
        writer.add_license(words.license)
    if words.languages:
        writer.add_languages(list(words.languages))


def _write_shape(
    writer: gguf.GGUFWriter, config: Mapping[str, Any], architecture: Architecture
) -> None:
    heads = config["num_attention_heads"]
    head_length = config.get("head_dim") or config["hidden_size"] // heads
    rope = config.get("rope_parameters") or config
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config.get("num_key_value_heads") or heads)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(float(rope.get("rope_theta", 10000.0)))
    writer.add_vocab_size(config["vocab_size"])
    if architecture.has_head_length:
        writer.add_key_length(head_length)
        writer.add_value_length(head_length)
    if architecture.permutes_heads:
        writer.add_rope_dimension_count(head_length)


def _write_vocabulary(writer: gguf.GGUFWriter, vocabulary: GgufVocabulary) -> None:
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(vocabulary.splitting_rule)
    writer.add_token_list(list(vocabulary.tokens))
    writer.add_token_types(list(vocabulary.kinds))
    writer.add_token_merges(list(vocabulary.merges))
    for role, id_ in vocabulary.ids.items():
        writer.add_uint32(f"tokenizer.ggml.{role}_token_id", id_)
    # Prompts are assembled as ids; nothing may be put around them.
    writer.add_add_bos_token(value=False)
    writer.add_add_eos_token(value=False)
