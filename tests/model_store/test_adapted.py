"""Adapted models: in force in one workspace, adopted whole, taken back."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from codelsp.errors import ModelError, ModelFileError
from codelsp.model_store import adapted
from codelsp.model_store.adapted import (
    ENTRY,
    adaptation_dir,
    read_adaptation,
    undo,
    with_adapted_model,
)
from codelsp.model_store.by_language import OF_OTHER_LANGUAGES
from codelsp.model_store.places import DEFAULT_MODEL
from codelsp.settings import Settings
from codelsp.settings.reading import Layer, read_settings
from tests.model_store.adoptions import adopted


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODELSP_HOME", str(tmp_path / "home"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


def served(root: Path | None, **settings: object) -> str:
    """Return the stem of the model's file that a server of ``root`` takes."""
    chosen = with_adapted_model(replace(Settings(), **settings), root)  # type: ignore[arg-type]
    return Path(chosen.model).stem


def test_an_adopted_model_is_served_in_its_workspace_and_nowhere_else(root: Path) -> None:
    name = adopted(root)

    assert served(root) == f"{name}-q8_0"
    assert served(root / "inside") == f"{name}-q8_0"
    assert served(root.parent / "another") == ""
    assert served(None) == ""


def test_it_stands_in_for_the_model_that_was_adapted_and_for_no_other(root: Path) -> None:
    adopted(root)

    assert served(root, model="another-model.gguf") == "another-model"
    assert served(root, model=DEFAULT_MODEL) != DEFAULT_MODEL
    assert served(root, engine="http://127.0.0.1:1") == ""


def test_the_user_can_do_without_and_a_workspace_cannot_decide(root: Path) -> None:
    adopted(root)
    layer = Layer("codelsp.toml", {"adapted": False}, is_workspace=True)

    settings, problems = read_settings([layer])

    assert served(root, adapted=False) == ""
    assert settings.adapted
    assert len(problems) == 1


def test_nothing_inside_a_workspace_makes_a_model_serve_there(root: Path) -> None:
    adopted(root)
    planted = root.parent / "cloned"
    shutil.copytree(adaptation_dir(root), planted / adapted.adaptations_dir().name)
    shutil.copytree(adaptation_dir(root), planted / ".codelsp")

    assert served(planted) == ""


def test_undo_goes_back_one_step_at_a_time(root: Path) -> None:
    first, second = adopted(root), adopted(root)
    assert served(root) == f"{second}-q8_0"

    undo(root)
    assert served(root) == f"{first}-q8_0"

    undo(root)
    assert served(root) == ""
    with pytest.raises(ModelError, match="nothing to undo"):
        undo(root)


def test_two_versions_are_kept_and_older_ones_removed(root: Path) -> None:
    names = [adopted(root) for _ in range(3)]

    kept = {path.name for path in adaptation_dir(root).iterdir() if path.is_dir()}

    assert kept == set(names[1:])


def test_an_adoption_that_is_killed_before_its_last_step_changes_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = adopted(root)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(adapted, "_write", killed)
    with pytest.raises(KeyboardInterrupt):
        adopted(root)

    assert served(root) == f"{before}-q8_0"


def test_a_full_disk_leaves_the_old_model_in_force(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = adopted(root)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space"):
        adopted(root)

    assert served(root) == f"{before}-q8_0"


def test_a_damaged_entry_costs_the_adapted_model_and_says_what_to_do(root: Path) -> None:
    adopted(root)
    (adaptation_dir(root) / ENTRY).write_text("{")

    assert served(root) == ""
    with pytest.raises(ModelFileError, match="delete it"):
        read_adaptation(root, DEFAULT_MODEL)


def test_a_model_of_another_base_is_not_served(root: Path) -> None:
    adopted(root)
    file = adaptation_dir(root) / ENTRY
    facts = json.loads(file.read_text())
    facts["adaptations"][0]["base_digest"] = "that of last year"
    file.write_text(json.dumps(facts))

    assert served(root) == ""


def test_each_base_has_an_adapted_model_of_its_own_and_undo_takes_the_newest(root: Path) -> None:
    small = adopted(root, when="2026-01-02T00:00:00+00:00")
    larger = adopted(root, OF_OTHER_LANGUAGES, when="2026-01-03T00:00:00+01:00")
    assert served(root) == f"{small}-q8_0"
    assert served(root, model=OF_OTHER_LANGUAGES) == f"{larger}-q8_0"

    undo(root)
    assert served(root) == f"{small}-q8_0"
    assert served(root, model=OF_OTHER_LANGUAGES) == OF_OTHER_LANGUAGES

    undo(root)
    assert served(root) == ""


def test_an_entry_of_the_time_when_there_was_one_base_still_counts(root: Path) -> None:
    name = adopted(root)
    file = adaptation_dir(root) / ENTRY
    facts = json.loads(file.read_text())
    file.write_text(json.dumps({"root": facts["root"], **facts["adaptations"][0]}))

    assert served(root) == f"{name}-q8_0"
