"""Recipes: paths beside the file, and wrong ones named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from codelsp.errors import CheckpointError, TrainingError
from codelsp.training.recipe import check_resumable, read_recipe

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """
name = "a"
tokenizer = "tok.json"
[[phases]]
rows = "rows"
until_tokens = 1e6
[schedule]
total = 1e7
warmup = 1e5
decay = 4e6
[optimizer]
betas = [0.9, 0.99]
"""


def test_paths_are_beside_the_recipe_and_defaults_are_filled_in(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(GOOD)
    recipe = read_recipe(tmp_path / "recipe.toml")

    assert recipe.tokenizer == tmp_path / "tok.json"
    assert recipe.phases[0].rows == tmp_path / "rows"
    assert recipe.optimizer.betas == (0.9, 0.99)
    assert recipe.optimizer.muon_rate == 0.02
    assert recipe.batch.tokens == 32_768


def test_a_model_to_go_on_from_is_a_folder_beside_the_recipe_or_a_name(tmp_path: Path) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text('start_from = "base"\n' + GOOD)
    assert read_recipe(file).start_from == "base"
    (tmp_path / "base").mkdir()

    assert read_recipe(file).start_from == str(tmp_path / "base")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace('name = "a"', 'name = "a"\nsise = "S"'), "sise"),
        (GOOD.replace("decay = 4e6", ""), "decay"),
        (GOOD.replace("[schedule]", "[schedule"), "cannot be read"),
        (
            GOOD.replace("[schedule]", '[schedule]\nunit = "epochs"'),
            "none of tokens, seconds",
        ),
        (GOOD.replace("[schedule]", '[schedule]\ncurve = "foo"'), "none of linear, cosine"),
        (GOOD.replace("decay = 4e6", 'decay = "long"'), "'long', and not a number"),
        (GOOD + "\n[batch]\ntokens = 0\n", "batch.tokens is 0"),
        (GOOD + "\n[batch]\nmicro_rows = 1.5\n", "batch.micro_rows is 1.5"),
        (GOOD.replace('name = "a"', 'name = "a"\nthreads = -3'), "threads is -3"),
    ],
    ids=[
        "unknown key",
        "missing key",
        "no TOML",
        "unit",
        "curve",
        "length",
        "no token",
        "part of a row",
        "threads",
    ],
)
def test_a_wrong_recipe_is_refused_with_the_reason(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "recipe.toml").write_text(text)

    with pytest.raises(TrainingError, match=message):
        read_recipe(tmp_path / "recipe.toml")


def test_an_unknown_size_is_refused_with_those_there_are(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(GOOD.replace('name = "a"', 'name = "a"\nsize = "XXL"'))

    with pytest.raises(TrainingError, match="S, M, L"):
        _ = read_recipe(tmp_path / "recipe.toml").shape


def test_a_run_goes_on_when_its_folder_has_moved_and_not_from_another_base(tmp_path: Path) -> None:
    file = tmp_path / "recipe.toml"
    for folder in ("base", "other"):
        (tmp_path / folder).mkdir()
    file.write_text('start_from = "base"\n' + GOOD)
    begun = read_recipe(file).facts()

    check_resumable(read_recipe(file), begun | {"start_from": "/elsewhere/models/base"})
    file.write_text('start_from = "other"\n' + GOOD)
    with pytest.raises(CheckpointError, match="start_from"):
        check_resumable(read_recipe(file), begun)


def test_a_run_of_a_version_that_did_not_know_a_key_yet_goes_on_unless_the_key_is_used(
    tmp_path: Path,
) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text(GOOD)
    begun = read_recipe(file).facts()
    del begun["lora_rank"]

    check_resumable(read_recipe(file), begun)
    file.write_text(GOOD.replace('name = "a"', 'name = "a"\nlora_rank = 4'))
    with pytest.raises(CheckpointError, match="lora_rank = 0"):
        check_resumable(read_recipe(file), begun)


def test_a_run_goes_on_with_other_rows_at_once_but_not_with_another_batch(tmp_path: Path) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text(f"{GOOD}\n[batch]\ntokens = 64\nmicro_rows = 4\n")
    begun = read_recipe(file).facts()

    file.write_text(f"{GOOD}\n[batch]\ntokens = 64\nmicro_rows = 2\n")
    check_resumable(read_recipe(file), begun)
    file.write_text(f"{GOOD}\n[batch]\ntokens = 32\nmicro_rows = 4\n")
    with pytest.raises(CheckpointError, match="batch"):
        check_resumable(read_recipe(file), begun)
