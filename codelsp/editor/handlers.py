"""One function a message: unpack it, make one call, pack the answer.

Architecture invariant: no handler blocks, decides what to suggest, or raises for what an editor
may do in the normal course of editing.
Architecture invariant: a handler looks at the document before it first awaits, because the next
message may change it.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
from typing import TYPE_CHECKING, Any, TypeVar

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from codelsp.editor import (
    commands,
    configuration,
    from_lsp,
    garbage,
    notebooks,
    outcomes,
    synchronization,
    to_lsp,
)
from codelsp.editor.clients import dig
from codelsp.editor.greeting import GHOST_TEXT, gives_completion_items
from codelsp.editor.lifecycle import Json  # noqa: TC001  # pygls reads annotations
from codelsp.editor.server import CodeServer  # noqa: TC001  # pygls reads annotations
from codelsp.errors import DocumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from codelsp.context.completion_context import CompletionQuery
    from codelsp.editor.session import Session
    from codelsp.pipeline.answer import Answer

    Handler = Callable[[CodeServer, Json], Any]

T = TypeVar("T")

logger = logging.getLogger(__name__)


def initialize(ls: CodeServer, params: Json) -> Json:
    """Answer ``initialize`` where it has not been answered before pygls was there."""
    return ls.initialize(params)


def initialized(ls: CodeServer, params: Json) -> None:  # noqa: ARG001  # it has none
    """Ask for the editor's settings, now that requests to it are allowed."""
    ls.spawn(configuration.begin(ls))


async def inline_completion(ls: CodeServer, params: Json) -> Json | None:
    """Answer ``textDocument/inlineCompletion``; an empty list means nothing to say."""
    nothing: Json = {"items": []}
    return await _answered(ls, params, to_lsp.inline_completion_list, nothing)


async def completion(ls: CodeServer, params: Json) -> types.CompletionList:
    """Answer ``textDocument/completion``, with nothing where ghost text shows the same."""
    if not gives_completion_items(ls.session.client, ls.session.settings):
        return types.CompletionList(is_incomplete=False, items=[])
    nothing = types.CompletionList(is_incomplete=True, items=[])
    # Editors send kind 1, the kind of an explicit request, for every letter typed as well.
    automatic = {**params, "context": None}
    return await _answered(ls, automatic, to_lsp.completion_list, nothing) or nothing


async def ghost_text(ls: CodeServer, params: Json) -> list[Json] | None:
    """Answer ``codelsp/ghostText``: the same candidates, with what is needed to draw them."""
    nothing: list[Json] = []
    items = await _answered(ls, params, to_lsp.ghost_text_items, nothing)
    token = from_lsp.partial_result_token(params)
    if token is None or items is None:
        return items
    for item in items:
        ls.protocol.notify(types.PROGRESS, types.ProgressParams(token, [item]))
    # What has been sent in parts is not sent again.
    return []


async def execute_command(ls: CodeServer, params: Json) -> object:
    """Answer ``workspace/executeCommand``."""
    command, arguments = params.get("command"), params.get("arguments")
    known = arguments if isinstance(arguments, list) else []
    return await commands.execute(ls, command, known, params.get("workDoneToken"))


def code_action(ls: CodeServer, params: Json) -> list[Json]:
    """Answer ``textDocument/codeAction``; no model is asked for it."""
    # Here and below: a server starts faster without what a user asks for now and then.
    from codelsp.editor import code_actions

    start, end = dig(params.get("range"), "start"), dig(params.get("range"), "end")
    if (
        dig(params.get("context"), "triggerKind") == types.CodeActionTriggerKind.Automatic.value
        and start == end
    ):
        # Editors ask this by themselves where the cursor has come to rest.
        synchronization.cursor_rests(ls.session, {**params, "position": start})
    return code_actions.code_actions(ls.session, params)


async def resolve_code_action(ls: CodeServer, params: Json) -> Json:
    """Answer ``codeAction/resolve``: the action with its edit, or as it was."""
    from codelsp.editor import writing

    return await writing.resolved(ls, params)


def called_off(ls: CodeServer, params: Json) -> None:
    """Take in ``window/workDoneProgress/cancel``: the model stops, nothing is changed."""
    work = ls.writings.get(params.get("token"))
    if work is not None:
        work.cancel()


