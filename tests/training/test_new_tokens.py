"""Tokens for a model that is there already: their ids, and what they begin as."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from codelsp.prompt.controls import CONTROL_TOKENS, control_token
from codelsp.training.new_tokens import WHITESPACE_TOKENS, add_tokens, grow_model
from codelsp.training.tokenizer import load_tokenizer
from tests.training.tiny_models import SHIPPED

GPT2_SIZE = 50_257
TOKENS = Path("tokenizer.json")


def gpt2_sized_tokenizer() -> Tokenizer:
    """A tokenizer of GPT-2's size: bytes, words of no meaning, ``<|endoftext|>`` at the end."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {char: index for index, char in enumerate(alphabet)}
    for number in range(len(vocabulary), GPT2_SIZE - 1):
        vocabulary[f"word{number}"] = number
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken("<|endoftext|>", special=True, normalized=False)])
    assert tokenizer.token_to_id("<|endoftext|>") == GPT2_SIZE - 1
    return tokenizer


def tiny_gpt2(vocabulary: int) -> Any:
    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config(vocab_size=vocabulary, n_embd=4, n_layer=1, n_head=1))


def test_whitespace_tokens_follow_gpt2s_own_and_begin_as_its_tab() -> None:
    # Code-Clippy's loop went over 50256..50258: it overwrote the end token and forgot two.
    tokenizer, model = gpt2_sized_tokenizer(), tiny_gpt2(GPT2_SIZE)
    before = model.get_input_embeddings().weight.detach().clone()

    new = add_tokens(tokenizer, plain=WHITESPACE_TOKENS)
    grow_model(model, tokenizer, new)

    assert [new[token] for token in WHITESPACE_TOKENS] == [50257, 50258, 50259, 50260]
    after = model.get_input_embeddings().weight.detach()
    assert after.shape[0] == 50261
    assert torch.equal(after[:GPT2_SIZE], before), "a token that was there has changed"
    tab = tokenizer.encode("\t").ids[0]
    for number in range(50257, 50261):
        assert torch.equal(after[number], before[tab])


def test_a_model_with_a_head_of_its_own_begins_there_as_well() -> None:
    tokenizer = gpt2_sized_tokenizer()
    config = LlamaConfig(
        vocab_size=GPT2_SIZE, hidden_size=4, intermediate_size=4, num_hidden_layers=1,
        num_attention_heads=1, num_key_value_heads=1, tie_word_embeddings=False,
    )  # fmt: skip
    model: Any = LlamaForCausalLM(config)
    new = add_tokens(tokenizer, ["<|python|>"], ["    "])
    head = model.get_output_embeddings().weight.detach().clone()

    grow_model(model, tokenizer, new)

    after = model.get_output_embeddings().weight.detach()
    tab = tokenizer.encode("\t").ids[0]
    assert torch.equal(after[new["    "]], head[tab])
    assert torch.allclose(after[new["<|python|>"]], head.mean(0), atol=1e-6)


def test_rows_that_a_model_has_to_spare_are_used_first() -> None:
    tokenizer, model = gpt2_sized_tokenizer(), tiny_gpt2(GPT2_SIZE + 100)

    grow_model(model, tokenizer, add_tokens(tokenizer, plain=WHITESPACE_TOKENS))

    assert model.get_input_embeddings().weight.shape[0] == GPT2_SIZE + 100


@pytest.mark.parametrize("make", [gpt2_sized_tokenizer, lambda: load_tokenizer(SHIPPED / TOKENS)])
def test_code_with_new_tokens_is_shorter_or_the_same_and_comes_back_whole(make: object) -> None:
    assert callable(make)
    code = "def f(x):\n    if x:\n\t\treturn  x\n        return {\n            'a': 1}\n"
    plain, grown = make(), make()
    add_tokens(grown, list(CONTROL_TOKENS.values()), WHITESPACE_TOKENS)

    ids = grown.encode(code, add_special_tokens=False).ids

    assert grown.decode(ids, skip_special_tokens=False) == code
    assert len(ids) <= len(plain.encode(code, add_special_tokens=False).ids)


def test_a_run_that_is_one_token_already_is_left_alone() -> None:
    tokenizer = load_tokenizer(SHIPPED / TOKENS)

    assert "    " not in add_tokens(tokenizer, plain=["    "])


def test_no_text_becomes_a_control_token() -> None:
    tokenizer = load_tokenizer(SHIPPED / TOKENS)
    new = add_tokens(tokenizer, CONTROL_TOKENS.values())

    assert not set(new.values()) & set(tokenizer.encode("<|python|> x").ids)


@pytest.mark.parametrize(
    ("language", "token"),
    [
        ("python", "<|python|>"),
        ("typescriptreact", "<|typescript|>"),
        ("c++", "<|cpp|>"),
        ("go", ""),
    ],
)
def test_an_editors_language_names_its_control_token(language: str, token: str) -> None:
    assert control_token(language) == token
