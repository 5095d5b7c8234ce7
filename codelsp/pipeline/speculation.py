"""What will be asked next, computed before it is: so that Tab, Tab, Tab is instant.

While the user reads a suggestion, what follows its acceptance; where the cursor rests after it was
moved, what the first key there would ask: the model then has its prompt when that key comes.

At lowest priority: it begins only when nothing else happens, and any request or edit ends it.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from codelsp.context.completion_context import CompletionQuery, Trigger
from codelsp.context.text_policy import is_wanted
from codelsp.document.edit import replace as replace_text
from codelsp.errors import CodelspError
from codelsp.pipeline.run import Run
from codelsp.pipeline.trace import RequestTrace

if TYPE_CHECKING:
    from codelsp.context.completion_context import CompletionContext
    from codelsp.document.snapshot import DocumentSnapshot
    from codelsp.pipeline.journey import Journey
    from codelsp.pipeline.workbench import Workbench
    from codelsp.reply import Insertion

logger = logging.getLogger(__name__)

IDLE_SECONDS = 0.1
"""How long nothing must have happened before it begins."""


class Speculation:
    """At most one speculation of a session."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._pending: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._about: tuple[DocumentSnapshot, int, Insertion | None] | None = None

    def begin(self, query: CompletionQuery, insertion: Insertion | None, root: str) -> None:
        """Compute, when nothing else happens, what will be asked.

        Args:
            query: What is asked, or was.
            insertion: What is accepted before; None asks ``query`` itself.
            root: URI of the workspace folder.
        """
        about = (query.document, query.offset, insertion)
        if self._is_about(about):
            return
        self.stop()
        pace = self._bench.connection(query.document).pace
        if self._bench.settings.speculate and pace.affords_speculation():
            # A timer and not yet a task: most keys are followed by another one.
            loop = asyncio.get_running_loop()
            self._pending = loop.call_later(IDLE_SECONDS, self._start, query, insertion, root)
            self._about = about

    def _is_about(self, about: tuple[DocumentSnapshot, int, Insertion | None]) -> bool:
        """Whether it is at work on just this: an editor may say twice where its cursor is."""
        is_done = self._pending is None and (self._task is None or self._task.done())
        if is_done or self._about is None:
            return False
        return self._about[0] is about[0] and self._about[1:] == about[1:]

    def stop(self) -> None:
        """End it at once, and close the engine's stream."""
        if self._pending is not None:
            self._pending.cancel()
            self._pending = None
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _start(self, query: CompletionQuery, insertion: Insertion | None, root: str) -> None:
        self._pending = None
        self._task = asyncio.create_task(self._work(query, insertion, root))

    async def _work(self, query: CompletionQuery, insertion: Insertion | None, root: str) -> None:
        bench = self._bench
        coming = query if insertion is None else accepting(query, insertion)
        is_known = bench.cache.shown(coming, is_invoked=False) is not None
        if is_known or bench.slots.locked() or not bench.store.is_current(query.document):
            return
        try:
            journey = await bench.journey(query.document)
            if journey is None:
                return
            tree = bench.store.tree(query.document)
            if tree is not None and insertion is not None:
                tree = tree.with_edit(insertion.start, insertion.end, insertion.text)
            context = journey.gather(coming, tree, bench.others(coming, root), root)
            if is_wanted(context.text_kind, coming.trigger, bench.settings):
                await self._compute(journey, context)
        except CodelspError as error:
            logger.info("no speculation: %s", error)

    async def _compute(self, journey: Journey, context: CompletionContext) -> None:
        bench, coming = self._bench, context.query
        trace = RequestTrace.of(coming)
        journey = replace(journey, pace=journey.pace.aside())
        run = Run(journey, context, trace, bench.slots, bench.keep)
        try:
            generations = await run.ride(coming)
        finally:
            run.abort()
        if generations:
            found = journey.reply(journey.judge(generations, context, trace), context)
            bench.cache.keep_shown(coming, found, trace, is_invoked=False)


def accepting(query: CompletionQuery, insertion: Insertion) -> CompletionQuery:
    """Return what the editor will ask when ``insertion`` has been accepted."""
    after = replace_text(query.document, insertion.start, insertion.end, insertion.text)
    offset = insertion.start + len(insertion.text)
    return replace(query, document=after, offset=offset, trigger=Trigger.AUTOMATIC, selected=None)
