from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from codelsp.engine import wanted
from codelsp.engine.wanted import wanted_engine
from codelsp.errors import EngineUnavailableError, ModelFileError
from codelsp.model_store import resolve_model
from codelsp.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Say whether there is a GPU, and what is not installed."""

    def has(*, gpu: bool = False, missing: tuple[str, ...] = ()) -> None:
        monkeypatch.setattr(wanted, "has_torch_gpu", lambda: gpu and not missing)
        monkeypatch.setattr(wanted, "missing_packages", lambda: missing)

    has()
    return has


def folder_of(path: Path, *names: str) -> str:
    path.mkdir(parents=True, exist_ok=True)
    for name in names:
        (path / name).write_text(json.dumps({"model_type": "qwen3"}), "utf-8")
    return str(path)


def engine(name: str, model: str) -> str:
    return wanted_engine(Settings(engine=name, model=model)).engine


@pytest.mark.usefixtures("machine")
def test_auto_is_llama_cpp_for_a_gguf_file_and_torch_for_safetensors_alone(
    tmp_path: Path,
) -> None:
    both = folder_of(tmp_path / "both", "config.json", "model.safetensors", "model.gguf")
    alone = folder_of(tmp_path / "alone", "config.json", "model.safetensors")

    assert engine("auto", "") == "llama.cpp"
    assert engine("auto", both) == "llama.cpp"
    assert engine("auto", alone) == "torch"


def test_auto_is_torch_on_a_gpu_but_not_for_the_embedded_model(
    tmp_path: Path, machine: Callable[..., None]
) -> None:
    both = folder_of(tmp_path / "both", "config.json", "model.safetensors", "model.gguf")
    gguf = folder_of(tmp_path / "gguf", "model.gguf")
    machine(gpu=True)

    assert engine("auto", both) == "torch"
    assert engine("auto", gguf) == "llama.cpp"
    assert engine("auto", "") == "llama.cpp"
    assert engine("llama.cpp", both) == "llama.cpp"


def test_torch_that_is_not_installed_is_told_with_the_command(
    tmp_path: Path, machine: Callable[..., None]
) -> None:
    alone = folder_of(tmp_path / "alone", "config.json", "model.safetensors")
    machine(gpu=True, missing=("torch", "uvicorn"))

    with pytest.raises(EngineUnavailableError, match=r"torch, uvicorn: `pip install 'codelsp\[to"):
        engine("torch", "")
    with pytest.raises(EngineUnavailableError, match=r"codelsp\[torch\]"):
        engine("auto", alone)
    assert engine("auto", "") == "llama.cpp"


@pytest.mark.usefixtures("machine")
def test_torch_wants_a_folder_and_pickles_want_a_flag(
    tmp_path: Path,
) -> None:
    gguf = folder_of(tmp_path / "gguf", "model.gguf")
    pickle = folder_of(tmp_path / "pickle", "config.json", "pytorch_model.bin")

    with pytest.raises(EngineUnavailableError, match=r"set `engine` to `llama\.cpp`"):
        engine("torch", gguf)
    with pytest.raises(ModelFileError, match="--allow-pickle"):
        engine("torch", pickle)
    allowed = wanted_engine(Settings(engine="torch", model=pickle), allows_pickle=True)
    assert allowed.model.path == Path(pickle).resolve()


@pytest.mark.usefixtures("machine")
def test_engines_of_two_kinds_for_one_model_are_two_engines() -> None:
    if not (resolve_model("").path.parent / "model.safetensors").is_file():
        pytest.skip("the embedded model is here as GGUF only")
    keys = {wanted_engine(Settings(engine=name)).key for name in ("torch", "llama.cpp")}

    assert len(keys) == 2


@pytest.mark.usefixtures("machine")
def test_a_changed_folder_is_another_model(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "alone", "config.json", "model.safetensors")
    one = wanted_engine(Settings(engine="torch", model=folder))
    before = one.stamp
    (Path(folder) / "model.safetensors").write_bytes(b"longer than before, and newer")

    assert one.stamp != before
