"""A server takes the model that was adapted to its one workspace, also while it runs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from codelsp.editor.greeting import greet
from codelsp.editor.session import Session
from codelsp.engine.scripted import ScriptedEngine
from codelsp.model_store import resolve_model
from codelsp.model_store.adapted import Version, adopt, undo, version_name


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODELSP_HOME", str(tmp_path / "home"))


def session(*roots: Path) -> Session:
    folders = [{"uri": root.as_uri(), "name": root.name} for root in roots]
    greeting = greet({"capabilities": {}, "workspaceFolders": folders}, {})
    return Session(greeting, lambda _settings: ScriptedEngine([""]))


def adopted(root: Path) -> str:
    root.mkdir(exist_ok=True)
    base = resolve_model("")
    name = version_name(root, base)
    made = root.parent / f"made-{name}"
    made.mkdir()
    shutil.copyfile(base.path, made / f"{name}.gguf")
    adopt(root, base, made, Version(name, "2026-01-01T00:00:00+00:00"))
    return name


def test_its_own_workspace_gets_it_another_does_not(tmp_path: Path) -> None:
    name = adopted(tmp_path / "project")

    assert Path(session(tmp_path / "project").settings.model).stem == name
    assert session(tmp_path / "another").settings.model == ""
    assert session(tmp_path / "project", tmp_path / "another").settings.model == ""
    assert session().settings.model == ""


def knows_better(running: Session) -> bool:
    return running.has_other_model


async def test_a_running_server_takes_it_and_gives_it_back(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    running = session(root)
    assert not knows_better(running)

    name = adopted(root)
    assert knows_better(running)
    await running.read_settings_again()
    assert Path(running.settings.model).stem == name
    assert not knows_better(running)

    undo(root)
    assert knows_better(running)
    await running.read_settings_again()
    assert running.settings.model == ""
