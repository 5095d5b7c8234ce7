"""The tables say what the declaration says."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from codelsp.errors import SettingsError
from codelsp.settings import Layer, Settings, read_settings
from codelsp.settings.reading import snake_case
from codelsp.settings.tables import (
    markdown_table,
    vim_help_table,
    vs_code_properties,
    with_vs_code_properties,
)

MANIFEST = Path(__file__).parents[2] / "vscode-extension" / "package.json"


def _configuration() -> list[dict[str, Any]]:
    manifest = json.loads(MANIFEST.read_text("utf-8"))
    configuration: list[dict[str, Any]] = manifest["contributes"]["configuration"]
    return configuration


def test_the_table_has_a_row_for_every_setting() -> None:
    rows = markdown_table().strip().split("\n")[2:]

    assert [row.split("`")[1] for row in rows] == [field.name for field in fields(Settings)]
    assert all(row.count("|") == 4 for row in rows)


def test_the_schema_has_types_bounds_and_choices() -> None:
    properties = vs_code_properties()

    assert len(properties) == len(fields(Settings))
    assert properties["codelsp.maxTokens"] == {
        "type": "integer",
        "default": 48,
        "markdownDescription": "Most tokens of one automatic completion.",
        "scope": "window",
        "minimum": 1,
        "maximum": 1024,
    }
    assert properties["codelsp.multiline"]["enum"] == ["auto", "always", "never"]
    assert properties["codelsp.exclude"]["items"] == {"type": "string"}


def test_what_could_redirect_code_cannot_come_from_a_folder_in_vs_code() -> None:
    properties = vs_code_properties()

    for key in ("engine", "engineApiKey", "model", "trace"):
        assert properties[f"codelsp.{key}"]["scope"] == "machine"


def test_the_extension_declares_the_settings_of_the_program() -> None:
    assert _configuration()[0]["properties"] == vs_code_properties(), (
        "run `codelsp settings --vscode vscode-extension/package.json`"
    )


def test_what_the_extension_declares_for_itself_is_passed_over_by_the_server() -> None:
    own = _configuration()[1]["properties"]
    keys = {snake_case(key.partition(".")[2]): entry["default"] for key, entry in own.items()}

    settings, problems = read_settings([Layer("editor", keys)])

    assert keys
    assert settings == Settings()
    assert problems == ()


def test_a_folder_cannot_set_what_the_extension_starts_or_installs() -> None:
    assert {entry["scope"] for entry in _configuration()[1]["properties"].values()} == {"machine"}


def test_the_settings_are_written_into_a_manifest_and_the_rest_of_it_is_kept() -> None:
    manifest = {
        "name": "x",
        "contributes": {
            "configuration": [{"properties": {"old": {}}}, {"properties": {"own": {}}}]
        },
    }

    written = json.loads(with_vs_code_properties(json.dumps(manifest)))

    assert written["name"] == "x"
    assert written["contributes"]["configuration"][0]["properties"] == vs_code_properties()
    assert written["contributes"]["configuration"][1] == {"properties": {"own": {}}}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"contributes": {"configuration": []}}'])
def test_a_file_that_is_no_manifest_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="no package"):
        with_vs_code_properties(text)


def test_vims_help_has_a_tag_for_every_setting_and_no_line_that_is_cut() -> None:
    lines = vim_help_table().split("\n")

    tags = [line.strip(" *").removeprefix("codelsp-") for line in lines if "*codelsp-" in line]
    assert tags == [field.name for field in fields(Settings)]
    assert max(map(len, lines)) <= 78
