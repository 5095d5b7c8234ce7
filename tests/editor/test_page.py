"""What a browser gets of the playground, and what it does not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from codelsp.editor.page import Page

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENT = {"uri": "file:///shelf.py", "languageId": "python", "text": "self.books"}


@pytest.fixture
def page(tmp_path: Path) -> Page:
    folder = tmp_path / "page"
    (folder / "chunks").mkdir(parents=True)
    (folder / "index.html").write_text("<h1>here</h1>")
    (folder / "main.js").write_text("begin()")
    (folder / "chunks" / "python.js").write_text("python()")
    (tmp_path / "secret").write_text("secret")
    return Page(folder, DOCUMENT, "token")


def ask(page: Page, path: str, host: str = "127.0.0.1:9000") -> Response:
    return page.answer(Request(path, Headers({"Host": host})))


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        ("/", b"<h1>here</h1>", "text/html"),
        ("/main.js", b"begin()", "text/javascript"),
        ("/chunks/python.js?v=1", b"python()", "text/javascript"),
    ],
)
def test_the_files_of_the_page_are_served(page: Page, path: str, body: bytes, kind: str) -> None:
    response = ask(page, path)

    assert (response.status_code, response.body) == (200, body)
    assert response.headers["Content-Type"] == kind
    assert "default-src 'self'" in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "path", ["/../secret", "/%2e%2e/secret", "/chunks/../../secret", "/..//secret"]
)
def test_nothing_outside_of_the_page_is_served(page: Page, path: str) -> None:
    assert ask(page, path).status_code == 404


@pytest.mark.parametrize("path", ["/none.js", "/chunks", "/chunks/"])
def test_what_there_is_not_is_not_found(page: Page, path: str) -> None:
    assert ask(page, path).status_code == 404


def test_the_document_is_for_whoever_shows_the_token(page: Page) -> None:
    response = ask(page, "/document?token=token")

    assert json.loads(bytes(response.body)) == DOCUMENT


@pytest.mark.parametrize("query", ["", "?token=", "?token=toke", "?token=ä", "?other=token"])
def test_the_document_is_for_nobody_else(page: Page, query: str) -> None:
    response = ask(page, f"/document{query}")

    assert response.status_code == 403
    assert b"books" not in bytes(response.body)


@pytest.mark.parametrize("host", ["evil.example:9000", "", "127.0.0.1.evil.example:9000"])
def test_a_name_that_was_made_to_lead_here_gets_nothing(page: Page, host: str) -> None:
    assert ask(page, "/", host).status_code == 403