async def _answered(
    ls: CodeServer, params: Json, pack: Callable[[Answer, CompletionQuery, Session], T], nothing: T
) -> T | None:
    """Return the packed answer, ``nothing`` for a place that does not exist, None if overtaken."""
    session = ls.session
    try:
        query = from_lsp.completion_query(params, session)
    except from_lsp.StaleRequestError as error:
        logger.info("superseded: %s", error)
        return None
    except DocumentError as error:
        logger.warning("no completion: %s", error)
        return nothing
    root = session.root_of(query.document.uri)
    answer = await session.completer.complete(query, root=root)
    if session.settings.trace:
        logger.info("trace: %s", json.dumps(session.completer.explain_last()))
    if answer.is_superseded or not session.is_current(answer.document or query.document):
        return None
    # The answer is written before the loop turns.
    asyncio.get_running_loop().call_soon(_settle, ls, answer, query, root)
    return pack(answer, query, session)


def _settle(ls: CodeServer, answer: Answer, query: CompletionQuery, root: str) -> None:
    """Do what an answer brings with it, and nobody waits for."""
    ls.count_offer(answer, query.document.language_id)
    ls.session.completer.keep_up(query, root=root)
    garbage.collect()


def _guarded(handler: Handler, fallback: object) -> Handler:
    """Return ``handler`` made safe: a mistake of ours is logged, and answered with ``fallback``."""

    async def answer(ls: CodeServer, params: object) -> object:
        try:
            return await handler(ls, params if isinstance(params, dict) else {})
        except JsonRpcException:
            raise
        except Exception:
            logger.exception("%s failed", handler.__name__)
            return fallback

    def take(ls: CodeServer, params: object) -> object:
        try:
            return handler(ls, params if isinstance(params, dict) else {})
        except Exception:
            logger.exception("%s failed", handler.__name__)
            return fallback

    return answer if inspect.iscoroutinefunction(handler) else take


REQUESTS: Mapping[str, tuple[Handler, object]] = {
    types.TEXT_DOCUMENT_INLINE_COMPLETION: (inline_completion, {"items": []}),
    types.TEXT_DOCUMENT_COMPLETION: (completion, {"isIncomplete": True, "items": []}),
    GHOST_TEXT: (ghost_text, []),
    types.TEXT_DOCUMENT_CODE_ACTION: (code_action, []),
    types.CODE_ACTION_RESOLVE: (resolve_code_action, None),
    types.WORKSPACE_EXECUTE_COMMAND: (execute_command, None),
}
"""Each request, and what answers it when its handler fails."""

NOTIFICATIONS: Mapping[str, Handler] = {
    types.INITIALIZED: initialized,
    types.TEXT_DOCUMENT_DID_OPEN: synchronization.did_open,
    types.TEXT_DOCUMENT_DID_CHANGE: synchronization.did_change,
    types.TEXT_DOCUMENT_DID_CLOSE: synchronization.did_close,
    types.TEXT_DOCUMENT_DID_SAVE: synchronization.did_save,
    types.NOTEBOOK_DOCUMENT_DID_OPEN: notebooks.did_open,
    types.NOTEBOOK_DOCUMENT_DID_CHANGE: notebooks.did_change,
    types.NOTEBOOK_DOCUMENT_DID_CLOSE: notebooks.did_close,
    types.WINDOW_WORK_DONE_PROGRESS_CANCEL: called_off,
    types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS: configuration.did_change_folders,
    types.WORKSPACE_DID_CHANGE_CONFIGURATION: configuration.did_change,
    # Copilot's clients send these three under the first name.
    "textDocument/didFocus": synchronization.did_focus,
    "codelsp/didFocus": synchronization.did_focus,
    "textDocument/didShowCompletion": outcomes.did_show,
    "codelsp/didShowCompletion": outcomes.did_show,
    "textDocument/didPartiallyAcceptCompletion": outcomes.did_partially_accept,
    "codelsp/didPartiallyAcceptCompletion": outcomes.did_partially_accept,
}


def register(server: CodeServer) -> None:
    """Tell ``server`` which function answers which message."""
    # Not guarded: a session that could not begin is an error, the only one worth telling.
    server.feature(types.INITIALIZE)(initialize)
    for method, (handler, fallback) in REQUESTS.items():
        server.feature(method)(_guarded(handler, fallback))
    for method, handler in NOTIFICATIONS.items():
        server.feature(method)(_guarded(handler, None))
