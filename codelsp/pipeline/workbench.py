"""``Workbench``: what all requests of one session work with."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from codelsp.context.completion_context import CompletionQuery, Trigger
from codelsp.document.languages import language_of
from codelsp.pipeline.cache import AnswerCache
from codelsp.pipeline.habits import Habits
from codelsp.pipeline.journey import Journey
from codelsp.public_code.shipped import shipped_index

if TYPE_CHECKING:
    from codelsp.document.snapshot import DocumentSnapshot
    from codelsp.document.store import DocumentStore
    from codelsp.pipeline.admission import Admission
    from codelsp.pipeline.connection import Connection
    from codelsp.pipeline.engines import Engines
    from codelsp.pipeline.generated import Generated
    from codelsp.pipeline.pace import Pace
    from codelsp.pipeline.run import Run
    from codelsp.settings import Settings


@dataclass
class Workbench:
    """Documents, settings, engines, and what is remembered between requests."""

    store: DocumentStore
    settings: Settings
    admission: Admission
    engines: Engines
    cache: AnswerCache = field(default_factory=AnswerCache)
    habits: Habits = field(default_factory=Habits)
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))
    """One generation at a time for one user: more would only share the same cores."""

    @property
    def pace(self) -> Pace:
        """How fast the model is that was asked for last."""
        return self.engines.current.pace

    def connection(self, document: DocumentSnapshot | str) -> Connection:
        """Return the connection for a document, or for a language by its name."""
        if isinstance(document, str):
            return self.engines.of(document)
        return self.engines.of(language_of(document.language_id, document.uri).id)

    async def journey(self, document: DocumentSnapshot | str) -> Journey | None:
        """Return the steps for a document's or a language's model; None while that is loaded.

        Raises:
            EngineError: the engine cannot be had.
            ModelError: the model cannot be used.
        """
        connection = self.connection(document)
        connected = await connection.get()
        if connected is None:
            return None
        engine, model = connected
        public_code = shipped_index() if self.settings.public_code != "off" else None
        return Journey(engine, model, self.settings, connection.pace, public_code)

    def others(self, query: CompletionQuery, root: str) -> tuple[DocumentSnapshot, ...]:
        """Return the other open documents that may be used as context, most recent first."""
        return self.admission.admitted(self.store.recent(query.document.uri), root)

    def keep(self, run: Run, generations: tuple[Generated, ...]) -> None:
        """Remember the whole generations of a finished run."""
        is_invoked = run.trigger is Trigger.INVOKED
        self.cache.keep_generated(run.anchor, generations, run.trace, is_invoked=is_invoked)
