"""What was written, as a workspace edit that one client applies in one step."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from codelsp.document.edit import difference
from codelsp.document.position import position_at
from codelsp.drafts.draft import Insert

if TYPE_CHECKING:
    from codelsp.document.position import PositionEncoding
    from codelsp.document.snapshot import DocumentSnapshot
    from codelsp.editor.clients import Client
    from codelsp.editor.lifecycle import Json
    from codelsp.pipeline.author import Written

_ANNOTATION, _CONFIRMED = "codelsp", "confirmed"


def label_of(written: Written) -> str:
    """Return what an editor calls the edit: what it is, and which model wrote it."""
    return f"{written.title}, written by {written.model}"


def account_of(written: Written) -> str:
    """Return how much of it the model wrote."""
    if not written.n_holes:
        return f"written by {written.model}"
    n_by_names = written.n_holes - written.n_by_model
    told = f"{written.n_by_model} of {written.n_holes} parts written by {written.model}"
    return told + ("; names and types gave the others" if n_by_names else "")


def moved(written: Written, now: DocumentSnapshot, kept: tuple[int, int]) -> Written | None:
    """Return ``written`` as an edit of ``now``, to which its document has become meanwhile.

    None if something between the offsets ``kept``, or where it is to stand, has changed.
    """
    edit = difference(written.document, now)
    places = [kept, (written.start, written.end)]
    if written.also is not None:
        places.append((written.also.offset, written.also.offset))
    if any(edit.start <= end and start <= edit.old_end for start, end in places):
        return None

    def at(offset: int) -> int:
        return offset + edit.new_end - edit.old_end if offset > edit.old_end else offset

    also = written.also
    return replace(
        written,
        document=now,
        start=at(written.start),
        end=at(written.end),
        also=None if also is None else Insert(at(also.offset), also.text),
    )


def workspace_edit(
    written: Written, client: Client, *, version: int | None, needs_confirmation: bool
) -> Json:
    """Return the LSP ``WorkspaceEdit`` of ``written``, as ``client`` understands it.

    Args:
        written: What is to be applied.
        client: Whose capabilities count.
        version: Of the document, if it is open.
        needs_confirmation: Whether the editor is to show it first, if it can.
    """
    document, encoding = written.document, client.encoding
    edits = [_text_edit(document, written.start, written.end, written.text, encoding)]
    if written.also is not None:
        text = written.also.text
        text = text.replace("\n", "\r\n") if "\r\n" in document.text else text
        at = written.also.offset
        edits.insert(0, _text_edit(document, at, at, text, encoding))
    if not client.has_document_changes:
        return {"changes": {document.uri: edits}}
    annotation = {"annotationId": _ANNOTATION} if client.annotates_changes else {}
    identifier = {"uri": document.uri, "version": version}
    edits = [each | annotation for each in edits]
    if annotation and needs_confirmation:
        # VS Code previews an edit if part of it needs confirmation, and leaves that part out unless
        # the user ticks it: so it is asked for a part that changes nothing.
        nothing = _text_edit(document, written.start, written.start, "", encoding)
        edits.append(nothing | {"annotationId": _CONFIRMED})
    changes: list[Json] = [{"textDocument": identifier, "edits": edits}]
    if written.is_new_file and client.creates_files:
        options = {"overwrite": False, "ignoreIfExists": True}
        create = {"kind": "create", "uri": document.uri, "options": options}
        changes.insert(0, create | annotation)
    edit: Json = {"documentChanges": changes}
    if client.annotates_changes:
        told = {"label": label_of(written), "description": account_of(written)}
        edit["changeAnnotations"] = {_ANNOTATION: told | {"needsConfirmation": False}}
        if needs_confirmation:
            edit["changeAnnotations"][_CONFIRMED] = told | {"needsConfirmation": True}
    return edit


def range_json(
    document: DocumentSnapshot, start: int, end: int, encoding: PositionEncoding
) -> Json:
    """Return the LSP range from one offset to another."""
    first, last = position_at(document, start, encoding), position_at(document, end, encoding)
    return {
        "start": {"line": first.line, "character": first.column},
        "end": {"line": last.line, "character": last.column},
    }


def _text_edit(
    document: DocumentSnapshot, start: int, end: int, text: str, encoding: PositionEncoding
) -> Json:
    return {"range": range_json(document, start, end, encoding), "newText": text}
