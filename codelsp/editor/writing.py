"""One thing being written at the user's wish: shown while it comes, applied in one step.

What a client sees meanwhile is ``$/progress`` with the line that is being written and, if it asks
for it, ``codelsp/preview`` with the whole text.  What it gets is one ``workspace/applyEdit``, so
that one undo takes it back, with a label that names the model.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from typing import TYPE_CHECKING

from lsprotocol import types
from lsprotocol.converters import get_converter
from pygls.exceptions import JsonRpcException

from codelsp.editor.clients import dig
from codelsp.editor.code_actions import wish_of, written
from codelsp.editor.edits import account_of, label_of, moved, range_json, workspace_edit
from codelsp.errors import CodelspError, DraftError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codelsp.editor.code_actions import Wish
    from codelsp.editor.lifecycle import Json
    from codelsp.editor.server import CodeServer
    from codelsp.pipeline.author import Written

logger = logging.getLogger(__name__)

PREVIEW = "codelsp/preview"
_PROGRESS_PATIENCE_SECONDS = 2.0
_PAUSE_SECONDS = 0.1
"""Between two partial texts: an editor has to draw them."""
_SHOWN_CHARS = 60


async def run(
    ls: CodeServer, command: str, arguments: Sequence[object], token: object = None
) -> Json | None:
    """Write what a command asks for and have the editor apply it.

    What cannot be done is told to the user in one message.

    Returns:
        ``{applied, title, model}``; None if nothing was written.
    """
    try:
        wish = wish_of(ls.session, command, arguments)
        result = await _shown(ls, wish, token)
        return await _applied(ls, result)
    except CodelspError as error:
        _tell(ls, error)
        return None
    except _CalledOffError:
        return None


async def resolved(ls: CodeServer, action: Json) -> Json:
    """Return a code action with its edit, for clients that apply edits of actions alone."""
    data = action.get("data")
    arguments = dig(data, "arguments")
    try:
        wish = wish_of(
            ls.session,
            str(dig(data, "command")),
            arguments if isinstance(arguments, list) else [],
        )
        result = await _shown(ls, wish, None)
    except CodelspError as error:
        _tell(ls, error)
        return action
    except _CalledOffError:
        return action
    return {**action, "title": label_of(result), "edit": _edit(ls, result)}


class _CalledOffError(Exception):
    """The user has called it off where the editor shows its progress."""


async def _shown(ls: CodeServer, wish: Wish, token: object) -> Written:
    """Write, and show what comes; return it for the document as it is by then."""
    display = await _Display.of(ls, wish, token)
    work = asyncio.ensure_future(written(ls.session, wish, display.show))
    ls.writings[display.token] = work
    ending = "called off"
    try:
        await asyncio.wait([work])
        if work.cancelled():
            raise _CalledOffError
        result = _as_of_now(ls, wish, work.result())
        ending = account_of(result)
        display.end(result.text, result)
    except CodelspError as error:
        ending = str(error)
        raise
    else:
        return result
    finally:
        work.cancel()
        ls.writings.pop(display.token, None)
        display.close(ending)


def _as_of_now(ls: CodeServer, wish: Wish, result: Written) -> Written:
    """Return ``result`` for the documents as they are by now.

    Raises:
        DraftError: the function, or the place for the text, has changed meanwhile.
    """
    store = ls.session.store
    changed = DraftError(
        "The function was changed while the text was being written, so it was not applied;"
        " ask again."
    )
    kept = (wish.function.start, wish.function.end)
    source = store.find(wish.document.uri)
    if source is None:
        raise changed
    if result.document.uri != wish.document.uri:
        text = wish.document.text[slice(*kept)]
        if text not in source.text:
            raise changed
        kept = (result.start, result.end)
    now = store.find(result.document.uri)
    if now is None or now.text == result.document.text:
        return result
    moved_result = moved(result, now, kept)
    if moved_result is None:
        raise changed
    return moved_result


def _edit(ls: CodeServer, result: Written) -> Json:
    document = ls.session.store.find(result.document.uri)
    return workspace_edit(
        result,
        ls.session.client,
        version=None if document is None else document.version,
        needs_confirmation=ls.session.settings.confirm_actions,
    )


async def _applied(ls: CodeServer, result: Written) -> Json:
    params = {"label": f"codelsp: {label_of(result)}", "edit": _edit(ls, result)}
    typed = get_converter().structure(params, types.ApplyWorkspaceEditParams)
    try:
        answer = await ls.protocol.send_request_async(types.WORKSPACE_APPLY_EDIT, typed)
    except JsonRpcException as error:
        raise DraftError(f"The editor did not apply the {result.title}: {error}.") from error
    is_applied = dig(answer, "applied") is True
    reason = dig(answer, "failureReason")
    if not is_applied and isinstance(reason, str) and reason:
        raise DraftError(f"The editor did not apply the {result.title}: {reason}.")
    logger.info("%s: %s", result.title, account_of(result))
    return {"applied": is_applied, "title": result.title, "model": result.model}


def _tell(ls: CodeServer, error: CodelspError) -> None:
    logger.info("nothing written: %s", error)
    kind = types.MessageType.Info if isinstance(error, DraftError) else types.MessageType.Error
    ls.window_show_message(types.ShowMessageParams(kind, f"codelsp: {error}"))


class _Display:
    """What the user sees of one text while it is being written."""

    def __init__(self, ls: CodeServer, wish: Wish, token: int | str, *, has_progress: bool) -> None:
        self._ls = ls
        self._wish = wish
        self.token = token
        self._has_progress = has_progress
        self._told_at = 0.0
        self._is_over = False

    @classmethod
    async def of(cls, ls: CodeServer, wish: Wish, token: object) -> _Display:
        """Begin: with the client's token, with one that it has agreed to, or without progress."""
        has_progress = isinstance(token, (int, str)) and not isinstance(token, bool)
        own = token if isinstance(token, (int, str)) and has_progress else str(uuid.uuid4())
        if not has_progress and ls.session.client.has_progress:
            try:
                created = ls.work_done_progress.create_async(own)
                await asyncio.wait_for(created, _PROGRESS_PATIENCE_SECONDS)
                has_progress = True
            except (JsonRpcException, asyncio.TimeoutError) as error:
                logger.info("the editor shows no progress: %s", type(error).__name__)
        display = cls(ls, wish, own, has_progress=has_progress)
        title = f"codelsp: {wish.function.qualified_name}"
        display._progress({"kind": "begin", "title": title, "cancellable": True, "percentage": 0})
        return display

    def show(self, text: str, share: float) -> None:
        """Show the text so far."""
        now = time.monotonic()
        if self._is_over or now - self._told_at < _PAUSE_SECONDS:
            return
        self._told_at = now
        line = text.rstrip().rpartition("\n")[2].strip()[:_SHOWN_CHARS]
        self._progress({"kind": "report", "message": line, "percentage": int(share * 100)})
        self._preview({"text": text, "done": False})

    def end(self, text: str, result: Written) -> None:
        """Show the whole text, as it is about to be applied."""
        self._is_over = True
        encoding = self._ls.session.encoding
        place = range_json(result.document, result.start, result.end, encoding)
        more = {"uri": result.document.uri, "range": place, "title": label_of(result)}
        self._preview({"text": text, "done": True, "model": result.model, **more})

    def close(self, message: str) -> None:
        """Show nothing more."""
        if not self._is_over:
            self._preview({"text": "", "done": True})
        self._is_over = True
        self._progress({"kind": "end", "message": message})

    def _progress(self, value: Json) -> None:
        if self._has_progress:
            self._ls.protocol.notify(types.PROGRESS, types.ProgressParams(self.token, value))

    def _preview(self, value: Json) -> None:
        if self._ls.session.client.shows_preview:
            place = range_json(
                self._wish.document, self._wish.offset, self._wish.offset, self._ls.session.encoding
            )
            known = {
                "token": self.token,
                "uri": self._wish.document.uri,
                "range": place,
                "title": self._wish.function.qualified_name,
                "model": self._ls.session.completer.status.model,
            }
            self._ls.protocol.notify(PREVIEW, known | value)
