from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

torch = pytest.importorskip("torch")

from codelsp.errors import EngineUnavailableError, ModelFileError
from codelsp.torch_engine.generation import Generation, GenerationPlan
from codelsp.torch_engine.loading import LoadOptions, load
from codelsp.torch_engine.machine_plan import Hardware
from tests.torch_engine.generating import tokens_of

if TYPE_CHECKING:
    from pathlib import Path

OPTIONS = LoadOptions(device="cpu", dtype="float32", context_tokens=128)


@pytest.fixture
def folder(qwen_folder: Path, tmp_path: Path) -> Path:
    """A copy of the model that may be damaged."""
    return shutil.copytree(qwen_folder, tmp_path / "model")


def change(file: Path, **values: object) -> None:
    described = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps({**described, **values}), "utf-8")


def test_pickles_are_refused_with_the_flag_that_allows_them(folder: Path) -> None:
    from transformers import AutoModelForCausalLM

    wanted = tokens_of(Generation(GenerationPlan((1, 2, 3), 4), load(folder, OPTIONS).decoder))
    model = AutoModelForCausalLM.from_pretrained(folder)
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()

    with pytest.raises(ModelFileError, match="--allow-pickle"):
        load(folder, OPTIONS)
    allowed = load(folder, LoadOptions("cpu", "float32", 128, allows_pickle=True)).decoder
    assert tokens_of(Generation(GenerationPlan((1, 2, 3), 4), allowed)) == wanted


def test_code_of_the_models_own_is_refused_with_the_flag_that_allows_it(folder: Path) -> None:
    change(folder / "config.json", auto_map={"AutoModelForCausalLM": "evil.Model"})

    with pytest.raises(ModelFileError, match="--trust-remote-code"):
        load(folder, OPTIONS)


def test_a_missing_shard_is_named(folder: Path) -> None:
    index = {"weight_map": {"a": "model.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), "utf-8")

    with pytest.raises(ModelFileError, match=r"1 of 2 files are missing \(model-00002"):
        load(folder, OPTIONS)


def test_a_tokenizer_of_another_model_is_refused(folder: Path) -> None:
    change(folder / "tokenizer.json", added_tokens=[])
    described = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    vocabulary = described["model"]["vocab"]
    vocabulary.update({f"word{n}": 1000 + n for n in range(10)})
    change(folder / "tokenizer.json", model=described["model"])

    with pytest.raises(ModelFileError, match="ids up to 1009"):
        load(folder, OPTIONS)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("config.json", b"{", "get the model again"),
        ("config.json", b'{"model_type": "no-such-thing"}', "does not know this model"),
        ("tokenizer.json", b"{}", "no tokenizer"),
        ("model.safetensors", b"\x08\0\0\0\0\0\0\0garbage!", "damaged"),
    ],
)
def test_a_damaged_file_is_named(folder: Path, name: str, content: bytes, words: str) -> None:
    (folder / name).write_bytes(content)

    with pytest.raises(ModelFileError, match=words):
        load(folder, OPTIONS)


def test_weights_cut_off_in_the_middle_are_told(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])

    with pytest.raises(ModelFileError, match="cannot be loaded"):
        load(folder, OPTIONS)


def test_an_adapter_that_is_none_is_told(folder: Path, tmp_path: Path) -> None:
    options = LoadOptions("cpu", "float32", 128, adapters=(str(tmp_path),))

    with pytest.raises(ModelFileError, match=r"adapter_config\.json"):
        load(folder, options)


def test_a_model_that_does_not_fit_is_refused_before_it_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from codelsp.torch_engine import loading

    little = Hardware("cpu", 1_000_000, has_fast_bf16=False)
    monkeypatch.setattr(loading, "this_hardware", lambda _device: little)
    monkeypatch.setattr(loading, "_model", lambda *_: pytest.fail("it was read"))

    with pytest.raises(EngineUnavailableError, match="does not fit"):
        load(folder, OPTIONS)


@pytest.mark.parametrize("device", ["cuda", "mps", "abacus"])
def test_a_device_that_is_not_here_is_told(folder: Path, device: str) -> None:
    if device == "cuda" and torch.cuda.is_available():
        pytest.skip("it is here")
    if device == "mps" and torch.backends.mps.is_available():
        pytest.skip("it is here")

    with pytest.raises(EngineUnavailableError, match=r"--device cpu|--device auto|auto, cuda"):
        load(folder, LoadOptions(device))


def test_a_precision_that_there_is_not_is_told(folder: Path) -> None:
    with pytest.raises(EngineUnavailableError, match="no precision 'foo'; choose auto, float32"):
        load(folder, replace(OPTIONS, dtype="foo"))


def test_a_model_that_keeps_a_state_is_refused_with_what_runs_it(folder: Path) -> None:
    layers = ["full_attention", "linear_attention"]
    change(folder / "config.json", layer_types=layers, num_hidden_layers=2)

    with pytest.raises(ModelFileError, match="layers of linear_attention, whose state"):
        load(folder, OPTIONS)
