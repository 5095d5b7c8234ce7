"""The tutorial on fine-tuning, from its first command to its last, on a tiny model."""

from __future__ import annotations

import io
import re
import shlex
import sys
from typing import TYPE_CHECKING

import pytest

from codelsp.cli import main
from codelsp.directories import HOME_VARIABLE
from codelsp.engine.process import stop_engine
from tests.client import ROOT
from tests.torch_engine.families import make_family
from tests.training.material import library_files, write_tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TUTORIAL = ROOT / "docs" / "tutorial" / "fine-tune-on-your-code.md"
CHANGES = {"--epochs 16": "--epochs 0.05", "--lr 2e-5": "--lr 3e-3", "--stride 10": "--stride 100"}
"""A tiny model that has learned nothing learns faster, and is not waited for."""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with what the tutorial clones and fetches, in which its commands run."""
    import argparse
    import textwrap

    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    files = library_files(argparse, textwrap)
    examples = {f"scikit-learn/examples/cluster/{name}": text for name, text in files.items()}
    known = "scikit-learn/examples/cluster/plot_kmeans_digits.py"
    write_tree(tmp_path, {**examples, known: "import os\n" * 30})
    snapshot = tmp_path / "cache" / "models--distilbert--distilgpt2" / "snapshots" / "1"
    snapshot.mkdir(parents=True)
    make_family("gpt2", snapshot)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    yield tmp_path
    stop_engine()


def commands() -> list[list[str]]:
    blocks = re.findall(r"```sh\n(.*?)```", TUTORIAL.read_text("utf-8"), re.DOTALL)
    text = "".join(blocks)
    for said, tried in CHANGES.items():
        assert said in text
        text = text.replace(said, tried)
    words = (shlex.split(line) for line in text.split("\n"))
    return [each[1:] for each in words if each[:1] == ["codelsp"]]


@pytest.mark.slow
def test_the_tutorial_works_from_its_first_command_to_its_last(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("import numpy as\n/language java\nexit\n"))
    ran, told = [], {}
    for arguments in commands():
        assert main(arguments) == 0, capsys.readouterr().err
        name = next(word for word in arguments if not word.startswith("-") and "=" not in word)
        ran.append(name)
        told[name] = capsys.readouterr().out

    assert ran == ["corpus", "train", "generate", "models", "interact", "complete"]
    assert (place / "sklearn-coder" / "model" / "model.safetensors").is_file()
    assert "import numpy as" in told["interact"]
    assert "SAMPLE 1" in told["generate"]
    assert told["complete"].count("import os") > 3
