"""A tiny model of each family, with random weights and the family's real special tokens."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_WORDS = ("def", "return", "self", " return", " self", "    ", "value", "()", ":\n", ", ", " = ")
_ROOM = 40
"""More rows than tokens, as real models have."""


@dataclass(frozen=True)
class Family:
    """What makes a family: its class in transformers, its tokens, its shape."""

    model_type: str
    special_tokens: tuple[str, ...]
    shape: Mapping[str, Any]
    bos: str = ""
    eos: str = "<|endoftext|>"
    is_sentence_piece: bool = False
    has_fim: bool = True
    extra: Mapping[str, Any] = field(default_factory=dict)


_QWEN = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|fim_prefix|>", "<|fim_middle|>",
    "<|fim_suffix|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>",
)  # fmt: skip
_STARCODER = ("<|endoftext|>", "<fim_prefix>", "<fim_middle>", "<fim_suffix>", "<fim_pad>")
_LLAMA_SHAPE = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 8,
}  # fmt: skip
_GPT_SHAPE = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 512}

FAMILIES: Mapping[str, Family] = {
    "llama": Family(
        "llama", ("<s>", "</s>", "▁<PRE>", "▁<MID>", "▁<SUF>", "▁<EOT>"), _LLAMA_SHAPE,
        bos="<s>", eos="</s>", is_sentence_piece=True,
    ),
    "qwen2": Family("qwen2", _QWEN, _LLAMA_SHAPE),
    "qwen3": Family("qwen3", _QWEN, {**_LLAMA_SHAPE, "tie_word_embeddings": True}),
    "starcoder2": Family(
        "starcoder2", (*_STARCODER, "<repo_name>", "<file_sep>"),
        {**_LLAMA_SHAPE, "hidden_act": "gelu_pytorch_tanh", "use_bias": True},
    ),
    "gpt_bigcode": Family(
        "gpt_bigcode",
        ("<|endoftext|>", "<fim-prefix>", "<fim-middle>", "<fim-suffix>", "<fim-pad>"),
        {**_GPT_SHAPE, "multi_query": True},
    ),
    "gemma": Family(
        "gemma",
        ("<pad>", "<eos>", "<bos>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>",
         "<|file_separator|>", "<end_of_turn>"),
        {**_LLAMA_SHAPE, "hidden_activation": "gelu_pytorch_tanh", "tie_word_embeddings": False},
        bos="<bos>", eos="<eos>", is_sentence_piece=True,
    ),
    "gemma2": Family(
        "gemma2",
        ("<pad>", "<eos>", "<bos>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>",
         "<|file_separator|>", "<end_of_turn>"),
        {**_LLAMA_SHAPE, "sliding_window": 16, "tie_word_embeddings": False},
        bos="<bos>", eos="<eos>", is_sentence_piece=True,
    ),
    "deepseek": Family(
        "llama",
        ("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜fim▁hole｜>", "<｜fim▁begin｜>",
         "<｜fim▁end｜>", "<|EOT|>"),
        {**_LLAMA_SHAPE, "rope_parameters": {"rope_type": "linear", "factor": 4.0,
                                             "rope_theta": 100000.0}},
        bos="<｜begin▁of▁sentence｜>", eos="<｜end▁of▁sentence｜>",
    ),
    "deepseek-v2": Family(
        "deepseek_v2",
        ("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜fim▁hole｜>", "<｜fim▁begin｜>",
         "<｜fim▁end｜>", "<|EOT|>"),
        {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
         "num_attention_heads": 4, "num_key_value_heads": 4, "q_lora_rank": None,
         "kv_lora_rank": 16, "qk_nope_head_dim": 8, "qk_rope_head_dim": 8, "v_head_dim": 12,
         "n_routed_experts": 4, "num_experts_per_tok": 2, "n_shared_experts": 1,
         "moe_intermediate_size": 16, "first_k_dense_replace": 1, "topk_method": "greedy",
         "n_group": 1, "topk_group": 1},
        bos="<｜begin▁of▁sentence｜>", eos="<｜end▁of▁sentence｜>",
    ),
    "granite": Family(
        "granite", (*_STARCODER, "<filename>"),
        {**_LLAMA_SHAPE, "embedding_multiplier": 12.0, "residual_multiplier": 0.22,
         "attention_multiplier": 0.02, "logits_scaling": 8.0},
    ),
    "mistral": Family(
        "mistral", ("<s>", "</s>", "[PREFIX]", "[MIDDLE]", "[SUFFIX]"),
        {**_LLAMA_SHAPE, "sliding_window": 16}, bos="<s>", eos="</s>", is_sentence_piece=True,
    ),
    "gpt2": Family("gpt2", ("<|endoftext|>",), _GPT_SHAPE, has_fim=False),
    "gpt_neo": Family(
        "gpt_neo", ("<|endoftext|>",),
        {"hidden_size": 32, "num_layers": 2, "num_heads": 4, "max_position_embeddings": 512,
         "attention_types": [[["global", "local"], 1]], "window_size": 16},
        has_fim=False,
    ),
    "codegen": Family(
        "codegen", ("<|endoftext|>", "<mask_1>", "<sep>", "<eom>"),
        {**_GPT_SHAPE, "rotary_dim": 4},
    ),
    "phi": Family(
        "phi", ("<|endoftext|>",),
        {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
         "num_attention_heads": 4, "max_position_embeddings": 512},
        has_fim=False,
    ),
    "phi3": Family(
        "phi3", ("<|endoftext|>",),
        {**{k: v for k, v in _LLAMA_SHAPE.items() if k != "head_dim"},
         "max_position_embeddings": 512, "pad_token_id": None},
        has_fim=False,
    ),
}  # fmt: skip


def make_family(name: str, folder: Path, *, seed: int = 0) -> Path:
    """Write a tiny model of the family ``name`` into ``folder``; return the folder."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    family = FAMILIES[name]
    tokenizer = make_tokenizer(family)
    ids = tokenizer.get_vocab(with_added_tokens=True)
    config = AutoConfig.for_model(
        family.model_type,
        vocab_size=len(ids) + _ROOM,
        eos_token_id=ids[family.eos],
        bos_token_id=ids[family.bos] if family.bos else None,
        **{"pad_token_id": None, **family.shape},
    )
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            # Larger than usual, so that the best tokens differ and lead clearly.
            if parameter.dim() > 1:
                parameter.normal_(0, 0.2)
    model.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": family.eos}), "utf-8"
    )
    return folder


