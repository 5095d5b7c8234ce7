"""``CodeServer``: pygls' server with a session of ours; one for each editor that connects."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from pygls.exceptions import JsonRpcInternalError
from pygls.lsp.server import LanguageServer

import codelsp
from codelsp.editor.announcer import Announcer
from codelsp.editor.greeting import greet
from codelsp.editor.protocol import CodeProtocol
from codelsp.editor.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from codelsp.editor.lifecycle import Json
    from codelsp.editor.statistics import Statistics
    from codelsp.engine.port import Engine
    from codelsp.pipeline.answer import Answer, InsertionEvent
    from codelsp.pipeline.author import Written
    from codelsp.settings import Settings

logger = logging.getLogger(__name__)


class CodeServer(LanguageServer):
    """The server at one editor's service."""

    protocol: CodeProtocol

    def __init__(
        self,
        engine_factory: Callable[[Settings], Engine],
        *,
        overrides: Mapping[str, object] | None = None,
        statistics: Statistics | None = None,
    ) -> None:
        super().__init__("codelsp", codelsp.__version__, protocol_cls=CodeProtocol)
        self._engine_factory = engine_factory
        self._overrides = dict(overrides or {})
        self._session: Session | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.statistics = statistics
        self.writings: dict[object, asyncio.Future[Written]] = {}
        """What is being written at the user's wish, by the token of its progress."""
        self.announcer = Announcer(self)

    @property
    def session(self) -> Session:
        """The session; there is one from ``initialize`` on, before which nothing is served."""
        if self._session is None:
            raise RuntimeError("no message is served before initialize")
        return self._session

    def begin(self, session: Session) -> None:
        """Serve ``session``, whose ``initialize`` has been answered."""
        self._session = session
        if self.statistics is not None:
            session.completer.on_event = self._count
        if session.settings.enabled:
            self.spawn(session.warm_up())

    def initialize(self, params: object) -> Json:
        """Begin a session, and return the result of ``initialize``."""
        greeting = greet(params, self._overrides)
        self.begin(Session(greeting, self._engine_factory))
        return greeting.result

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do ``work`` beside the messages; what goes wrong in it is logged."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("work beside the messages failed", exc_info=error)

    async def close(self) -> None:
        """End the session: stop what runs, and write down what is to be kept."""
        for task in tuple(self._tasks):
            task.cancel()
        if self._session is not None:
            await self._session.completer.close()
        self.announcer.close()
        if self.statistics is not None:
            self.statistics.save()

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Log what went wrong; no message box, whose text might be the user's own."""
        if isinstance(error, (JsonRpcInternalError, BrokenPipeError)):
            logger.error("pygls: %s (%s)", type(error).__name__, getattr(source, "__name__", ""))
        else:
            logger.info("answered an error: %s", error)

    def count_offer(self, answer: Answer, language_id: str) -> None:
        """Count the first insertion of an answer, if it is a new one and the user lets us."""
        are_new = [self.session.handed_out.note(insertion) for insertion in answer.insertions]
        wanted = self.session.settings.statistics and any(are_new[:1])
        if self.statistics is not None and wanted:
            self.statistics.offer(language_id)

    def _count(self, event: InsertionEvent) -> None:
        if self.statistics is not None and self.session.settings.statistics:
            self.statistics.count(event)
