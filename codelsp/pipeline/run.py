"""``Run``: the generations of one prompt, and the requests that ride on them.

A request that agrees with what a run has written so far attaches to it instead of starting the
model anew.  When the last rider leaves, or what comes contradicts what was typed, the run is
aborted, which closes the engine's stream.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from codelsp.pipeline.anchor import Anchor

if TYPE_CHECKING:
    from collections.abc import Callable

    from codelsp.context.completion_context import CompletionContext, CompletionQuery
    from codelsp.document.snapshot import DocumentSnapshot
    from codelsp.pipeline.generated import Generated
    from codelsp.pipeline.journey import Journey
    from codelsp.pipeline.trace import RequestTrace

ORPHAN_SECONDS = 0.2
"""How long a run goes on without a rider while the user types what it says: editors cancel the
old request before they send the new one."""


class Run:
    """A prompt being written and answered in a task of its own."""

    def __init__(
        self,
        journey: Journey,
        context: CompletionContext,
        trace: RequestTrace,
        slots: asyncio.Semaphore,
        on_done: Callable[[Run, tuple[Generated, ...]], None],
    ) -> None:
        anchor_offset = context.offset - len(context.dropped_indentation)
        document = context.query.document
        self.anchor = Anchor.at(document, anchor_offset, after=context.offset)
        self.trigger = context.query.trigger
        self._journey = journey
        self._context = context
        self.trace = trace
        self._slots = slots
        self._on_done = on_done
        self._text = ""
        self._riders: list[_Rider] = []
        self._is_aborted = False
        self._task: asyncio.Task[tuple[Generated, ...]] = asyncio.create_task(self._work())
        self._task.add_done_callback(self._settle)

    @property
    def is_running(self) -> bool:
        """Whether it may still write."""
        return not self._task.done() and not self._is_aborted

    def agrees(self, document: DocumentSnapshot, offset: int) -> bool:
        """Whether what was typed up to ``offset`` may be what this run is writing."""
        return self.anchor.agrees(self._text, document, offset)

    async def ride(self, query: CompletionQuery) -> tuple[Generated, ...] | None:
        """Return the generations when they are whole; None if the run was aborted on the way.

        Raises:
            EngineError: what the engine raised.
        """
        rider = _Rider(query, asyncio.get_running_loop().create_future())
        self._riders.append(rider)
        try:
            return await rider.future
        finally:
            self._riders.remove(rider)

    def leave_to(self, latest: DocumentSnapshot | None) -> None:
        """A rider has gone: abort, unless others ride or the user types what is being written."""
        if self._riders or self._task.done():
            return
        start = self._context.query.document
        if latest is not None and latest is not start and self.follows(latest):
            loop = asyncio.get_running_loop()
            loop.call_later(ORPHAN_SECONDS, self._abort_orphan)
        else:
            self.abort()

    def _abort_orphan(self) -> None:
        if not self._riders:
            self.abort()

    def follows(self, latest: DocumentSnapshot) -> bool:
        """Whether ``latest`` is the run's document with some of its text typed at the cursor."""
        query = self._context.query
        cursor = query.offset + len(latest.text) - len(query.document.text)
        return cursor >= query.offset and self.agrees(latest, cursor)

    def abort(self) -> None:
        """Close the stream; riders get None.

        Once only: a second cancellation would break into the closing that the first one began.
        """
        if not self._is_aborted:
            self._is_aborted = True
            self._task.cancel()

    async def _work(self) -> tuple[Generated, ...]:
        with self.trace.stage("wait for a slot"):
            await self._slots.acquire()
        try:
            prompt = await self._journey.write_prompt(self._context, self.trace)
            # When the loop turns next, the engine has its prompt.
            loop = asyncio.get_running_loop()
            loop.call_soon(self._journey.look_ahead, self._context)
            requests = self._journey.requests(prompt, self._context)
            result = await self._journey.generate_all(
                requests, self._context, self.trace, self._watch
            )
        finally:
            self._slots.release()
        self._hand_over(result)
        return result

    def _watch(self, text: str) -> None:
        """Keep what the first generation says, and abort when it contradicts every rider."""
        self._text = text
        if self._riders and not any(self._suits(rider.query) for rider in self._riders):
            self.abort()

    def _suits(self, query: CompletionQuery) -> bool:
        """Whether what is written so far may serve ``query``.

        It always serves the one that it is written for: on a blank line the model writes white
        space of its own, which ``fit_indentation`` makes the document's.
        """
        own = self._context.query
        is_own = query.document is own.document and query.offset == own.offset
        return is_own or self.agrees(query.document, query.offset)

    def _hand_over(self, result: tuple[Generated, ...]) -> None:
        """Give the riders what they wait for; they go on when the loop turns next."""
        self._on_done(self, result)
        for rider in self._riders:
            if not rider.future.done():
                rider.future.set_result(result)

    def _settle(self, task: asyncio.Task[tuple[Generated, ...]]) -> None:
        """Let go of riders who got nothing: the run was aborted, or has failed."""
        error = None if task.cancelled() else task.exception()
        for rider in self._riders:
            if rider.future.done():
                continue
            if error is not None:
                rider.future.set_exception(error)
            else:
                rider.future.set_result(None)


class _Rider:
    """One request that waits for a run."""

    def __init__(
        self, query: CompletionQuery, future: asyncio.Future[tuple[Generated, ...] | None]
    ) -> None:
        self.query = query
        self.future = future
