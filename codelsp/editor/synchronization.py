"""Documents as the editor opens, changes, saves and closes them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from codelsp.editor import configuration, from_lsp
from codelsp.errors import DocumentError, UnknownDocumentError

if TYPE_CHECKING:
    from codelsp.editor.lifecycle import Json
    from codelsp.editor.server import CodeServer
    from codelsp.editor.session import Session

logger = logging.getLogger(__name__)


def did_open(ls: CodeServer, params: Json) -> None:
    """Take in ``textDocument/didOpen``, and have the engine ready before the first request."""
    open_document(ls, params.get("textDocument"))


def open_document(ls: CodeServer, item: object) -> None:
    """Take in an LSP ``TextDocumentItem``: a document, or a notebook's cell."""
    document = from_lsp.opened_document(item)
    if document is None:
        logger.warning("ignored a didOpen that names no document")
        return
    ls.session.store.open(document)
    if ls.session.completer.has_other_model:
        ls.spawn(configuration.read_again(ls))
    ls.spawn(ls.session.completer.warm_up(document.uri))


def did_change(ls: CodeServer, params: Json) -> None:
    """Take in ``textDocument/didChange``."""
    change_document(ls, params.get("textDocument"), params.get("contentChanges"))


def change_document(ls: CodeServer, identifier: object, content_changes: object) -> None:
    """Apply LSP content changes to an open document, and stop what they have made useless."""
    store = ls.session.store
    try:
        before = store.get(from_lsp.uri_of({"textDocument": identifier}))
    except UnknownDocumentError as error:
        logger.warning("ignored a change: %s", error)
        return
    changes = from_lsp.text_changes(content_changes)
    version = from_lsp.changed_version(identifier, before.version)
    after = store.change(before.uri, changes, version, ls.session.encoding)
    if after is not None:
        ls.session.completer.document_changed(after)


def did_close(ls: CodeServer, params: Json) -> None:
    """Take in ``textDocument/didClose``; a generation for the document stops."""
    close_document(ls, from_lsp.uri_of(params))


def close_document(ls: CodeServer, uri: str) -> None:
    """Forget a document; a generation for it stops."""
    ls.session.store.close(uri)
    ls.session.completer.document_closed(uri)


def did_save(ls: CodeServer, params: Json) -> None:
    """Read the settings again if one of their files was saved."""
    if ls.session.layers.is_settings_file(from_lsp.uri_of(params)):
        ls.session.layers.read_files()
        ls.spawn(configuration.read_again(ls))


def cursor_rests(session: Session, params: Json) -> None:
    """Note where the cursor was moved to: ``textDocument`` and ``position`` of ``params``."""
    try:
        query = from_lsp.completion_query(params, session)
    except DocumentError as error:
        logger.info("ignored a cursor: %s", error)
        return
    session.completer.cursor_rests(query, root=session.root_of(query.document.uri))


def did_focus(ls: CodeServer, params: Json) -> None:
    """Note which document the user looks at, and where: its neighbors are the likeliest context."""
    session, uri = ls.session, from_lsp.uri_of(params)
    session.store.touch(uri)
    ls.spawn(session.completer.warm_up(uri))
    if from_lsp.position_of(params.get("position")) is not None:
        cursor_rests(session, params)
