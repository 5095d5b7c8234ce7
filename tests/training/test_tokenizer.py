"""The tokenizer: Qwen2's shape, exact text, and no special token out of plain text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from codelsp.errors import ModelFileError, TrainingError
from codelsp.prompt.fim import choose_layout
from codelsp.training.documents import Document
from codelsp.training.tokenizer import (
    PRE_TOKENIZER,
    SPECIAL_TOKENS,
    load_tokenizer,
    special_ids,
    tokenizer_hash,
    train_tokenizer,
)
from tests.training.material import MODULE

if TYPE_CHECKING:
    from pathlib import Path


def test_special_tokens_have_the_first_ids_and_name_our_layout(tokenizer_file: Path) -> None:
    special = special_ids(load_tokenizer(tokenizer_file))

    assert list(special.items()) == [(token, n) for n, token in enumerate(SPECIAL_TOKENS)]
    assert choose_layout(special).name == "qwen-spm-marked"


def test_the_pre_tokenizer_is_the_one_llama_cpp_calls_qwen2(tokenizer_file: Path) -> None:
    from codelsp.training.gguf_vocabulary import QWEN2_SPLIT

    facts = json.loads(tokenizer_file.read_text())

    assert PRE_TOKENIZER == QWEN2_SPLIT
    assert facts["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] == QWEN2_SPLIT


@pytest.mark.parametrize(
    "text", [MODULE, "naïve = '😋'\r\n\tx\x0c\n", "a<|endoftext|>b", "  \n\n  x"]
)
def test_text_comes_back_exactly_and_holds_no_special_token(
    tokenizer_file: Path, text: str
) -> None:
    tokenizer = load_tokenizer(tokenizer_file)
    ids = tokenizer.encode(text, add_special_tokens=False).ids

    assert tokenizer.decode(ids, skip_special_tokens=False) == text
    assert min(ids) >= len(SPECIAL_TOKENS)


def test_digits_are_single_tokens(tokenizer_file: Path) -> None:
    assert load_tokenizer(tokenizer_file).encode("2024").tokens == ["2", "0", "2", "4"]


def test_too_little_text_for_the_vocabulary_is_an_error() -> None:
    document = Document("acme/a", "a.py", "python", "MIT", "x = 1\n")

    with pytest.raises(TrainingError, match="smaller vocabulary"):
        train_tokenizer([document], 2000, 1000)


def test_a_file_that_is_no_tokenizer_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")

    with pytest.raises(ModelFileError, match="no tokenizer"):
        load_tokenizer(tmp_path / "tokenizer.json")


def test_the_hash_tells_tokenizers_apart(tokenizer_file: Path) -> None:
    tokenizer = load_tokenizer(tokenizer_file)
    before = tokenizer_hash(tokenizer)
    assert tokenizer_hash(load_tokenizer(tokenizer_file)) == before

    tokenizer.add_tokens(["another"])

    assert tokenizer_hash(tokenizer) != before
