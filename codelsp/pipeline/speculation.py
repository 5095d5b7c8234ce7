"""What comes after acceptance, computed while the user reads: so that Tab, Tab, Tab is instant.

At lowest priority: it begins only when nothing else happens, and any request or edit ends it.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from codelsp.context.completion_context import CompletionQuery, Trigger
from codelsp.document.edit import replace as replace_text
from codelsp.errors import CodelspError
from codelsp.pipeline.run import Run
from codelsp.pipeline.trace import RequestTrace

if TYPE_CHECKING:
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
        self._task: asyncio.Task[None] | None = None

    def begin(self, query: CompletionQuery, insertion: Insertion, root: str) -> None:
        """Compute, when nothing else happens, what follows ``insertion``."""
        self.stop()
        bench = self._bench
        if bench.settings.speculate and bench.pace.affords_speculation():
            self._task = asyncio.create_task(self._work(query, insertion, root))

    def stop(self) -> None:
        """End it at once, and close the engine's stream."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _work(self, query: CompletionQuery, insertion: Insertion, root: str) -> None:
        await asyncio.sleep(IDLE_SECONDS)
        bench = self._bench
        after = accepting(query, insertion)
        is_known = bench.cache.shown(after, is_invoked=False) is not None
        if is_known or bench.slots.locked() or not bench.store.is_current(query.document):
            return
        try:
            journey = await bench.journey(query.document)
            if journey is not None:
                await self._compute(journey, query, insertion, root)
        except CodelspError as error:
            logger.info("no speculation: %s", error)

    async def _compute(
        self, journey: Journey, query: CompletionQuery, insertion: Insertion, root: str
    ) -> None:
        bench, after = self._bench, accepting(query, insertion)
        trace = RequestTrace.of(after)
        tree = bench.store.tree(query.document)
        if tree is not None:
            tree = tree.with_edit(insertion.start, insertion.end, insertion.text)
        context = journey.gather(after, tree, bench.others(after, root), root)
        run = Run(journey, context, trace, bench.slots, bench.keep)
        try:
            generations = await run.ride(after)
        finally:
            run.abort()
        if generations:
            found = journey.reply(journey.judge(generations, context, trace), context)
            bench.cache.keep_shown(after, found, is_invoked=False)


def accepting(query: CompletionQuery, insertion: Insertion) -> CompletionQuery:
    """Return what the editor will ask when ``insertion`` has been accepted."""
    after = replace_text(query.document, insertion.start, insertion.end, insertion.text)
    offset = insertion.start + len(insertion.text)
    return replace(query, document=after, offset=offset, trigger=Trigger.AUTOMATIC, selected=None)
