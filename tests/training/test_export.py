"""An exported model is the same model: the same token ids, the same probabilities."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, AutoTokenizer

from codelsp.errors import ModelFileError
from codelsp.model_store import ModelKind, read_header, resolve_model
from codelsp.model_store.places import DEFAULT_MODEL
from codelsp.training.export import Credits, export_gguf, export_hf
from codelsp.training.gguf_weights import Precision
from tests.engine.processes import ask, ensured, home
from tests.training.tiny_models import SHIPPED, edit_json, tiny_folder

__all__ = ["home"]

NASTY = [
    *(" " * n for n in range(1, 20)),
    *("\t" * n + "x" for n in range(1, 9)),
    *("\n" * n for n in range(1, 6)),
    "a\r\nb\r\n\r\nc\rd",
    " \t \t\n  \t  return\t# tabs and  spaces   \n\n\n",
    "1 12 123 1234567890 3.14e-10 0xFF 1_000 ١٢٣ ²³ Ⅷ",
    "don't we'll I'M they'VE it's o'clock 'S",
    "naïve café cafe\u0301 Straße ñ n\u0303 ﬁ \uff41\uff42",
    "中文注释 日本語 한국어 العربية हिन्दी ไทย",
    "😀👩‍👩‍👧‍👦🇩🇪 \U0001f600\ufe0f",
    "\u00a0\u2003\u3000\u2028\u2029\x0b\x0c\x85\ufeff\u200b",
    "\x00\x01\x1b[31m\x7f",
    "<|endoftext|><|fim_prefix|>x<|fim_suffix|>\n<|fim_middle|><|file_sep|> <|reserved_3|>",
    "def f(self, *args, **kwargs) -> dict[str, Any]:\n    return {**self.__dict__, 'a': [1]}\n",
    "if(a&&b||!c){return x<<2>>>1;}// ≠ → ∀x∈\u211d",
    'r"\\d+\\.\\d{2,}" f"{x!r:>10}" b"\\x00" """doc"""',
]


def _ids_of_llama_cpp(address: Any, text: str, **options: object) -> list[int]:
    status, answer = ask(address, "/tokenize", {"content": text, **options})
    assert status == 200
    return [int(one) for one in answer["tokens"]]


def _likely_tokens(address: Any, prompt: list[int]) -> dict[int, float]:
    """Return the likeliest next tokens, and their log-probabilities, by llama.cpp."""
    body = {"prompt": prompt, "n_predict": 1, "temperature": 0, "n_probs": 10}
    status, answer = ask(address, "/completion", body)
    assert status == 200
    top = answer["completion_probabilities"][0]["top_logprobs"]
    return {entry["id"]: entry["logprob"] for entry in top}


def _log_probs_of_torch(folder: Path, prompt: list[int]) -> torch.Tensor:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.no_grad():
        logits = model(torch.tensor([prompt])).logits[0, -1]  # (vocabulary,)
    return torch.log_softmax(logits, -1)


def _largest_difference(folder: Path, gguf: Path, prompts: list[list[int]]) -> float:
    """Return by how much llama.cpp and torch differ, over the likeliest tokens of all prompts."""
    address = ensured(model=str(gguf))
    differences = []
    for prompt in prompts:
        expected = _log_probs_of_torch(folder, prompt)
        got = _likely_tokens(address, prompt)
        assert int(expected.argmax()) in got
        differences += [abs(float(expected[one]) - log_prob) for one, log_prob in got.items()]
    return max(differences)


def _ids(text: str) -> list[int]:
    return Tokenizer.from_file(str(SHIPPED / "tokenizer.json")).encode(text).ids


PROMPTS = [
    _ids("import os\n\n\ndef read(path):\n    with open(path) as file:\n        return file."),
    _ids(
        "<|fim_prefix|><|fim_suffix|>\n    return total\n<|fim_middle|>def add(a, b):\n    total ="
    ),
    _ids(Path(__file__).read_text("utf-8"))[:200],
]


@pytest.mark.slow
@pytest.mark.usefixtures("home")
def test_llama_cpp_tokenizers_and_transformers_agree_on_ids() -> None:
    address = ensured()
    tokenizer = Tokenizer.from_file(str(SHIPPED / "tokenizer.json"))
    tokenizer.encode_special_tokens = True
    transformers_tokenizer = AutoTokenizer.from_pretrained(SHIPPED)

    for text in [*NASTY, "".join(NASTY), Path(__file__).read_text("utf-8")]:
        expected = tokenizer.encode(text, add_special_tokens=False).ids
        theirs = transformers_tokenizer(
            text, add_special_tokens=False, split_special_tokens=True
        ).input_ids
        ours = _ids_of_llama_cpp(address, text, parse_special=False, add_special=False)
        assert ours == expected, repr(text)
        assert theirs == expected, repr(text)


@pytest.mark.slow
@pytest.mark.usefixtures("home")
def test_nothing_is_put_around_a_prompt() -> None:
    address = ensured()
    plain = _ids_of_llama_cpp(address, "import os")

    assert _ids_of_llama_cpp(address, "import os", add_special=True) == plain
    body = {"prompt": "import os", "n_predict": 1}
    assert ask(address, "/completion", body)[1]["tokens_evaluated"] == len(plain)


@pytest.mark.slow
@pytest.mark.usefixtures("home")
def test_special_tokens_keep_their_ids() -> None:
    tokenizer = Tokenizer.from_file(str(SHIPPED / "tokenizer.json"))
    spelled = "<|fim_prefix|><|fim_suffix|><|fim_middle|><|endoftext|><|repo_name|><|file_sep|>"

    ids = _ids_of_llama_cpp(ensured(), spelled, parse_special=True)

    assert ids == tokenizer.encode(spelled, add_special_tokens=False).ids == [1, 3, 2, 0, 5, 6]


@pytest.mark.slow
@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("precision", "tolerance"),
    [(Precision.F32, 0.01), (Precision.F16, 0.015), (Precision.Q8_0, 0.25)],
)
def test_the_shipped_model_gives_the_same_probabilities(
    tmp_path: Path, precision: Precision, tolerance: float
) -> None:
    gguf = export_gguf(SHIPPED, tmp_path / "model.gguf", precision)

    assert _largest_difference(SHIPPED, gguf, PROMPTS) < tolerance


@pytest.mark.slow
@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        pytest.param("qwen3", {"head_dim": 32}, id="heads longer than their share"),
        pytest.param("qwen3", {"tie_word_embeddings": True, "head_dim": 16}, id="tied embeddings"),
        pytest.param("qwen2", {}, id="biases of queries, keys and values"),
        pytest.param("llama", {}, id="rows permuted"),
        pytest.param("llama", {"attention_bias": True}, id="biases permuted"),
        pytest.param("llama", {"num_key_value_heads": 4}, id="a head of keys for each of queries"),
        pytest.param(
            "llama",
            {"rope_parameters": {"rope_type": "default", "rope_theta": 500000.0}},
            id="a slower rotation",
        ),
    ],
)
def test_each_architecture_gives_the_same_probabilities(
    tmp_path: Path, kind: str, changes: dict[str, object]
) -> None:
    folder = tiny_folder(tmp_path / "model", kind, **changes)

    gguf = export_gguf(folder, tmp_path / "model.gguf", Precision.F32)

    assert _largest_difference(folder, gguf, PROMPTS) < 0.05


def _retokenize(folder: Path, pre_tokenizer: Any) -> Tokenizer:
    """Give the model in ``folder`` a tokenizer that splits by ``pre_tokenizer``."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=800,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([*NASTY * 3, Path(__file__).read_text("utf-8")], trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text('{"eos_token": "<|endoftext|>"}', "utf-8")
    return tokenizer


