"""``Session``: what is remembered between an editor's messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codelsp.document.store import DocumentStore
from codelsp.editor.handed_out import HandedOut
from codelsp.editor.model_choice import settings_for
from codelsp.editor.workspace import likely_language, root_of
from codelsp.pipeline.completer import Completer

if TYPE_CHECKING:
    from collections.abc import Callable

    from codelsp.document.position import PositionEncoding
    from codelsp.document.snapshot import DocumentSnapshot
    from codelsp.editor.clients import Client
    from codelsp.editor.greeting import Greeting
    from codelsp.engine.port import Engine
    from codelsp.settings import Problem, Settings


class Session:
    """One editor window: its documents, folders, settings, and the completer over them."""

    def __init__(self, greeting: Greeting, engine_factory: Callable[[Settings], Engine]) -> None:
        self.client: Client = greeting.client
        self.encoding: PositionEncoding = greeting.client.encoding
        self.roots = greeting.roots
        self.layers = greeting.layers
        self.settings = greeting.settings
        self.problems: tuple[Problem, ...] = greeting.problems
        self.store = DocumentStore()
        self.handed_out = HandedOut()
        self.notebooks: dict[str, tuple[str, ...]] = {}
        """URIs of the cells of each open notebook, in order."""
        self.completer = Completer(
            self.store,
            engine_factory,
            self.settings,
            client_debounce_ms=self.client.policy.own_debounce_ms,
            choose_model=self._with_model,
        )

    async def warm_up(self) -> None:
        """Make ready before a document is open."""
        await self.completer.warm_up(language_id=likely_language(self.roots))

    def root_of(self, uri: str) -> str:
        """Return the workspace folder of a document, or an empty text."""
        return root_of(uri, self.roots)

    def is_current(self, document: DocumentSnapshot) -> bool:
        """Whether ``document`` is still what the editor shows."""
        return self.store.is_current(document)

    async def read_settings_again(self) -> tuple[Problem, ...]:
        """Put the settings together anew, work by them, and return problems not known before."""
        self.settings, problems = self.layers.read()
        fresh = tuple(problem for problem in problems if problem not in self.problems)
        self.problems = problems
        await self.completer.update_settings(self.settings)
        return fresh

    def _with_model(self, settings: Settings, language_id: str) -> Settings:
        return settings_for(settings, language_id, self.roots)
