"""The files that settings stand in: the user's, and the workspace's.

A file that cannot be read or is no TOML is a ``Problem``, never an exception: an editor does not
lose its completions to a typing error in a settings file.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

from codelsp.directories import config_dir
from codelsp.settings.reading import Layer, Problem

if TYPE_CHECKING:
    from pathlib import Path

FileLayers = tuple[tuple[Layer, ...], tuple[Problem, ...]]


def user_file() -> Path:
    """Return where the user's settings stand: ``config.toml`` in their configuration folder."""
    return config_dir() / "config.toml"


def read_user_file(path: Path | None = None) -> FileLayers:
    """Return the user's layer, if there is one, and the problems of its file."""
    return _read_file(path or user_file(), is_workspace=False)


def read_workspace_files(root: Path) -> FileLayers:
    """Return the layers of a workspace: ``pyproject.toml``, then ``codelsp.toml``."""
    section = ("tool", "codelsp")
    project, project_problems = _read_file(root / "pyproject.toml", section, is_workspace=True)
    own, own_problems = _read_file(root / "codelsp.toml", is_workspace=True)
    return (*project, *own), (*project_problems, *own_problems)


def _read_file(path: Path, section: tuple[str, ...] = (), *, is_workspace: bool) -> FileLayers:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return (), ()
    except (OSError, ValueError) as error:
        return (), (Problem(str(path), "", f"cannot be read: {error}"),)
    if section and section[-1] not in text:
        return (), ()  # A pyproject.toml without a word for us need not be parsed.
    try:
        values: Any = _parsed_toml(text)
    except ValueError as error:
        return (), (Problem(str(path), "", f"is no valid TOML: {error}"),)
    for key in section:
        values = values.get(key, {}) if isinstance(values, dict) else {}
    if not isinstance(values, dict):
        return (), (Problem(str(path), ".".join(section), "expected a table"),)
    return (Layer(str(path), values, is_workspace=is_workspace),), ()


def _parsed_toml(text: str) -> dict[str, Any]:
    # Python's own parser since 3.11, and before it the same one from a package.
    toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    values: dict[str, Any] = toml.loads(text)
    return values
