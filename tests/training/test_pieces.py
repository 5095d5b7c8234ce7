"""Models in pieces: the same weights come out, and nothing damaged does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file

from codelsp.errors import CheckpointError, TrainingError
from codelsp.training.model import SHAPES, load_model, new_model
from codelsp.training.pieces import pack, unpack

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    new_model(SHAPES["tiny"], 0, 4).save_pretrained(tmp_path / "model")
    (tmp_path / "model" / "tokenizer.json").write_text("{}")
    return tmp_path / "model"


def test_the_weights_that_come_out_are_those_that_went_in(model: Path, tmp_path: Path) -> None:
    files = pack(model, tmp_path / "pieces", piece_bytes=50_000)
    unpack(tmp_path / "pieces", tmp_path / "out")

    assert len(files) > 3
    assert max(file.stat().st_size for file in files) <= 50_000
    before = load_file(model / "model.safetensors")
    after = load_file(tmp_path / "out" / "model.safetensors")
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        assert torch.equal(tensor.to(torch.bfloat16), after[name])
    assert (tmp_path / "out" / "tokenizer.json").read_text() == "{}"
    load_model(tmp_path / "out")


def test_pieces_are_smaller_than_the_weights(model: Path, tmp_path: Path) -> None:
    n = sum(file.stat().st_size for file in pack(model, tmp_path / "pieces"))
    weights = load_file(model / "model.safetensors")

    assert n < 0.85 * sum(2 * tensor.numel() for tensor in weights.values())


@pytest.mark.parametrize("damage", ["missing", "changed"])
def test_a_missing_or_damaged_piece_is_named(model: Path, tmp_path: Path, damage: str) -> None:
    first = pack(model, tmp_path / "pieces", piece_bytes=50_000)[0]
    if damage == "missing":
        first.unlink()
    else:
        first.write_bytes(first.read_bytes()[:-1] + b"\0")

    with pytest.raises(CheckpointError, match=r"model-00\.piece is"):
        unpack(tmp_path / "pieces", tmp_path / "out")


def test_what_cannot_be_packed_is_told(model: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="must hold something"):
        pack(model, tmp_path / "pieces", piece_bytes=0)
    with pytest.raises(TrainingError, match="no folder with model"):
        pack(model / "model.safetensors", tmp_path / "pieces")
