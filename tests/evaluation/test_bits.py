"""Bits of a text, and loss against size, with a tiny model."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("numpy")
pytest.importorskip("torch")
pytest.importorskip("transformers")

from codelsp.errors import EvaluationError
from codelsp.evaluation.bits import BitsCounter
from codelsp.evaluation.loss_study import Sized, loss_markdown, loss_report, run_loss
from tests.evaluation.sources import source_set

if TYPE_CHECKING:
    from pathlib import Path

VOCABULARY = 300
WIDTH = 16


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import Qwen3Config, Qwen3ForCausalLM

    path = tmp_path_factory.mktemp("model") / "tiny"
    torch.manual_seed(1)
    config = Qwen3Config(
        vocab_size=VOCABULARY, hidden_size=WIDTH, intermediate_size=32, num_hidden_layers=1,
        num_attention_heads=2, num_key_value_heads=1, head_dim=8, tie_word_embeddings=True,
    )  # fmt: skip
    Qwen3ForCausalLM(config).save_pretrained(path)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: number for number, letter in enumerate(alphabet)}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(path / "tokenizer.json"))
    return path


def test_bits_are_those_of_the_chain_of_probabilities(folder: Path) -> None:
    import torch

    counter = BitsCounter.beside(folder / "any.gguf")
    assert counter is not None
    prompt, middle = [1, 2, 3], [4, 5]
    with torch.inference_mode():
        logits = counter.model(input_ids=torch.tensor([[*prompt, *middle]])).logits[0]
    chances = torch.softmax(logits.float(), dim=-1)
    expected = -math.log2(chances[2, 4]) - math.log2(chances[3, 5])

    assert counter.bits(prompt, middle) == pytest.approx(expected, rel=1e-4)
    assert counter.bits(prompt, []) == 0.0


def test_what_is_known_already_costs_nothing(folder: Path) -> None:
    import torch

    counter = BitsCounter.beside(folder / "any.gguf")
    assert counter is not None
    # Two tokens are longer than a character here, so that one can lead out of what is known.
    a, b, c, ab, ac = 1, 2, 3, 4, 5
    texts = ("", "a", "b", "c", "ab", "ac", *[""] * (VOCABULARY - 6))
    counter = BitsCounter(counter.model, texts)
    with torch.inference_mode():
        logits = counter.model(input_ids=torch.tensor([[9, a, b]])).logits[0].float()
    first, second = torch.softmax(logits, dim=-1)[:2]

    within = -math.log2(second[b])
    assert counter.bits([9], [a, b], "a") == pytest.approx(within, rel=1e-4)
    going_on = -math.log2(first[ab] / (first[a] + first[ab] + first[ac]))
    assert counter.bits([9], [ab], "a") == pytest.approx(going_on, rel=1e-4)
    assert counter.bits([9], [a, b], "ab") == 0.0
    assert counter.bits([9], [c]) > 0.0


def test_without_weights_beside_it_there_is_no_counter(tmp_path: Path) -> None:
    assert BitsCounter.beside(tmp_path / "a.gguf") is None
    with pytest.raises(EvaluationError, match=r"no model\.safetensors"):
        Sized.of(tmp_path)


def test_loss_is_told_by_character_and_size_without_embeddings(
    folder: Path, tmp_path: Path
) -> None:
    sized = Sized.of(folder)
    assert sized.parameters_in_all - sized.parameters == VOCABULARY * WIDTH
    told: list[tuple[int, int]] = []
    ledger = run_loss(sized, source_set(), 2, tmp_path, lambda *n: told.append(n))
    report = loss_report([ledger])

    # A model that knows nothing needs the logarithm of its vocabulary for a byte.
    (figure,) = report["figures"]
    assert figure["mean"] == pytest.approx(math.log2(VOCABULARY), abs=0.3)
    assert told == [(1, 2), (2, 2)]
    assert "| tiny |" in loss_markdown(report)
