"""A released folder: every program finds its files, and their hashes hold."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from codelsp.cli import app
from codelsp.errors import ModelFileError
from codelsp.model_store import read_header
from codelsp.training.checkpoint import checkpoints_in
from codelsp.training.loop import Run
from codelsp.training.recipe import read_recipe
from codelsp.training.release import Release, release
from codelsp.training.session import Limits
from tests.training.test_commands import run as run_command
from tests.training.tiny_models import tiny_folder

if TYPE_CHECKING:
    from pathlib import Path


def _sums_hold(folder: Path) -> bool:
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    named = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    files = [file for file in folder.iterdir() if file.name != "SHA256SUMS"]
    return named == {file.name: sha256(file.read_bytes()).hexdigest() for file in files}


def test_a_run_is_released_as_the_mean_of_its_last_checkpoints(
    recipe_file: Path, tmp_path: Path
) -> None:
    Run(read_recipe(recipe_file), tmp_path / "run").train(Limits(steps=3))

    output = tmp_path / "model"
    options = ("--last", 2, "--gguf", "q8_0", "--gguf", "f16", "--attach", recipe_file)
    run_command(app.app, "export", tmp_path / "run", "-o", output, *options)

    last = [load_file(path / "model.safetensors") for path in checkpoints_in(tmp_path / "run")[-2:]]
    for name, tensor in load_file(output / "model.safetensors").items():
        mean = (last[0][name].double() + last[1][name].double()) / 2
        assert torch.equal(tensor, mean.float().bfloat16())
    assert {file.name for file in output.iterdir()} == {
        "SHA256SUMS",
        "config.json",
        "generation_config.json",
        "model-f16.gguf",
        "model-q8_0.gguf",
        "model.safetensors",
        "recipe.toml",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    assert _sums_hold(output)


def test_transformers_loads_a_released_folder_with_its_tokenizer(
    recipe_file: Path, tmp_path: Path
) -> None:
    Run(read_recipe(recipe_file), tmp_path / "run").train(Limits(steps=1))
    folder = release(checkpoints_in(tmp_path / "run")[-1], tmp_path / "model", Release())

    model = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)

    assert model.dtype == torch.bfloat16
    assert model.config.eos_token_id == tokenizer.eos_token_id == 0
    assert tokenizer.pad_token == "<|fim_pad|>"
    expected = json.loads((folder / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
    assert tokenizer("import", add_special_tokens=False).input_ids[0] in expected.values()
    assert read_header(folder / "model-q8_0.gguf").metadata["general.name"] == "model"


def test_a_folder_is_released_again_over_the_old_one(tmp_path: Path) -> None:
    source = tiny_folder(tmp_path / "source")
    release(source, tmp_path / "model", Release())
    before = (tmp_path / "model" / "model-q8_0.gguf").read_bytes()
    weights = load_file(source / "model.safetensors")
    save_file({name: tensor * 2 for name, tensor in weights.items()}, source / "model.safetensors")

    release(source, tmp_path / "model", Release())

    assert (tmp_path / "model" / "model-q8_0.gguf").read_bytes() != before
    assert _sums_hold(tmp_path / "model")


def test_a_release_that_fails_leaves_the_old_folder_as_it_was(tmp_path: Path) -> None:
    source = tiny_folder(tmp_path / "source")
    release(source, tmp_path / "model", Release())
    (source / "model.safetensors").write_bytes(b"cut")

    with pytest.raises(ModelFileError, match="damaged"):
        release(source, tmp_path / "model", Release())

    assert _sums_hold(tmp_path / "model")
    assert not list(tmp_path.glob(".release-*"))


def test_a_model_without_a_known_end_token_is_not_released(tmp_path: Path) -> None:
    source = tiny_folder(tmp_path / "source")
    (source / "tokenizer_config.json").unlink()
    tokenizer = json.loads((source / "tokenizer.json").read_text("utf-8"))
    tokenizer["added_tokens"] = []
    (source / "tokenizer.json").write_text(json.dumps(tokenizer), "utf-8")

    with pytest.raises(ModelFileError, match="save_pretrained"):
        release(source, tmp_path / "model", Release())
    assert not (tmp_path / "model").exists()


def test_an_unknown_precision_is_named_with_those_there_are(tmp_path: Path) -> None:
    source = tiny_folder(tmp_path / "source")

    with pytest.raises(ModelFileError, match=r"q4_0.*q8_0"):
        run_command(app.app, "export", source, "-o", tmp_path / "model", "--gguf", "q4_0")
