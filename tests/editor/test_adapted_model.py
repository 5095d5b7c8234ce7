"""A server takes the models that were adapted to its one workspace, also while it runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from codelsp.editor.greeting import greet
from codelsp.editor.session import Session
from codelsp.engine.scripted import ScriptedEngine
from codelsp.model_store.adapted import undo
from codelsp.model_store.by_language import OF_OTHER_LANGUAGES
from tests.model_store.adoptions import adopted


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODELSP_HOME", str(tmp_path / "home"))


class Window:
    """An editor's window, and the models whose engines were made for it."""

    def __init__(self, *roots: Path) -> None:
        self.models: list[str] = []
        folders = [{"uri": root.as_uri(), "name": root.name} for root in roots]
        greeting = greet({"capabilities": {}, "workspaceFolders": folders}, {})
        self.session = Session(greeting, self._engine)

    def _engine(self, settings: object) -> ScriptedEngine:
        self.models.append(settings.model)  # type: ignore[attr-defined]
        return ScriptedEngine([""])

    async def model_for(self, language_id: str = "python") -> str:
        """Return the stem of the model's file that answers in a language."""
        await self.session.completer.warm_up(language_id=language_id)
        return Path(self.models[-1]).stem

    def has_other_model(self) -> bool:
        """What is asked whenever a document is opened."""
        return self.session.completer.has_other_model


async def test_its_own_workspace_gets_it_another_does_not(tmp_path: Path) -> None:
    project, another = tmp_path / "project", tmp_path / "another"
    name = adopted(project)

    assert await Window(project).model_for() == f"{name}-q8_0"
    assert await Window(another).model_for() == ""
    assert await Window(project, another).model_for() == ""
    assert await Window().model_for() == ""


async def test_a_running_server_takes_it_and_gives_it_back(tmp_path: Path) -> None:
    root = tmp_path / "project"
    window = Window(root)
    await window.model_for()
    assert not window.has_other_model()

    name = adopted(root)
    assert window.has_other_model()
    await window.session.read_settings_again()
    assert await window.model_for() == f"{name}-q8_0"
    assert not window.has_other_model()

    undo(root)
    assert window.has_other_model()
    await window.session.read_settings_again()
    assert await window.model_for() == ""


async def test_a_language_of_another_model_gets_what_was_made_of_that(tmp_path: Path) -> None:
    root = tmp_path / "project"
    name = adopted(root, OF_OTHER_LANGUAGES)
    window = Window(root)

    assert await window.model_for("rust") == f"{name}-q8_0"
    assert await window.model_for("python") == ""
