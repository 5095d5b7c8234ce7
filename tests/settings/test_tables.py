"""The tables say what the declaration says."""

from __future__ import annotations

from dataclasses import fields

from codelsp.settings import Settings
from codelsp.settings.tables import markdown_table, vs_code_properties


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
