"""What the server says unasked: its status, progress while a model loads, one line of trouble."""

from __future__ import annotations

import asyncio
import logging
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from codelsp.editor import to_lsp
from codelsp.pipeline.answer import StatusKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from codelsp.editor.server import CodeServer
    from codelsp.pipeline.answer import Status
    from codelsp.settings import Problem

logger = logging.getLogger(__name__)

STATUS = "codelsp/status"
_SHOWN_PROBLEMS = 3
_PROGRESS_PATIENCE_SECONDS = 10.0
_LASTING_SECONDS = 0.2
_WORKING = frozenset((StatusKind.BUSY, StatusKind.READY))


class Announcer:
    """Tells the editor what has changed, each thing once."""

    def __init__(self, server: CodeServer) -> None:
        self._server = server
        self._last: Status | None = None
        self._sent: Status | None = None
        self._pending: asyncio.TimerHandle | None = None
        self._told_error = ""
        self._progress: asyncio.Task[str | None] | None = None

    def begin(self) -> None:
        """Tell the editor how things stand, and from now on what changes."""
        completer = self._server.session.completer
        completer.on_status = self.status
        self.status(completer.status)

    def close(self) -> None:
        """Say nothing more; the session ends."""
        if self._pending is not None:
            self._pending.cancel()

    def status(self, status: Status) -> None:
        """Tell the editor of a new status, if it is one."""
        if status.tokens_per_second is not None:
            # A figure for a status bar; its fractions would be news after every request.
            status = replace(status, tokens_per_second=float(round(status.tokens_per_second)))
        if status == self._last:
            return
        before, self._last = self._last, status
        self._send_status(before, status)
        if status.kind is StatusKind.STARTING:
            self._begin_progress(status.message)
        elif status.kind is not StatusKind.PAUSED:
            self._end_progress(status.message)
        if status.kind is StatusKind.ERROR:
            self._tell_error(status.message)
        elif status.kind is StatusKind.READY and before and before.kind is StatusKind.BUSY:
            # It has done its work; merely connecting proves nothing.
            self._told_error = ""

    def _send_status(self, before: Status | None, status: Status) -> None:
        """Send a new status: at once, or, within a keystroke's work, when it has lasted a while."""
        if not self._server.session.client.policy.takes_unknown_notifications:
            return
        if self._pending is not None:
            self._pending.cancel()
            self._pending = None
        if before is not None and {before.kind, status.kind} <= _WORKING:
            # Between busy and ready and back a status bar would flicker with every key, and a
            # write costs the answer behind it up to a millisecond: the editor wakes up.
            loop = asyncio.get_running_loop()
            self._pending = loop.call_later(_LASTING_SECONDS, self._send_last)
        else:
            self._send_last()

    def _send_last(self) -> None:
        self._pending = None
        if self._last is not None and self._last != self._sent:
            self._sent = self._last
            self._server.protocol.notify(STATUS, to_lsp.status_params(self._last))

    def problems(self, problems: Iterable[Problem]) -> None:
        """Tell the user which settings were not taken: all in the log, the first in one message."""
        lines = [str(problem) for problem in problems]
        for line in lines:
            logger.warning("settings: %s", line)
        if lines:
            more = f" (and {len(lines) - _SHOWN_PROBLEMS} more, see the log)"
            shown = "; ".join(lines[:_SHOWN_PROBLEMS])
            self._show(
                types.MessageType.Warning,
                f"codelsp settings: {shown}{more if len(lines) > _SHOWN_PROBLEMS else ''}",
            )

    def _tell_error(self, message: str) -> None:
        """Show the engine's failure once; the same one again only after it has worked."""
        if message and not self._told_error:
            self._told_error = message
            self._show(types.MessageType.Error, f"codelsp: {message}")

    def _show(self, kind: types.MessageType, message: str) -> None:
        self._server.window_show_message(types.ShowMessageParams(kind, message))

    def _begin_progress(self, message: str) -> None:
        session = self._server.session
        if session.client.has_progress and session.settings.enabled and self._progress is None:
            self._progress = asyncio.ensure_future(self._created_progress(message))

    async def _created_progress(self, message: str) -> str | None:
        """Return the token of a progress that the editor has agreed to show, or None."""
        token = str(uuid.uuid4())
        progress = self._server.work_done_progress
        try:
            await asyncio.wait_for(progress.create_async(token), _PROGRESS_PATIENCE_SECONDS)
        except (JsonRpcException, asyncio.TimeoutError) as error:
            logger.info("the editor shows no progress: %s", type(error).__name__)
            return None
        begin = types.WorkDoneProgressBegin(title="codelsp", message=message, cancellable=False)
        progress.begin(token, begin)
        return token

    def _end_progress(self, message: str) -> None:
        task, self._progress = self._progress, None
        if task is not None:
            task.add_done_callback(lambda done: self._send_end(done, message))

    def _send_end(self, done: asyncio.Task[str | None], message: str) -> None:
        token = None if done.cancelled() or done.exception() else done.result()
        if token is not None:
            end = types.WorkDoneProgressEnd(message=message or None)
            self._server.work_done_progress.end(token, end)
            self._server.work_done_progress.tokens.pop(token, None)
