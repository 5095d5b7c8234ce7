"""Where the user has chosen no model, the document's language does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from codelsp.document.languages import language_of
from codelsp.model_store import DEFAULT_MODEL, by_language, resolve_model
from codelsp.model_store.by_language import (
    DEFAULT_LANGUAGE,
    OF_OTHER_LANGUAGES,
    OTHER_LANGUAGES,
    for_language,
    for_workspace,
    models_of,
)
from codelsp.settings import Settings
from tests.model_store.adoptions import adopted

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODELSP_HOME", str(tmp_path / "home"))


def model_for(language_id: str, **settings: str) -> str:
    return for_language(Settings(**settings), language_id).model  # type: ignore[arg-type]


def test_python_has_the_default_model_and_others_the_one_that_knows_them() -> None:
    assert resolve_model(model_for("python")).name == DEFAULT_MODEL
    assert resolve_model(model_for("typescript")).name == "codelsp-m"
    assert resolve_model(model_for("rust")).name == "codelsp-m"


def test_markup_and_data_have_no_model_of_their_own() -> None:
    assert [model_for(name) for name in ("json", "markdown", "yaml", "plaintext")] == [""] * 4


def test_what_the_user_chose_answers_in_every_language() -> None:
    assert model_for("typescript", model="codelsp-s") == "codelsp-s"
    assert model_for("typescript", model="/models/qwen.gguf") == "/models/qwen.gguf"


def test_an_engine_that_is_somebody_elses_has_its_own_model() -> None:
    assert model_for("typescript", engine="http://localhost:8080") == ""


def test_torch_runs_the_default_model_for_the_other_is_no_folder_of_safetensors() -> None:
    assert model_for("typescript", engine="torch") == ""


@pytest.mark.parametrize(("tuned", "other"), [("python", "go"), ("go", "python")])
def test_a_tuned_model_answers_where_its_base_did(tmp_path: Path, tuned: str, other: str) -> None:
    name = adopted(tmp_path / "project", model_for(tuned))

    def chosen(language_id: str, **settings: str) -> str:
        own = Settings(**settings)  # type: ignore[arg-type]
        return for_workspace(own, language_id, tmp_path / "project").model

    assert name in chosen(tuned)
    assert chosen(other) == model_for(other)
    assert chosen(tuned, model="qwen.gguf") == "qwen.gguf"


def test_an_installation_without_the_other_model_has_the_default_one_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(by_language, "embedded_dir", lambda: tmp_path)

    assert model_for("typescript") == ""


def test_languages_are_named_as_editors_name_them() -> None:
    learned = ("a.c", "a.cpp", "a.go", "a.java", "a.js", "a.jsx", "a.rs", "a.ts", "a.tsx", "a.cs")

    assert {language_of("", name).id for name in learned} <= OTHER_LANGUAGES
    assert language_of("", "a.py").id == DEFAULT_LANGUAGE


def test_there_are_two_models_where_none_is_chosen_and_else_one() -> None:
    assert models_of(Settings()) == ("", OF_OTHER_LANGUAGES)
    assert models_of(Settings(model="qwen")) == ("qwen",)
