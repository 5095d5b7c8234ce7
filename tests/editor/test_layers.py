"""The settings of one session, from all their sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from codelsp.editor.layers import SessionLayers

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def no_settings_of_anyone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))


def test_the_command_line_has_the_last_word() -> None:
    layers = SessionLayers("", {"max_tokens": 1})
    layers.take_options({"maxTokens": 2})
    layers.take_section({"maxTokens": 3, "candidates": 4})

    settings, problems = layers.read()

    assert (settings.max_tokens, settings.candidates, problems) == (1, 4, ())


def test_what_an_editor_pushes_for_other_servers_is_not_ours() -> None:
    layers = SessionLayers("", {})
    layers.take_pushed({"python": {"analysis": {}}, "editor": {"tabSize": 4}})

    assert layers.read()[1] == ()


def test_what_an_editor_pushes_for_us_is_taken() -> None:
    layers = SessionLayers("", {})
    layers.take_pushed({"codelsp": {"maxTokens": 3}, "python": {}})

    assert layers.read()[0].max_tokens == 3


def test_an_empty_push_forgets_nothing() -> None:
    layers = SessionLayers("", {})
    layers.take_section({"maxTokens": 3})
    layers.take_pushed(None)

    assert layers.read()[0].max_tokens == 3


@pytest.mark.parametrize("nothing", [None, {}, [], ""])
def test_nothing_is_no_problem(nothing: object) -> None:
    layers = SessionLayers("", {})
    layers.take_options(nothing)

    assert layers.read()[1] == ()


def test_what_is_no_object_is_a_problem() -> None:
    layers = SessionLayers("", {})
    layers.take_options([1])

    assert [str(problem) for problem in layers.read()[1]] == [
        "initializationOptions: expected an object of settings"
    ]


def test_a_settings_file_is_read_again(tmp_path: Path) -> None:
    layers = SessionLayers(tmp_path.as_uri(), {})
    (tmp_path / "codelsp.toml").write_text("max_tokens = 7\n", encoding="utf-8")

    assert layers.is_settings_file((tmp_path / "codelsp.toml").as_uri())
    layers.read_files()

    assert layers.read()[0].max_tokens == 7
