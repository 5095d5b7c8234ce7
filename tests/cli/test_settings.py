from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from codelsp.cli import main
from codelsp.cli.settings import sources_of
from codelsp.settings import Layer
from codelsp.settings.tables import markdown_table, vim_help_table

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODELSP_HOME", str(tmp_path / "home"))


def test_each_setting_names_the_layer_that_made_it_what_it_is() -> None:
    layers = [
        Layer("user", {"max_tokens": 7, "multiline": "never"}),
        Layer("editor", {"max_tokens": 9}),
    ]

    sources = sources_of(layers)

    assert sources["max_tokens"] == "editor"
    assert sources["multiline"] == "user"
    assert sources["threshold"] == "default"


def test_settings_are_told_as_json_and_a_key_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "codelsp.toml").write_text('max_tokens = 7\nmodel = "theirs"\n')

    assert main(["--set", "engine_api_key=secret", "settings", str(tmp_path), "--json"]) == 0

    told = capsys.readouterr().out
    described = json.loads(told)
    assert described["settings"]["max_tokens"] == 7
    assert described["sources"]["max_tokens"].endswith("codelsp.toml")
    assert described["settings"]["model"] == ""
    assert "model" in described["problems"][0]
    assert "secret" not in told


def test_the_documentation_gets_its_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings", "--markdown"]) == 0
    assert capsys.readouterr().out == markdown_table()
    assert main(["settings", "--vim-help"]) == 0
    assert capsys.readouterr().out == vim_help_table()


def test_in_a_folder_of_a_project_the_project_s_settings_are_in_force(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "codelsp.toml").write_text("max_tokens = 7\n")
    (tmp_path / "package").mkdir()

    assert main(["settings", str(tmp_path / "package"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["settings"]["max_tokens"] == 7


def test_what_is_no_folder_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings", str(tmp_path / "none")]) == 2
    assert "is no folder" in capsys.readouterr().err
