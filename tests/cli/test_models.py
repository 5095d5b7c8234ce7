from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from codelsp.cli import main
from codelsp.model_store import resolve_model

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODELSP_HOME", str(tmp_path / "home"))


def _listed(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, object]]:
    assert main(["models", "list", "--json"]) == 0
    return {each["name"]: each for each in json.loads(capsys.readouterr().out)}


def test_a_model_gets_a_name_and_loses_it_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.gguf"
    path.write_bytes(resolve_model("").path.read_bytes())

    assert main(["models", "add", str(path), "--name", "small"]) == 0
    capsys.readouterr()
    assert _listed(capsys)["small"]["path"] == str(path)

    assert main(["models", "remove", "small"]) == 0
    capsys.readouterr()
    assert "small" not in _listed(capsys)
    assert path.exists()


def test_the_embedded_model_is_listed_and_whole(capsys: pytest.CaptureFixture[str]) -> None:
    embedded = [each for each in _listed(capsys).values() if each["is_embedded"]]
    assert embedded

    assert main(["models", "verify"]) == 0
    assert "is whole" in capsys.readouterr().out


def test_a_file_that_is_no_model_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.gguf").write_bytes(b"not at all")

    assert main(["models", "add", str(tmp_path / "bad.gguf")]) == 2
    assert "no GGUF file" in capsys.readouterr().err


def test_a_source_that_is_not_safe_is_refused_before_anything_is_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["models", "pull", "http://example.org/model.gguf"]) == 2
    assert "https" in capsys.readouterr().err


def test_what_is_recommended_comes_with_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "recommend"]) == 0

    told = capsys.readouterr().out
    assert "GB of memory" in told
    assert "codelsp models pull" in told or "embedded model" in told
