"""Code actions: which are offered where, and what the chosen one is to write."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codelsp.context.paths import relative_path
from codelsp.document.position import offset_at
from codelsp.drafts.bodies import body_place
from codelsp.drafts.docstring_styles import can_be_documented
from codelsp.drafts.docstrings import docstring_draft
from codelsp.drafts.frameworks import has_framework, is_test
from codelsp.drafts.unit_tests import draft_of_tests, reason_out_of_reach
from codelsp.editor import from_lsp
from codelsp.editor.clients import dig
from codelsp.editor.greeting import COMPLETE_FUNCTION, WRITE_DOCSTRING, WRITE_TESTS
from codelsp.editor.project import Project
from codelsp.errors import DocumentError, DraftError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from codelsp.document.functions import Function
    from codelsp.document.snapshot import DocumentSnapshot
    from codelsp.editor.lifecycle import Json
    from codelsp.editor.session import Session
    from codelsp.pipeline.author import OnText, Written

KINDS = {
    WRITE_DOCSTRING: "refactor.rewrite.docstring",
    WRITE_TESTS: "refactor.rewrite.tests",
    COMPLETE_FUNCTION: "refactor.rewrite.complete",
}
_ORDINALS = ("", "second choice", "third choice")


@dataclass(frozen=True)
class Wish:
    """What is to be written, and for which function."""

    command: str
    document: DocumentSnapshot
    function: Function
    offset: int
    choice: int = 0
    """Which of several candidates, 0 being the best."""


def code_actions(session: Session, params: Json) -> list[Json]:
    """Return the code actions at the start of a range; none outside of functions."""
    client = session.client
    if not (client.applies_edits or client.resolves_edits):
        return []
    try:
        document = session.store.get(from_lsp.uri_of(params))
        offset = _offset(session, document, dig(params.get("range"), "start"))
        function = _function_at(session, document, offset)
    except (DocumentError, DraftError):
        return []
    root = session.root_of(document.uri)
    if session.completer.author.reason_refused(document, root):
        return []
    model = session.completer.status.model or "codelsp"
    only = dig(params.get("context"), "only")
    wanted = tuple(map(str, only)) if isinstance(only, list) and only else ("",)
    return [
        _action(session, document, offset, command, f"{title} ({model})", choice)
        for command, title, choice in _offers(document, function, offset)
        if any(f"{KINDS[command]}.".startswith(f"{kind}." if kind else "") for kind in wanted)
    ]


def _offers(
    document: DocumentSnapshot, function: Function, offset: int
) -> Iterator[tuple[str, str, int]]:
    """Yield command, title and choice of what makes sense for ``function``."""
    name = function.qualified_name
    if can_be_documented(document, function):
        yield WRITE_DOCSTRING, f"Write docstring of {name}", 0
    is_tested = is_test(document.uri) or reason_out_of_reach(document, function)
    if has_framework(document) and not is_tested:
        yield WRITE_TESTS, f"Write tests for {name}", 0
    try:
        body_place(document, function, offset)
    except DraftError:
        return
    for choice, ordinal in enumerate(_ORDINALS):
        yield COMPLETE_FUNCTION, f"Complete {name}{', ' * bool(ordinal)}{ordinal}", choice


def _action(  # noqa: PLR0913, PLR0917  # what an action is made of
    session: Session,
    document: DocumentSnapshot,
    offset: int,
    command: str,
    title: str,
    choice: int,
) -> Json:
    from codelsp.editor.edits import range_json

    place = range_json(document, offset, offset, session.encoding)["start"]
    argument = {"uri": document.uri, "version": document.version, "position": place}
    if choice:
        argument["choice"] = choice
    run = {"title": title, "command": command, "arguments": [argument]}
    if not session.client.has_action_literals:
        return run
    action: Json = {"title": title, "kind": KINDS[command]}
    if session.client.applies_edits:
        return action | {"command": run}
    return action | {"data": {"command": command, "arguments": [argument]}}


def wish_of(session: Session, command: str, arguments: Sequence[object]) -> Wish:
    """Return what a command asks for.

    Raises:
        DraftError: it names no place, or a place outside of every function.
        DocumentError: the document is not open, or has no such line.
    """
    argument = arguments[0] if arguments else None
    uri, choice = dig(argument, "uri"), dig(argument, "choice")
    if not isinstance(uri, str):
        raise DraftError(
            f"{command} needs to know where: put the cursor in a function and choose it among the"
            " code actions, or give it {uri, position}."
        )
    document = session.store.get(uri)
    version = dig(argument, "version")
    if isinstance(version, int) and version != document.version:
        raise DraftError("The document has changed since the action was offered; ask again.")
    offset = _offset(session, document, dig(argument, "position"))
    function = _function_at(session, document, offset)
    number = choice if isinstance(choice, int) and choice >= 0 else 0
    return Wish(command, document, function, offset, number)


async def written(session: Session, wish: Wish, on_text: OnText) -> Written:
    """Write what ``wish`` asks for.

    Raises:
        DraftError: there is nothing to write, or nothing fit came out.
        EngineError: the engine cannot be had.
        ModelError: the model cannot be used.
    """
    document, function, author = wish.document, wish.function, session.completer.author
    root = session.root_of(document.uri)
    if wish.command == COMPLETE_FUNCTION:
        found = await author.complete(document, function, wish.offset, root, on_text)
        if wish.choice >= len(found):
            ways = "one way" if len(found) == 1 else f"{len(found)} different ways"
            raise DraftError(f"The model found only {ways} to go on.")
        return found[wish.choice]
    others = author.admitted(session.store.recent(document.uri), root)
    if wish.command == WRITE_DOCSTRING:
        return await author.write(docstring_draft(document, function, others), root, on_text)
    tree = session.store.tree(document)
    project = _project(session, document, others, root)
    functions = tree.functions() if tree is not None else (function,)
    plan = await asyncio.to_thread(project.plan, document, function, functions)
    return await author.write(draft_of_tests(plan), root, on_text)


def _project(
    session: Session, document: DocumentSnapshot, others: Sequence[DocumentSnapshot], root: str
) -> Project:
    root = root or document.uri.rpartition("/")[0]
    author = session.completer.author
    return Project(
        root,
        {relative_path(each.uri, root): each for each in (document, *others)},
        lambda uri: bool(author.reason_private(uri, root)),
    )


def _offset(session: Session, document: DocumentSnapshot, place: object) -> int:
    position = from_lsp.position_of(place)
    if position is None:
        raise DraftError("It was not said where in the document; give {uri, position}.")
    return offset_at(document, position, session.encoding)


def _function_at(session: Session, document: DocumentSnapshot, offset: int) -> Function:
    tree = session.store.tree(document)
    function = tree.function_at(offset) if tree is not None else None
    if function is None:
        raise DraftError("There is no function at the cursor; put it inside of one.")
    return function
