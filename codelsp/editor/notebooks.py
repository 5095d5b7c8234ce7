"""Notebooks: their cells are documents, and their order is context."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from codelsp.editor import from_lsp, synchronization
from codelsp.editor.clients import dig

if TYPE_CHECKING:
    from codelsp.editor.lifecycle import Json
    from codelsp.editor.server import CodeServer

logger = logging.getLogger(__name__)


def did_open(ls: CodeServer, params: Json) -> None:
    """Take in ``notebookDocument/didOpen``."""
    for item in _entries(params.get("cellTextDocuments")):
        synchronization.open_document(ls, item)
    _order(ls, _uri(params), _cell_uris(dig(params, "notebookDocument", "cells")))


def did_change(ls: CodeServer, params: Json) -> None:
    """Take in ``notebookDocument/didChange``: cells come, go and are edited."""
    structure = dig(params, "change", "cells", "structure")
    for item in _entries(dig(structure, "didOpen")):
        synchronization.open_document(ls, item)
    _change_order(ls, _uri(params), dig(structure, "array"))
    for identifier in _entries(dig(structure, "didClose")):
        synchronization.close_document(ls, from_lsp.uri_of({"textDocument": identifier}))
    for content in _entries(dig(params, "change", "cells", "textContent")):
        synchronization.change_document(ls, dig(content, "document"), dig(content, "changes"))


def did_close(ls: CodeServer, params: Json) -> None:
    """Take in ``notebookDocument/didClose``."""
    for identifier in _entries(params.get("cellTextDocuments")):
        synchronization.close_document(ls, from_lsp.uri_of({"textDocument": identifier}))
    if ls.session.notebooks.pop(_uri(params), None) is not None:
        ls.session.store.close_notebook(_uri(params))


def _change_order(ls: CodeServer, uri: str, array: object) -> None:
    start, deleted = dig(array, "start"), dig(array, "deleteCount")
    if not isinstance(start, int) or not isinstance(deleted, int) or start < 0 or deleted < 0:
        return
    cells = list(ls.session.notebooks.get(uri, ()))
    cells[start : start + deleted] = _cell_uris(dig(array, "cells"))
    _order(ls, uri, cells)


def _order(ls: CodeServer, uri: str, cells: list[str]) -> None:
    ls.session.notebooks[uri] = tuple(cells)
    ls.session.store.open_notebook(uri, tuple(cells))


def _uri(params: Json) -> str:
    uri = dig(params, "notebookDocument", "uri")
    return uri if isinstance(uri, str) else ""


def _cell_uris(cells: object) -> list[str]:
    uris = (dig(cell, "document") for cell in _entries(cells))
    return [uri for uri in uris if isinstance(uri, str)]


def _entries(value: object) -> list[object]:
    return value if isinstance(value, list) else []