def _split_by(regex: str) -> Any:
    from tokenizers import Regex

    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(regex), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@pytest.mark.slow
@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    "pre_tokenizer",
    [
        pytest.param(pre_tokenizers.ByteLevel(add_prefix_space=False), id="GPT-2"),
        pytest.param(_split_by(LLAMA3), id="Llama 3"),
        pytest.param(
            pre_tokenizers.Sequence(
                [
                    pre_tokenizers.Digits(individual_digits=True),
                    pre_tokenizers.ByteLevel(add_prefix_space=False),
                ]
            ),
            id="StarCoder",
        ),
    ],
)
def test_other_splitting_rules_give_the_same_ids(tmp_path: Path, pre_tokenizer: Any) -> None:
    folder = tiny_folder(tmp_path / "model", vocab_size=1024, pad_token_id=0)
    tokenizer = _retokenize(folder, pre_tokenizer)
    tokenizer.encode_special_tokens = True
    address = ensured(model=str(export_gguf(folder, tmp_path / "model.gguf", Precision.F16)))

    for text in [*NASTY, Path(__file__).read_text("utf-8")]:
        expected = tokenizer.encode(text, add_special_tokens=False).ids
        assert _ids_of_llama_cpp(address, text, parse_special=False) == expected, repr(text)


def test_the_file_says_what_it_is(tmp_path: Path) -> None:
    credits_ = Credits("tiny", "A test", "Somebody", "Apache-2.0", ("python",))
    folder = tiny_folder(tmp_path / "model")

    header = read_header(export_gguf(folder, tmp_path / "a" / "b.gguf", Precision.F16, credits_))

    said = header.metadata
    assert said["general.name"] == "tiny"
    assert said["general.license"] == "Apache-2.0"
    assert said["general.languages"] == ("python",)
    assert said["tokenizer.ggml.pre"] == "qwen2"
    assert said["tokenizer.ggml.add_bos_token"] is False
    assert said["tokenizer.ggml.eos_token_id"] == 0
    assert said["tokenizer.ggml.fim_mid_token_id"] == 2
    assert header.number("{arch}.context_length") == 256


