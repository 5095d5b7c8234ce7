"""The engine of an evaluation, and what tells one measured model from another."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from codelsp.evaluation.engines import model_sha256, opened
from codelsp.model_store.places import DEFAULT_MODEL, embedded_dir
from codelsp.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

EMBEDDED = embedded_dir() / DEFAULT_MODEL


def test_folders_of_other_weights_are_other_models(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(b"weights")
        (folder / "card.md").write_text(folder.name)
    same = model_sha256(first) == model_sha256(second)
    (second / "model.safetensors").write_bytes(b"others!")

    assert same
    assert model_sha256(first) != model_sha256(second)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["auto", "torch"])
async def test_a_folder_is_measured_by_either_engine(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    monkeypatch.setenv("CODELSP_HOME", str(tmp_path / "home"))
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"):
        shutil.copyfile(EMBEDDED / name, folder / name)

    async with opened(Settings(engine=engine, model=str(folder))) as judged:
        assert (judged.name, judged.path) == ("mine", folder)
        assert judged.sha256 == model_sha256(folder)
        assert await judged.engine.tokenize("x = 1")
