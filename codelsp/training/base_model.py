"""What is there before fine-tuning: a model by its name, and its tokens for end and padding."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from codelsp.errors import ModelFileError

if TYPE_CHECKING:
    from pathlib import Path

    from tokenizers import Tokenizer

_USUAL_ENDS = ("<|endoftext|>", "</s>", "<eos>", "<|end_of_text|>", "<|im_end|>")
_USUAL_PADS = ("<|fim_pad|>", "<pad>", "<fim_pad>", "[PAD]", "<|pad|>")
NEW_PAD = "<pad>"


def end_and_pad(folder: Path, tokenizer: Tokenizer) -> tuple[str, str]:
    """Return the tokens that end a text and fill a row, as the model in ``folder`` has them.

    A model without a padding token (GPT-2, GPT-Neo) gets ``<pad>``, which is still to be added:
    padding with the end token would hide it from the loss.

    Raises:
        ModelFileError: the model does not say how its texts end.
    """
    config = _json(folder / "config.json")
    end = _named(config.get("eos_token_id"), tokenizer) or _first(_USUAL_ENDS, tokenizer)
    if end is None:
        raise ModelFileError(
            f"{folder} has no eos_token_id in its config.json, and its tokenizer no known end token"
        )
    pad = _named(config.get("pad_token_id"), tokenizer)
    if pad is None or pad == end:
        pad = _first(_USUAL_PADS, tokenizer)
    return end, pad or NEW_PAD


def _named(number: object, tokenizer: Tokenizer) -> str | None:
    first = number[0] if isinstance(number, list) and number else number
    return tokenizer.id_to_token(first) if isinstance(first, int) and first >= 0 else None


def _first(tokens: tuple[str, ...], tokenizer: Tokenizer) -> str | None:
    return next((token for token in tokens if tokenizer.token_to_id(token) is not None), None)


def _json(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelFileError(f"{file} cannot be read: {error}") from error
    return content if isinstance(content, dict) else {}
