"""Settings files: found, absent, unreadable, wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codelsp.settings import read_settings
from codelsp.settings.files import read_user_file, read_workspace_files, user_file

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_missing_file_is_no_problem(tmp_path: Path) -> None:
    assert read_user_file(tmp_path / "none" / "config.toml") == ((), ())
    assert read_workspace_files(tmp_path) == ((), ())


def test_a_file_that_is_no_toml_is_a_problem_with_its_path(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("max_tokens = = 3", encoding="utf-8")

    layers, (problem,) = read_user_file(path)

    assert layers == ()
    assert problem.place == str(path)
    assert "no valid TOML" in problem.message


def test_a_file_that_is_no_text_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xff\xfe\x00")

    assert "cannot be read" in read_user_file(path)[1][0].message


def test_a_folder_in_place_of_the_file_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "codelsp.toml").mkdir()

    assert "cannot be read" in read_workspace_files(tmp_path)[1][0].message


def test_codelsp_toml_wins_over_pyproject(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        "[tool.codelsp]\nmax_tokens = 5\ncandidates = 2\n", encoding="utf-8"
    )
    (tmp_path / "codelsp.toml").write_text("\ufeffmax_tokens = 6\n", encoding="utf-8")

    layers, problems = read_workspace_files(tmp_path)
    settings, _ = read_settings(layers)

    assert problems == ()
    assert (settings.max_tokens, settings.candidates) == (6, 2)
    assert all(layer.is_workspace for layer in layers)


def test_a_pyproject_without_our_table_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('dependencies = ["codelsp"]\n', encoding="utf-8")

    layers, problems = read_workspace_files(tmp_path)

    assert read_settings(layers)[1] == ()
    assert problems == ()


def test_a_table_that_is_no_table_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool]\ncodelsp = 3\n", encoding="utf-8")

    assert [str(problem) for problem in read_workspace_files(tmp_path)[1]] == [
        f"{tmp_path / 'pyproject.toml'}: tool.codelsp: expected a table"
    ]


def test_the_user_file_lies_in_the_folder_for_configuration(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))

    assert user_file().name == "config.toml"
    assert user_file().parent.name == "codelsp"
