"""``codelsp generate``, as a user types it."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from codelsp.cli import main

if TYPE_CHECKING:
    from pathlib import Path

    from codelsp.settings import Settings

pytest.importorskip("torch")
pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    from tests.torch_engine.families import make_family

    return str(make_family("gpt2", tmp_path_factory.mktemp("models") / "tiny"))


def test_samples_come_between_the_separators_of_openais_tools(
    model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, _, name = model.rpartition("/")
    arguments = ["--models-dir", folder, "--model", name, "--nsamples", "2", "--length", "4"]

    assert main(["generate", "def", *arguments, "--seed", "1"]) == 0

    lines = capsys.readouterr().out.split("\n")
    rule = "=" * 40
    assert [line for line in lines if line.startswith(rule)] == [
        f"{rule} SAMPLE 1 {rule}",
        f"{rule} SAMPLE 2 {rule}",
        rule * 2,
    ]


def test_json_has_a_line_for_each_text_with_the_seed_that_repeats_it(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "prompt.py").write_text("def f():\n")
    arguments = ["--model", model, "--json", "--nsamples", "2", "--length", "6"]

    assert main(["generate", "-f", str(tmp_path / "prompt.py"), *arguments]) == 0
    first = [json.loads(line) for line in capsys.readouterr().out.strip().split("\n")]
    again = ["generate", "-f", str(tmp_path / "prompt.py"), *arguments, "--seed"]
    assert main([*again, str(first[0]["seed"])]) == 0

    assert [json.loads(x) for x in capsys.readouterr().out.strip().split("\n")] == first
    assert [each["sample"] for each in first] == [1, 2]


def test_a_prompt_comes_from_standard_input_and_is_echoed(
    model: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(read=io.StringIO("class A:").read))

    assert main(["generate", "-", "--model", model, "--length", "3", "--echo"]) == 0

    assert "\nclass A:" in capsys.readouterr().out


def test_a_gguf_file_is_asked_through_the_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from codelsp.engine.scripted import ScriptedEngine

    asked: list[str] = []

    def opened(settings: Settings) -> ScriptedEngine:
        asked.append(settings.model)
        return ScriptedEngine([" a + b"])

    monkeypatch.setattr("codelsp.engine.open.open_engine", opened)
    (tmp_path / "tiny.gguf").write_bytes(b"GGUF")
    arguments = ["--models-dir", str(tmp_path), "--model", "tiny.gguf", "--length", "4"]

    assert main(["generate", "def add(a, b):\n    return", *arguments, "--json"]) == 0

    assert json.loads(capsys.readouterr().out)["text"] == " a + b"
    assert asked == [str(tmp_path / "tiny.gguf")]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param([""], "the prompt is empty", id="an empty prompt"),
        pytest.param(["x", "-f", "y"], "not both", id="two prompts"),
        pytest.param(["-f", "gone.txt"], "cannot be read", id="no such file"),
        pytest.param(["x", "--nsamples", "3", "--batch-size", "2"], "does not divide", id="batch"),
    ],
)
def test_wrong_options_are_one_line_before_a_model_is_loaded(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["generate", *arguments, "--model", "never-loaded"]) == 2

    assert says in capsys.readouterr().err
