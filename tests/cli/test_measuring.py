"""What is measured where no model is named: what an editor would use for these files."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("numpy")

from codelsp.cli.measuring import subjects_of
from codelsp.cli.session import Invocation
from codelsp.errors import EvaluationError
from codelsp.evaluation.source_files import from_folders
from codelsp.model_store.by_language import OF_OTHER_LANGUAGES
from codelsp.model_store.places import DEFAULT_MODEL, embedded_dir

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODELSP_HOME", str(tmp_path / "home"))


def measured(language_id: str, *models: str) -> list[str]:
    subjects = subjects_of(Invocation(), models or None, None, language_id)
    return [subject.settings.model for subject in subjects]


def test_files_in_another_language_are_measured_with_the_model_that_knows_it() -> None:
    assert measured("python") == [""]
    assert measured("typescript") == [OF_OTHER_LANGUAGES]


def test_models_that_are_named_are_measured_in_any_language() -> None:
    assert measured("typescript", "codelsp-s", "codelsp-m") == ["codelsp-s", "codelsp-m"]


def test_models_of_one_name_cannot_be_told_apart_and_are_refused(tmp_path: Path) -> None:
    source = embedded_dir() / DEFAULT_MODEL / f"{DEFAULT_MODEL}-q8_0.gguf"
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        shutil.copyfile(source, tmp_path / folder / "model.gguf")

    with pytest.raises(EvaluationError, match="2 of these models are called model"):
        measured("python", str(tmp_path / "a/model.gguf"), str(tmp_path / "b/model.gguf"))


def test_a_folder_s_language_is_that_of_most_of_its_files(tmp_path: Path) -> None:
    code = "const total = first + second;\n" * 60
    for name in ("a.ts", "b.ts", "c.py"):
        (tmp_path / name).write_text(code if name.endswith("ts") else "total = 1\n" * 200)

    assert from_folders([tmp_path], 9, 1).language_id == "typescript"