def test_the_shipped_file_is_what_the_exporter_makes(tmp_path: Path) -> None:
    shipped = resolve_model("", ModelKind.GGUF).path
    credits_ = Credits(
        DEFAULT_MODEL,
        "Fill-in-the-middle completion of Python, 8.4 million parameters",
        "The codelsp authors",
        "Apache-2.0",
    )

    made = export_gguf(SHIPPED, tmp_path / "model.gguf", Precision.Q8_0, credits_)

    assert made.read_bytes() == shipped.read_bytes()


def test_rows_that_are_no_whole_blocks_are_kept_in_16_bits(tmp_path: Path) -> None:
    folder = tiny_folder(tmp_path / "model", hidden_size=80, head_dim=16)

    q8 = export_gguf(folder, tmp_path / "q8.gguf", Precision.Q8_0)

    assert (
        read_header(q8).weights
        == read_header(export_gguf(folder, tmp_path / "f16.gguf", Precision.F16)).weights
    )
    assert q8.stat().st_size <= (tmp_path / "f16.gguf").stat().st_size


def test_an_embedding_that_is_rounded_up_is_padded(tmp_path: Path) -> None:
    folder = tiny_folder(tmp_path / "model", vocab_size=8320)

    assert read_header(export_gguf(folder, tmp_path / "model.gguf")).tensors > 0


def _set_architecture(folder: Path) -> None:
    edit_json(folder / "config.json", architectures=["MambaForCausalLM"])


def _take_tokens(folder: Path) -> None:
    edit_json(folder / "config.json", vocab_size=16384)


def _stretch(folder: Path) -> None:
    edit_json(folder / "config.json", rope_parameters={"rope_type": "yarn", "rope_theta": 1e4})


def _slide(folder: Path) -> None:
    edit_json(folder / "config.json", use_sliding_window=True)


def _normalize(folder: Path) -> None:
    edit_json(folder / "tokenizer.json", normalizer={"type": "Lowercase"})


def _split_otherwise(folder: Path) -> None:
    edit_json(folder / "tokenizer.json", pre_tokenizer={"type": "Whitespace"})


def _forget_the_end(folder: Path) -> None:
    edit_json(folder / "tokenizer_config.json", eos_token=None)


def _cut_weights(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])


def _lose_weights(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def _lose_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def _break_config(folder: Path) -> None:
    (folder / "config.json").write_text("{", "utf-8")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_set_architecture, "MambaForCausalLM.*Qwen3ForCausalLM"),
        (_take_tokens, "8192 tokens.*16384 rows"),
        (_stretch, "yarn"),
        (_slide, "sliding window"),
        (_normalize, "Lowercase"),
        (_split_otherwise, "splitting rule"),
        (_forget_the_end, "eos_token"),
        (_cut_weights, "damaged"),
        (_lose_weights, "pickle"),
        (_lose_tokenizer, r"has no tokenizer\.json"),
        (_break_config, "damaged"),
    ],
)
def test_what_cannot_be_exported_is_told_and_leaves_no_file(
    tmp_path: Path, damage: Any, message: str
) -> None:
    folder = tiny_folder(tmp_path / "model")
    damage(folder)

    with pytest.raises(ModelFileError, match=message):
        export_gguf(folder, tmp_path / "out" / "model.gguf")
    assert not list(tmp_path.glob("out/*"))


def test_a_tokenizer_that_is_longer_than_the_embedding_is_another_models(tmp_path: Path) -> None:
    folder = tiny_folder(tmp_path / "model", vocab_size=8000)

    with pytest.raises(ModelFileError, match="do not belong together"):
        export_gguf(folder, tmp_path / "model.gguf")


def test_an_export_that_fails_leaves_the_old_file_alone(tmp_path: Path) -> None:
    folder = tiny_folder(tmp_path / "model")
    target = tmp_path / "model.gguf"
    target.write_bytes(b"old")
    _cut_weights(folder)

    with pytest.raises(ModelFileError):
        export_gguf(folder, target)
    assert target.read_bytes() == b"old"


def test_a_folder_is_exported_without_what_is_not_the_model(tmp_path: Path) -> None:
    folder = tiny_folder(tmp_path / "model")
    (folder / "optimizer.pt").write_bytes(b"pickle")

    copy = export_hf(folder, tmp_path / "copy")

    assert {file.name for file in copy.iterdir()} >= {
        "model.safetensors",
        "config.json",
        "tokenizer.json",
    }
    assert not (copy / "optimizer.pt").exists()
    assert json.loads((copy / "config.json").read_text("utf-8"))["model_type"] == "qwen3"
    shutil.rmtree(folder)
    assert AutoModelForCausalLM.from_pretrained(copy) is not None


def test_a_folder_is_not_exported_onto_itself(tmp_path: Path) -> None:
    folder = tiny_folder(tmp_path / "model")

    with pytest.raises(ModelFileError, match="onto itself"):
        export_hf(folder, folder / ".." / "model")
