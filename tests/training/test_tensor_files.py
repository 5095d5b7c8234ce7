"""Files of tensors: readable by those who can read their folder."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors import safe_open

from codelsp.training.tensor_files import write_tensors

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes of this kind")
def test_a_file_of_tensors_is_as_readable_as_its_neighbors(tmp_path: Path) -> None:
    neighbor = tmp_path / "config.json"
    neighbor.write_text("{}")

    write_tensors(tmp_path / "model.safetensors", {"a": torch.ones(2)})

    assert (tmp_path / "model.safetensors").stat().st_mode == neighbor.stat().st_mode


def test_transformers_is_told_whose_tensors_they_are(tmp_path: Path) -> None:
    write_tensors(tmp_path / "model.safetensors", {"a": torch.ones(2)})

    with safe_open(tmp_path / "model.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt"}
        assert torch.equal(file.get_tensor("a"), torch.ones(2))
