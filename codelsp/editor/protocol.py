"""pygls' protocol, with the parts replaced that would lose a request or an edit.

pygls answers nothing to a request it cannot read or that comes after ``shutdown``, shows a message
box for each, and keeps a second copy of every document, whose lines end where LSP's do not.  So
bytes are read here, every message passes the lifecycle, and params reach the handlers as sent.
What stays pygls': the table of handlers, cancellation, responses, and requests to the editor.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from lsprotocol import types
from pygls.protocol import LanguageServerProtocol

from codelsp.editor.clients import dig
from codelsp.editor.lifecycle import (
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    Lifecycle,
    Phase,
    Refusal,
    parse_message,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cattrs import Converter
    from pygls.lsp.server import LanguageServer

    from codelsp.editor.lifecycle import Json

logger = logging.getLogger(__name__)

_KEPT_BUILTINS = frozenset({types.SHUTDOWN})


class CodeProtocol(LanguageServerProtocol):
    """One session's messages: read, admitted, handed to their handlers."""

    def __init__(self, server: LanguageServer, converter: Converter) -> None:
        # First, because pygls looks at every attribute, properties too, for handlers of its own.
        self.lifecycle = Lifecycle()
        super().__init__(server, converter)
        for method in set(self.fm.builtin_features) - _KEPT_BUILTINS:
            del self.fm.builtin_features[method]

    @property
    def is_over(self) -> bool:
        """Whether ``exit`` has come."""
        return self.lifecycle.phase is Phase.OVER

    def receive(self, body: bytes) -> bool:
        """Take one message as it came; never raises for what an editor may send.

        Returns:
            Whether a request has begun that has not yet looked at its document.
        """
        message = parse_message(body)
        admitted = self.lifecycle.admit(message) if isinstance(message, dict) else message
        if isinstance(admitted, Refusal):
            logger.warning("refused a message: %s", admitted.message)
            self._send_data(admitted.as_json())
            return False
        return admitted is not None and self._dispatch(admitted)

    def _dispatch(self, message: Json) -> bool:
        method, params = message.get("method"), message.get("params")
        if method is None:
            self._settle(message)
        elif "id" in message:
            self._serve(message["id"], method, params)
        elif method == types.CANCEL_REQUEST:
            self._cancel(params)
        elif (handler := self.fm.features.get(method)) is not None:
            if inspect.iscoroutinefunction(handler):
                # A request without an id: it is served, and nobody gets the answer.
                contextvars.copy_context().run(self._handle_notification, method, params)
            else:
                # Not through pygls, which makes a future of what may fail; our handlers do not.
                handler(params)
        else:
            logger.debug("ignored the notification %s", method)
        return method is not None and "id" in message

    def _serve(self, message_id: int | str, method: str, params: object) -> None:
        handler = self.fm.features.get(method)
        if handler is not None and inspect.iscoroutinefunction(handler):
            task = asyncio.ensure_future(self._answer(message_id, handler, params))
            # All that is asked of it there is ``cancel``.
            self._request_futures[message_id] = cast("Future[Any]", task)
            task.add_done_callback(partial(self._settle_unbegun, message_id))
        elif handler is not None or method in self.fm.builtin_features:
            # Not through ``handle_message``: it finds out by the structure of a message of pygls'
            # what is known here, which takes a fifth of a millisecond for each one.
            contextvars.copy_context().run(self._handle_request, message_id, method, params)
        else:
            logger.info("refused the request %s: no such method", method)
            refusal = Refusal(message_id, METHOD_NOT_FOUND, f"no method {method}")
            self._send_data(refusal.as_json())

    async def _answer(
        self, message_id: int | str, handler: Callable[[object], Awaitable[object]], params: object
    ) -> None:
        """Send what ``handler`` returns as soon as it does, and not when the loop turns next."""
        done: Future[object] = Future()
        try:
            done.set_result(await handler(params))
        except asyncio.CancelledError:
            done.cancel()
        except Exception as error:  # noqa: BLE001  # answered, and logged, by pygls
            done.set_exception(error)
        self._send_handler_result(done, msg_id=message_id)

    def _settle_unbegun(self, message_id: int | str, task: asyncio.Task[None]) -> None:
        """Answer a request that was cancelled before its handler began; later, that answers."""
        if task.cancelled():
            done: Future[object] = Future()
            done.cancel()
            self._send_handler_result(done, msg_id=message_id)

    def _send_response(
        self, msg_id: int | str, result: object = None, error: types.ResponseError | None = None
    ) -> None:
        """Send the answer to a request; its envelope needs no converter."""
        self._result_types.pop(msg_id, None)
        answer: Json = {"jsonrpc": self.VERSION, "id": msg_id}
        answer |= {"result": result} if error is None else {"error": error}
        self._send_data(answer)

    def _cancel(self, params: object) -> None:
        message_id = params.get("id") if isinstance(params, dict) else None
        # A cancellation often crosses the answer on its way; then there is nothing to do.
        if isinstance(message_id, (int, str)) and message_id in self._request_futures:
            self._handle_cancel_notification(message_id)

    def _settle(self, message: Json) -> None:
        """Hand the editor's response, as it came, to whoever asked."""
        message_id, error = message["id"], message.get("error")
        if not isinstance(message_id, (int, str)) or message_id not in self._request_futures:
            logger.info("ignored a response that nobody waits for")
            return
        self._result_types.pop(message_id, None)
        if error is None:
            self._handle_response(message_id, message.get("result"))
        else:
            code, text = dig(error, "code"), dig(error, "message")
            code = code if isinstance(code, int) else INVALID_REQUEST
            self._handle_response(message_id, error=types.ResponseError(code, str(text)))
