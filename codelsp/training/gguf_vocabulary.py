"""A Hugging Face ``tokenizer.json`` as llama.cpp wants it in a GGUF file.

llama.cpp does not run the tokenizer of the file: it has its own, and the file names which one of
its hard-wired splitting rules to use (``tokenizer.ggml.pre``).  A wrong name gives other ids
without any error, so a rule that is not in the table below is refused.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from codelsp.errors import ModelFileError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NORMAL, CONTROL, USER_DEFINED, UNUSED = 1, 3, 4, 5
"""Kinds of tokens, as numbered by GGUF (``gguf.TokenType``)."""

_MOST_PADDING_ROWS = 512
"""Embeddings are rounded up to please GPUs: Qwen2.5 by 271 rows."""

QWEN2_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_LLAMA3_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_RULES: Mapping[tuple[str, ...], str] = {
    ("split", QWEN2_SPLIT, "bytes"): "qwen2",
    ("split", _LLAMA3_SPLIT, "bytes"): "llama-bpe",
    ("gpt2",): "gpt-2",
    ("digits", "gpt2"): "starcoder",
}

_ROLES: Mapping[str, tuple[str, ...]] = {
    "fim_pre": ("<|fim_prefix|>", "<fim_prefix>"),
    "fim_suf": ("<|fim_suffix|>", "<fim_suffix>"),
    "fim_mid": ("<|fim_middle|>", "<fim_middle>"),
    "fim_pad": ("<|fim_pad|>", "<fim_pad>"),
    "fim_rep": ("<|repo_name|>", "<repo_name>"),
    "fim_sep": ("<|file_sep|>", "<file_sep>"),
}


@dataclass(frozen=True)
class GgufVocabulary:
    """Everything of a tokenizer that a GGUF file holds."""

    splitting_rule: str
    tokens: tuple[str, ...]
    kinds: tuple[int, ...]
    merges: tuple[str, ...]
    ids: Mapping[str, int]
    """Token ids by llama.cpp's name of their role: ``eos``, ``padding``, ``fim_pre``, ..."""


def read_vocabulary(folder: Path, rows: int) -> GgufVocabulary:
    """Return the tokenizer in ``folder``, padded to the ``rows`` of the model's embedding.

    Raises:
        ModelFileError: there is none, llama.cpp has no equal of it, or it is another model's.
    """
    tokenizer = read_json(folder / "tokenizer.json")
    _refuse_what_llama_cpp_lacks(tokenizer, folder)
    added = {int(entry["id"]): entry for entry in tokenizer.get("added_tokens", ())}
    spelled: dict[int, str] = {id_: text for text, id_ in tokenizer["model"]["vocab"].items()}
    spelled |= {id_: entry["content"] for id_, entry in added.items()}
    _refuse_another_models(max(spelled) + 1, rows, folder)
    return GgufVocabulary(
        splitting_rule=_splitting_rule(tokenizer["pre_tokenizer"], folder),
        tokens=tuple(spelled.get(id_, f"[PAD{id_}]") for id_ in range(rows)),
        kinds=tuple(_kind(id_, spelled, added) for id_ in range(rows)),
        merges=tuple(_merge(pair) for pair in tokenizer["model"]["merges"]),
        ids=_roles(folder, {text: id_ for id_, text in spelled.items()}),
    )


def read_json(path: Path) -> Any:
    """Return the JSON in ``path``.

    Raises:
        ModelFileError: there is no such file, or it is no JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise ModelFileError(
            f"{path.parent} has no {path.name}; give a folder as transformers saves it."
        ) from None
    except ValueError as error:
        raise ModelFileError(f"{path} is damaged: {error}; copy the model again.") from None


def _refuse_what_llama_cpp_lacks(tokenizer: Any, folder: Path) -> None:
    model = tokenizer["model"]
    if model["type"] != "BPE" or model.get("byte_fallback"):
        raise ModelFileError(
            f"The tokenizer in {folder} is not a byte-level BPE; only those are exported to GGUF."
        )
    normalizer = tokenizer.get("normalizer")
    # llama.cpp normalizes nothing.  NFC leaves nearly all source code as it is, and every Qwen
    # has it; anything else would change ids of ordinary text.
    if normalizer is not None and normalizer["type"] != "NFC":
        raise ModelFileError(
            f"The tokenizer in {folder} normalizes text ({normalizer['type']}); llama.cpp would"
            " not, and give other token ids."
        )


def _splitting_rule(pre_tokenizer: Any, folder: Path) -> str:
    key = _shape(pre_tokenizer)
    if key not in _RULES:
        raise ModelFileError(
            f"llama.cpp has no splitting rule known to be equal to the pre-tokenizer in {folder};"
            f" known are those of {', '.join(_RULES.values())}."
        )
    return _RULES[key]


def _shape(step: Any) -> tuple[str, ...]:
    """Return what a pre-tokenizer does, in the words of ``_RULES``."""
    match step:
        case {"type": "Sequence", "pretokenizers": steps}:
            return tuple(word for inner in steps for word in _shape(inner))
        case {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated"}:
            return ("split", pattern)
        case {"type": "Digits", "individual_digits": True}:
            return ("digits",)
        case {"type": "ByteLevel", "add_prefix_space": False, "use_regex": uses_regex}:
            return ("gpt2",) if uses_regex else ("bytes",)
    return (json.dumps(step),)


def _refuse_another_models(size: int, rows: int, folder: Path) -> None:
    if not size <= rows < size + _MOST_PADDING_ROWS:
        raise ModelFileError(
            f"The tokenizer in {folder} has {size} tokens and the model's embedding {rows} rows:"
            " they do not belong together; copy both from the same model."
        )


def _kind(id_: int, spelled: Mapping[int, str], added: Mapping[int, Any]) -> int:
    if id_ in added:
        return CONTROL if added[id_]["special"] else USER_DEFINED
    return NORMAL if id_ in spelled else UNUSED


def _merge(pair: str | list[str]) -> str:
    return pair if isinstance(pair, str) else " ".join(pair)


def _roles(folder: Path, id_of: Mapping[str | None, int]) -> dict[str, int]:
    roles = {
        role: id_of[spelling]
        for role, spellings in _ROLES.items()
        for spelling in spellings
        if spelling in id_of
    }
    config = read_json(folder / "tokenizer_config.json")
    end = _spelling(config.get("eos_token"))
    if end not in id_of:
        raise ModelFileError(f"{folder / 'tokenizer_config.json'} names no `eos_token` we know.")
    # Left unsaid, llama.cpp takes id 11 for the first token of every prompt.  It must be told
    # one; ``add_bos_token`` is what keeps it out of prompts.
    begin = _spelling(config.get("bos_token"))
    bos = id_of[begin] if begin in id_of else id_of[end]
    roles |= {"bos": bos, "eos": id_of[end], "eot": id_of[end]}
    padding = _spelling(config.get("pad_token"))
    if padding in id_of:
        roles["padding"] = id_of[padding]
    return roles


def _spelling(token: Any) -> str | None:
    """Return how a token is spelled; older files hold a table where newer ones hold text."""
    spelling: str | None = token["content"] if isinstance(token, dict) else token
    return spelling
