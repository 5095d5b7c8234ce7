"""Names that people use for models of transformers, and what happens when one is not here."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from codelsp.directories import HOME_VARIABLE
from codelsp.errors import ModelFileError, ModelNotFoundError
from codelsp.model_store.hub import transformers_folder

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def empty_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))


def hub(monkeypatch: pytest.MonkeyPatch, fetch: Any) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(snapshot_download=fetch))


def model_in(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"")
    return folder


def test_a_name_in_the_models_folder_comes_first(tmp_path: Path) -> None:
    folder = model_in(tmp_path / "models" / "124M")

    assert transformers_folder("124M", tmp_path / "models") == folder


def test_a_short_name_is_fetched_under_its_full_one_and_without_pickles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, list[str]]] = []

    def fetch(name: str, allow_patterns: list[str]) -> str:
        asked.append((name, allow_patterns))
        return str(model_in(tmp_path / "fetched"))

    hub(monkeypatch, fetch)
    said: list[str] = []

    assert transformers_folder("gpt2_medium", told=said.append) == tmp_path / "fetched"
    ((name, patterns),) = asked
    assert name == "openai-community/gpt2-medium"
    assert not any(pattern.endswith((".bin", ".pt", "*")) for pattern in patterns)
    assert said == ["fetching openai-community/gpt2-medium from the Hugging Face Hub"]


def test_what_transformers_has_fetched_before_is_not_fetched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = tmp_path / "cache" / "models--openai-community--gpt2" / "snapshots" / "1"
    model_in(snapshot)
    hub(monkeypatch, None)

    assert transformers_folder("gpt2") == snapshot


def test_an_unreachable_hub_is_told_with_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(*_: object, **__: object) -> str:
        raise OSError("no route")

    hub(monkeypatch, fetch)

    with pytest.raises(ModelNotFoundError, match=r"acme/coder .* could not be fetched .*no route"):
        transformers_folder("acme/coder")


def test_an_unknown_name_is_told_with_those_there_are() -> None:
    with pytest.raises(ModelNotFoundError, match=r"no model 'nosuch'.*distilgpt2"):
        transformers_folder("nosuch")


def test_a_gguf_file_is_refused_with_what_reads_it(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"GGUF")

    with pytest.raises(ModelFileError, match="codelsp interact"):
        transformers_folder(str(tmp_path / "model.gguf"))
