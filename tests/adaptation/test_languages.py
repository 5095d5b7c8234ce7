"""Which model is adapted in a repository of several languages, and to which files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytest.importorskip("torch")
pytest.importorskip("datasketch")

from codelsp.adaptation.languages import ANOTHERS, answered_by, answering_model
from codelsp.adaptation.partition import partition
from codelsp.adaptation.repository import RepositoryFiles, read_repository
from codelsp.errors import CorpusError
from codelsp.model_store.by_language import OF_OTHER_LANGUAGES
from codelsp.settings import Settings
from tests.adaptation.repositories import module, script, web_application, write_repository

if TYPE_CHECKING:
    from pathlib import Path

CHOSEN = Settings(model="qwen")


@pytest.fixture
def mixed(tmp_path: Path) -> RepositoryFiles:
    """A web application: more TypeScript than Python, a script and a page."""
    files = {f"web/shelf{n}.ts": script(n) for n in range(12)}
    files |= {f"server/shelf_{n}.py": module(n) for n in range(6)}
    files |= {"web/index.html": "<p>The library</p>\n" * 20, "web/view.tsx": script(99)}
    return read_repository(write_repository(tmp_path / "library", files))


def test_it_is_about_the_model_of_most_of_the_code_unless_a_language_is_named(
    mixed: RepositoryFiles,
) -> None:
    assert answering_model(mixed, Settings()) == OF_OTHER_LANGUAGES
    assert answering_model(mixed, Settings(), "typescript") == OF_OTHER_LANGUAGES
    assert answering_model(mixed, Settings(), "python") == ""


def test_what_a_model_answers_in_is_learned_and_the_rest_is_told_of(mixed: RepositoryFiles) -> None:
    larger = answered_by(OF_OTHER_LANGUAGES, mixed, Settings())
    smaller = answered_by("", mixed, Settings())

    assert [*larger.languages] == ["typescript"]
    assert [*smaller.languages] == ["python"]
    assert (larger.left_out[ANOTHERS], smaller.left_out[ANOTHERS]) == (6, 13)
    assert larger.left_out["another language"] == 1


def test_a_model_that_the_user_chose_answers_in_every_language(mixed: RepositoryFiles) -> None:
    assert answering_model(mixed, CHOSEN) == "qwen"
    assert answered_by("qwen", mixed, CHOSEN) == mixed


def test_a_language_that_is_not_there_is_refused_with_those_that_are(
    mixed: RepositoryFiles,
) -> None:
    with pytest.raises(CorpusError, match=r"library holds no file of go .* typescript, python"):
        answering_model(mixed, Settings(), "go")


def test_files_of_other_languages_are_held_out_to_be_typed(tmp_path: Path) -> None:
    sides = partition(read_repository(web_application(tmp_path)).documents)

    assert len(sides.held_out) >= 6
    assert {document.language for document in sides.held_out} == {"typescript"}
