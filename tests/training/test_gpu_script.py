"""The script for a lent GPU, dry: every visit, from what came along to the pieces brought home."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from codelsp.training.model import load_model
from codelsp.training.pieces import unpack
from tests.training.material import steps_of

SCRIPT = Path(__file__).parents[2] / "models" / "recipes" / "gpu.sh"


@pytest.mark.slow
@pytest.mark.timeout(600)  # six starts of Python with torch
@pytest.mark.skipif(os.name == "nt" or shutil.which("bash") is None, reason="a script of bash")
@pytest.mark.parametrize("model", ["s", "m"])
def test_a_model_is_trained_in_two_visits_and_brought_home_in_pieces(
    model: str, corpus: Path, tokenizer_file: Path, tmp_path: Path
) -> None:
    pytest.importorskip("pyppmd")
    tokenizer = tmp_path / f"tokenizer-{model}.json"
    shutil.copyfile(tokenizer_file, tokenizer)
    settings = {
        "CARRIED": tmp_path / "carried",
        "WORK": tmp_path / "work",
        "OUT": tmp_path / "out",
        "PYTHON": sys.executable,
        "MODEL": model,
        "SIZE": "tiny",
        "CONTEXT": 96,
        "PASSES": 1,
        "WORKERS": 1,
        "SECONDS_A_VISIT": 1,
    }
    environment = {**os.environ, **{name: str(value) for name, value in settings.items()}}
    load = ("load", str(corpus), str(tokenizer), str(settings["CARRIED"]))
    for visit in (load, ("take",), ("prepare",), ("train",), ("train",), ("pack",)):
        done = subprocess.run(  # noqa: PLW1510  judged below
            ["bash", str(SCRIPT), *visit], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr

    steps = steps_of(tmp_path / "work" / f"run-{model}")
    assert [step["step"] for step in steps] == list(range(1, len(steps) + 1))
    assert len(steps) >= 2
    assert json.loads((tmp_path / "out" / "pieces.json").read_text())
    unpack(tmp_path / "out", tmp_path / "model")
    assert load_model(tmp_path / "model").config.vocab_size == 512
