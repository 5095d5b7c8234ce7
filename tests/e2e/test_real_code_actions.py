"""Code actions with the real engine and the embedded model."""

from __future__ import annotations

import ast
import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from codelsp.directories import HOME_VARIABLE
from codelsp.engine.process import stop_engine
from codelsp.model_store.places import DEFAULT_MODEL
from tests.client import Server, server
from tests.editor.test_code_actions import EDIT, METHOD, applied, asked, capabilities

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

CODE = '''\
"""Shelves."""


def find_book(shelf, title: str, is_exact=False) -> int:
    if not title:
        raise ValueError("no title")
    for place, book in enumerate(shelf):
        if book == title or (not is_exact and title in book):
            return place
    return -1


def count_books(shelf):
    pass
'''


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Everything codelsp writes lies in a folder of the test's own; its engine is stopped."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    yield
    stop_engine()


async def chosen(client: Server, uri: str, line: int, title: str) -> dict[str, Any]:
    """Choose a code action on a line, and return the edit that comes."""
    place = {"textDocument": {"uri": uri}, "position": {"line": line, "character": 4}}
    actions = await client.answer(METHOD, asked(place))
    [action] = [each for each in actions if each["title"].startswith(title)]
    before = len(client.requests)
    await client.answer("workspace/executeCommand", action["command"])
    edits = [each["params"] for each in client.requests[before:] if each["method"] == EDIT]
    assert len(edits) == 1, client.notifications
    return dict(edits[0])


async def test_the_embedded_model_writes_what_parses_and_keeps_its_form(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    uri = (project / "shelves.py").as_uri()
    folders = [{"uri": project.as_uri(), "name": "project"}]
    async with server(tmp_path, command=("-m", "codelsp", "--stdio")) as client:
        client.replies[EDIT] = {"applied": True}
        await client.answer("initialize", capabilities() | {"workspaceFolders": folders})
        client.notify("initialized", {})
        item = {"uri": uri, "languageId": "python", "version": 1, "text": CODE}
        client.notify("textDocument/didOpen", {"textDocument": item})

        docstring = await chosen(client, uri, 3, "Write docstring")
        tests = await chosen(client, uri, 3, "Write tests")
        body = await chosen(client, uri, 13, "Complete count_books (")

    [function, _] = ast.parse(applied(CODE, docstring, uri)).body[1:]
    assert isinstance(function, ast.FunctionDef)
    written = ast.get_docstring(function)
    assert written is not None
    for part in ("Args:", "shelf: ", "title: ", "is_exact: ", "Returns:", "If `not title`."):
        assert part in written
    assert docstring["label"] == f"codelsp: docstring of find_book, written by {DEFAULT_MODEL}"

    tested = applied("", tests, (project / "test_shelves.py").as_uri())
    names = [each.name for each in ast.parse(tested).body if isinstance(each, ast.FunctionDef)]
    assert names == ["test_find_book", "test_find_book_raises_value_error"]
    assert "from shelves import find_book" in tested

    completed = ast.parse(applied(CODE, body, uri)).body[-1]
    assert isinstance(completed, ast.FunctionDef)
    assert not isinstance(completed.body[0], ast.Pass)
    # For whoever reads the test's output: what a model of 8 million parameters makes of it.
    sys.stdout.write(json.dumps([written, tested, applied(CODE, body, uri)], indent=1))
