"""The editor's messages to our values; the one place that reads their JSON.

Messages are read leniently and as sent, not through lsprotocol's classes: editors leave out
``context``, send kinds that no version of the protocol knows, and add fields of their own
(``formattingOptions``, ``textDocument.version``), which those classes refuse or lose.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from codelsp.context.completion_context import CompletionQuery, SelectedCompletion, Trigger
from codelsp.document.edit import TextChange
from codelsp.document.position import Position, PositionEncoding, n_characters, offset_at
from codelsp.document.snapshot import DocumentSnapshot
from codelsp.editor.clients import dig
from codelsp.errors import DocumentError, PositionOutOfRangeError

if TYPE_CHECKING:
    from codelsp.editor.lifecycle import Json
    from codelsp.editor.session import Session

_INVOKED = 1
"""``InlineCompletionTriggerKind.Invoked`` of LSP 3.18; any other number means automatic."""
_WIDEST_TAB = 64


class StaleRequestError(DocumentError):
    """A request about a version that the document has left behind."""


def completion_query(params: Json, session: Session) -> CompletionQuery:
    """Return what a completion request asks, about the document as it is at this moment.

    Raises:
        UnknownDocumentError: the document is not open.
        PositionOutOfRangeError: it has no such line.
        StaleRequestError: the request names an older version of it.
    """
    document = session.store.get(uri_of(params))
    version = dig(params, "textDocument", "version")
    if isinstance(version, int) and version < document.version:
        raise StaleRequestError(f"version {version} of a document at {document.version}")
    position = position_of(params.get("position"))
    if position is None:
        raise PositionOutOfRangeError("no position")
    context = params.get("context")
    tab_size = dig(params, "formattingOptions", "tabSize")
    insert_spaces = dig(params, "formattingOptions", "insertSpaces")
    return CompletionQuery(
        document=document,
        offset=offset_at(document, position, session.encoding),
        trigger=Trigger.INVOKED if dig(context, "triggerKind") == _INVOKED else Trigger.AUTOMATIC,
        selected=_selected(dig(context, "selectedCompletionInfo"), document, session),
        tab_size=tab_size if isinstance(tab_size, int) and 0 < tab_size <= _WIDEST_TAB else None,
        insert_spaces=insert_spaces if isinstance(insert_spaces, bool) else None,
    )


def _selected(
    info: object, document: DocumentSnapshot, session: Session
) -> SelectedCompletion | None:
    text = dig(info, "text")
    start = position_of(dig(info, "range", "start"))
    end = position_of(dig(info, "range", "end"))
    if not isinstance(text, str) or start is None or end is None:
        return None
    try:
        start_offset = offset_at(document, start, session.encoding)
        end_offset = offset_at(document, end, session.encoding)
    except PositionOutOfRangeError:
        return None
    return (
        SelectedCompletion(start_offset, end_offset, text) if start_offset <= end_offset else None
    )


def uri_of(params: Json) -> str:
    """Return the URI of the document a message is about, or an empty text."""
    uri = dig(params, "textDocument", "uri")
    return uri if isinstance(uri, str) else ""


def position_of(value: object) -> Position | None:
    """Return an LSP position as ours, or None if it is none."""
    line, column = dig(value, "line"), dig(value, "character")
    if isinstance(line, int) and isinstance(column, int):
        return Position(line, column)
    return None


def opened_document(item: object) -> DocumentSnapshot | None:
    """Return the snapshot of an LSP ``TextDocumentItem``, or None if it names no document."""
    uri, text = dig(item, "uri"), dig(item, "text")
    if not isinstance(uri, str):
        return None
    language_id, version = dig(item, "languageId"), dig(item, "version")
    return DocumentSnapshot.of(
        uri,
        language_id if isinstance(language_id, str) else "plaintext",
        version if isinstance(version, int) else 0,
        text if isinstance(text, str) else "",
    )


def text_changes(changes: object) -> tuple[TextChange, ...]:
    """Return the ``contentChanges`` of a change, in order; what is none of them is left out."""
    entries = changes if isinstance(changes, list) else []
    return tuple(change for entry in entries if (change := _text_change(entry)) is not None)


def _text_change(entry: object) -> TextChange | None:
    text, place = dig(entry, "text"), dig(entry, "range")
    if not isinstance(text, str):
        return None
    if place is None:
        return TextChange(None, None, text)
    start, end = position_of(dig(place, "start")), position_of(dig(place, "end"))
    return TextChange(start, end, text) if start is not None and end is not None else None


def changed_version(identifier: object, before: int) -> int:
    """Return the version of a changed document; one more than ``before`` if it is not said."""
    version = dig(identifier, "version")
    return version if isinstance(version, int) else before + 1


def item_id(item: object) -> str:
    """Return our id of an item that the editor hands back, or an empty text."""
    arguments = dig(item, "command", "arguments")
    first = arguments[0] if isinstance(arguments, list) and arguments else dig(item, "id")
    return first if isinstance(first, str) else ""


def partial_result_token(params: Json) -> int | str | None:
    """Return the token under which partial results are wanted, if they are."""
    token = params.get("partialResultToken")
    return token if isinstance(token, (int, str)) and not isinstance(token, bool) else None


def accepted_length(params: Json) -> int:
    """Return how many code points of an item were accepted; the editor counts UTF-16 units."""
    units = params.get("acceptedLength")
    if not isinstance(units, int) or units <= 0:
        return 0
    text = dig(params.get("item"), "insertText")
    if not isinstance(text, str):
        return units
    return n_characters(text, units, PositionEncoding.UTF16)
