"""Our answers to the protocol's types: ghost text, completion items, status."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from lsprotocol import types

from codelsp.document.position import position_at
from codelsp.editor.clients import UNKNOWN
from codelsp.editor.greeting import COMMANDS
from codelsp.editor.ranges import edit_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from codelsp.context.completion_context import CompletionQuery
    from codelsp.document.snapshot import DocumentSnapshot
    from codelsp.editor.lifecycle import Json
    from codelsp.editor.ranges import Edit
    from codelsp.editor.session import Session
    from codelsp.pipeline.answer import Answer, Status
    from codelsp.reply import Insertion

ACCEPT = COMMANDS[0]
_WORD_END = re.compile(r"\w*\Z")
_BACKTICKS = re.compile(r"`+")


def inline_completion_list(answer: Answer, query: CompletionQuery, session: Session) -> Json:
    """Return the answer to ``textDocument/inlineCompletion``, as this client draws it.

    As plain values: converting the protocol's types takes half a millisecond of every keystroke.
    """
    document = answer.document or query.document
    items = [
        {
            "insertText": edit.text,
            "filterText": edit.filter_text,
            "range": _range_json(edit.start, edit.end, document, session),
            "command": {"title": "Accept", "command": ACCEPT, "arguments": [insertion.id]},
        }
        for insertion, edit in _edits(answer, query, session)
    ]
    return {"items": items}


def completion_list(
    answer: Answer, query: CompletionQuery, session: Session
) -> types.CompletionList:
    """Return the answer to ``textDocument/completion``; never complete, as more typing may tell."""
    document = answer.document or query.document
    cursor = _cursor(answer, query)
    items = []
    for index, insertion in enumerate(answer.insertions):
        edit = edit_for(insertion, document, cursor, UNKNOWN)
        if edit is not None:
            edit = _from_word_start(edit, document)
            items.append(_completion_item(index, insertion, edit, document, session))
    return types.CompletionList(is_incomplete=True, items=items)


def _completion_item(
    index: int, insertion: Insertion, edit: Edit, document: DocumentSnapshot, session: Session
) -> types.CompletionItem:
    first_line = next((line for line in _lines(edit.text) if line.strip()), edit.text)
    as_is = types.InsertTextMode.AsIs if session.client.has_insert_text_mode else None
    return types.CompletionItem(
        label=first_line.strip(),
        kind=types.CompletionItemKind.Text,
        label_details=types.CompletionItemLabelDetails(description="codelsp"),
        documentation=types.MarkupContent(
            types.MarkupKind.Markdown,
            "".join(f"⚠ {warning}\n\n" for warning in insertion.warnings)
            + fenced(edit.text, document.language_id)
            + _source_line(insertion),
        ),
        # Sorts before letters and digits: nothing else in the list knows the whole line.
        sort_text=f"!{index:02}",
        filter_text=edit.filter_text,
        insert_text_format=types.InsertTextFormat.PlainText,
        insert_text_mode=as_is,
        text_edit=types.TextEdit(_range(edit.start, edit.end, document, session), edit.text),
        command=_accept(insertion),
    )


def _source_line(insertion: Insertion) -> str:
    """Return a line that names the public code that an insertion copies, where it does."""
    source = insertion.public_source
    return f"\n\nMatches public code: {source}" if source else ""


def _from_word_start(edit: Edit, document: DocumentSnapshot) -> Edit:
    """Take in the word before the cursor: menus filter by it."""
    word = _WORD_END.search(document.text, max(0, edit.start - 200), edit.start)
    before = word.group() if word else ""
    return replace(
        edit,
        start=edit.start - len(before),
        text=before + edit.text,
        filter_text=before + edit.filter_text,
    )


def ghost_text_items(answer: Answer, query: CompletionQuery, session: Session) -> list[Json]:
    """Return the items of an answer to ``codelsp/ghostText``."""
    document = answer.document or query.document
    return [
        {
            "id": insertion.id,
            "text": edit.text,
            "range": _range_json(edit.start, edit.end, document, session),
            "lines": _lines(edit.text),
            "score": insertion.score,
            "model": insertion.model,
            "warnings": list(insertion.warnings),
            **({"publicCode": insertion.public_source} if insertion.public_source else {}),
        }
        for insertion, edit in _edits(answer, query, session)
    ]


def status_params(status: Status) -> Json:
    """Return the params of ``codelsp/status``."""
    return {
        "kind": status.kind.value,
        "message": status.message,
        "model": status.model,
        "tokensPerSecond": status.tokens_per_second,
        "busy": status.kind.value == "busy",
    }


def fenced(text: str, language_id: str) -> str:
    """Return ``text`` as a Markdown code block that nothing in it can end."""
    longest = max((len(run) for run in _BACKTICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language_id}\n{text}\n{fence}"


def _edits(
    answer: Answer, query: CompletionQuery, session: Session
) -> Iterator[tuple[Insertion, Edit]]:
    document = answer.document or query.document
    for insertion in answer.insertions:
        edit = edit_for(insertion, document, _cursor(answer, query), session.client.policy)
        if edit is not None:
            yield insertion, edit


def _cursor(answer: Answer, query: CompletionQuery) -> int:
    """Return where the cursor is by now: what was typed meanwhile stands before it."""
    if answer.document is None:
        return query.offset
    return max(0, query.offset + len(answer.document.text) - len(query.document.text))


def _accept(insertion: Insertion) -> types.Command:
    return types.Command(title="Accept", command=ACCEPT, arguments=[insertion.id])


def _range(start: int, end: int, document: DocumentSnapshot, session: Session) -> types.Range:
    first = position_at(document, start, session.encoding)
    last = position_at(document, end, session.encoding)
    return types.Range(
        types.Position(first.line, first.column), types.Position(last.line, last.column)
    )


def _range_json(start: int, end: int, document: DocumentSnapshot, session: Session) -> Json:
    first = position_at(document, start, session.encoding)
    last = position_at(document, end, session.encoding)
    return {
        "start": {"line": first.line, "character": first.column},
        "end": {"line": last.line, "character": last.column},
    }


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