def make_tokenizer(family: Family) -> Tokenizer:
    """Return a tokenizer that knows every byte, a few words and the family's special tokens."""
    make = _sentence_piece if family.is_sentence_piece else _byte_level
    tokenizer = make(family)
    if family.bos:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{family.bos} $A",
            special_tokens=[(family.bos, tokenizer.token_to_id(family.bos))],
        )
    return tokenizer


def _byte_level(family: Family) -> Tokenizer:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {char: index for index, char in enumerate(alphabet)}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    splitter = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    merges = []
    for word in _WORDS:
        (spelled, _), *_ = splitter.pre_tokenize_str(word)
        for end in range(2, len(spelled) + 1):
            if spelled[:end] not in vocabulary:
                vocabulary[spelled[:end]] = len(vocabulary)
                merges.append((spelled[: end - 1], spelled[end - 1]))
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = splitter
    tokenizer.decoder = decoders.ByteLevel()
    _add_special(tokenizer, family)
    return tokenizer


def _sentence_piece(family: Family) -> Tokenizer:
    vocabulary = {"<unk>": 0}
    for special in family.special_tokens:
        vocabulary[special] = len(vocabulary)
    for byte in range(256):
        vocabulary[f"<0x{byte:02X}>"] = len(vocabulary)
    for char in map(chr, [*range(33, 127)]):
        vocabulary.setdefault(char, len(vocabulary))
    vocabulary.setdefault("▁", len(vocabulary))
    merges = []
    for word in _WORDS:
        spelled = word.replace(" ", "▁")
        for end in range(2, len(spelled) + 1):
            pair = (spelled[: end - 1], spelled[end - 1])
            if spelled[:end] not in vocabulary and all(each in vocabulary for each in pair):
                vocabulary[spelled[:end]] = len(vocabulary)
                merges.append(pair)
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", byte_fallback=True))
    from tokenizers import normalizers

    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    _add_special(tokenizer, family)
    return tokenizer


def _add_special(tokenizer: Tokenizer, family: Family) -> None:
    tokenizer.add_special_tokens(
        [AddedToken(each, special=True, normalized=False) for each in family.special_tokens]
    )
