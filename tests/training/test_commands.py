"""The commands, from sources to a trained model, as a user types them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from codelsp.cli import corpus as corpus_commands
from codelsp.cli import tokenizer as tokenizer_commands
from codelsp.cli import train as train_commands
from codelsp.errors import CorpusError
from codelsp.training.checkpoint import checkpoints_in
from codelsp.training.split import hashed_name
from tests.training.material import MIT, MODULE, OTHER, steps_of, write_tree

if TYPE_CHECKING:
    from pathlib import Path

    import typer


def run(app: typer.Typer, *arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_a_corpus_is_built_from_a_manifest_of_checked_repositories(tmp_path: Path) -> None:
    write_tree(tmp_path / "mirrors" / "acme+shapes", {"LICENSE": MIT, "shapes.py": MODULE})
    write_tree(tmp_path / "plain", {"LICENSE": MIT, "wrap.py": OTHER})
    write_tree(tmp_path / "secret", {"LICENSE": MIT, "x.py": "# kept back\n" + OTHER * 2})
    (tmp_path / "reserved.txt").write_text(hashed_name("acme/secret"))
    output = run(
        corpus_commands.app,
        "build",
        f"acme/plain={tmp_path / 'plain'}",
        f"acme/secret={tmp_path / 'secret'}",
        "-o",
        tmp_path / "built",
        "--exclude-hashes",
        tmp_path / "reserved.txt",
        "--no-decontaminate",
        "--validation-share",
        0,
    )
    manifest = json.loads((tmp_path / "built" / "corpus.json").read_text())

    assert manifest["train_repositories"] == ["acme/plain"]
    assert "1 repositories to train on" in output
    assert "python" in run(corpus_commands.app, "show", tmp_path / "built")


def test_a_build_without_a_source_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no source was named"):
        run(corpus_commands.app, "build", "-o", tmp_path)


def test_tokenizer_rows_training_average_and_pieces_follow_each_other(
    corpus: Path, recipe_file: Path, tmp_path: Path
) -> None:
    tokenizer = tmp_path / "tokenizer.json"
    said = run(tokenizer_commands.app, "train", corpus, "--vocabulary", 512, "-o", tokenizer)
    assert "characters a token" in said
    rows = tmp_path / "rows"
    prepared = ("prepare", corpus, "--tokenizer", tokenizer, "-o", rows, "--context", 96)
    assert "holes to look at" in run(train_commands.app, *prepared, "--max-tokens", 20_000)
    recipe = tmp_path / "recipe.toml"
    lines = recipe_file.read_text().split("\n")
    changed = {"tokenizer =": 'tokenizer = "tokenizer.json"', "rows =": 'rows = "rows"'}
    recipe.write_text(
        "\n".join(
            next((new for start, new in changed.items() if line.startswith(start)), line)
            for line in lines
        )
    )

    folder = tmp_path / "run"
    said = run(train_commands.app, "--recipe", recipe, "-o", folder, "--max-steps", 2)
    assert "held out" in said
    run(train_commands.app, "--recipe", recipe, "-o", folder, "--max-steps", 1)
    assert len(steps_of(folder)) == 3

    branch = tmp_path / "branch"
    start = checkpoints_in(folder)[-1]
    options = ("--branch-from", start, "--total", 3_000, "--decay", 1_500, "-o", branch)
    run(train_commands.app, "--recipe", recipe, *options)
    assert steps_of(branch)[0]["step"] == 4
    assert steps_of(branch)[-1]["factor"] < 0.6

    measured = ("--rows", rows, "--tokenizer", tokenizer, "--rows-used", 2, "--holes", 2)
    said = run(train_commands.app, "validate", start, checkpoints_in(branch)[-1], *measured)
    assert said.count("nats a token") == 2

    run(train_commands.app, "average", branch, "-o", tmp_path / "mean", "--last", 2)
    run(train_commands.app, "pack", tmp_path / "mean", "-o", tmp_path / "pieces")
    run(train_commands.app, "unpack", tmp_path / "pieces", "-o", tmp_path / "model")
    assert (tmp_path / "model" / "model.safetensors").is_file()


def test_training_without_a_recipe_says_what_is_needed() -> None:
    result = CliRunner().invoke(train_commands.app, [])

    assert result.exit_code == 2
    assert "--recipe" in result.output
