from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from codelsp.cli import main
from codelsp.engine import open as engine_open
from codelsp.engine.scripted import Answer, ScriptedEngine
from codelsp.errors import EngineUnavailableError

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = "def add(a, b):\n    return \n\n\nprint(add(1, 2))\n"


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ScriptedEngine:
    scripted = ScriptedEngine([Answer("a + b")])
    monkeypatch.setenv("CODELSP_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(engine_open, "open_engine", lambda _settings: scripted)
    return scripted


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "example.py"
    path.write_text(SOURCE)
    return path


def test_a_completion_is_shown_in_its_place_with_its_timing(
    engine: ScriptedEngine, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["complete", f"{source}:2:12"]) == 0

    shown = capsys.readouterr().out
    assert ">    2     return «a + b»" in shown
    assert "scripted" in shown
    assert "generate" in shown
    assert engine.prompts
    assert engine.is_closed


@pytest.mark.usefixtures("engine")
def test_json_holds_insertions_and_trace(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--set", "threshold=0.1", "complete", f"{source}:2", "--json", "--automatic"]
    assert main(options) == 0

    told = json.loads(capsys.readouterr().out)
    offset = SOURCE.index("return ") + len("return ")
    assert told["insertions"][0]["text"] == "a + b"
    assert told["insertions"][0]["start"] == offset
    assert told["trace"]["source"] == "model"
    assert told["model"] == "scripted"


def test_as_many_candidates_are_generated_as_asked_for(
    engine: ScriptedEngine, source: Path
) -> None:
    main(["complete", f"{source}:2:12", "--n", "5"])

    assert len(engine.requests) == 5


def test_nothing_to_show_is_said_with_its_reason(
    engine: ScriptedEngine, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine._answers = [""]

    assert main(["complete", f"{source}:2:12", "--n", "1"]) == 0
    assert "No completion:" in capsys.readouterr().out


def test_the_trace_names_each_step_that_did_something(
    engine: ScriptedEngine, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine._answers = ["a + b\n\n\nprint(add(1, 2))\n"]

    main(["complete", f"{source}:2:12", "--n", "1", "--trace"])

    assert "mean log-probability" in capsys.readouterr().out


def test_an_engine_that_is_not_there_is_one_line_and_exit_code_2(
    engine: ScriptedEngine,
    source: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def connect() -> None:
        raise EngineUnavailableError("Nothing answers; start it.")

    monkeypatch.setattr(engine, "connect", connect)

    assert main(["complete", str(source)]) == 2
    assert capsys.readouterr().err == "codelsp: Nothing answers; start it.\n"


def test_the_settings_of_the_files_project_are_in_force(
    engine: ScriptedEngine, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (source.parent / "codelsp.toml").write_text("max_line_tokens = 3\nmax_tokens = 3\nno = 1\n")

    main(["complete", f"{source}:2:12", "--n", "1"])

    assert engine.requests[0].max_tokens <= 4  # one more than set writes the healed token again
    assert "no such setting" in capsys.readouterr().err
