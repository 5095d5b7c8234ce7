"""``Engines``: a session's connections, one for each model that its documents' languages need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codelsp.model_store.by_language import DEFAULT_LANGUAGE, OTHER_LANGUAGES, for_language
from codelsp.pipeline.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Callable

    from codelsp.engine.port import Engine
    from codelsp.pipeline.answer import Status
    from codelsp.settings import Settings

_ENGINE_KEYS = (
    "engine",
    "engine_api_key",
    "engine_idle_minutes",
    "engine_threads",
    "model",
)


class Engines:
    """Makes a connection when a document in one of its model's languages first wants it.

    Args:
        engine_factory: Makes the engine of settings.
        settings: The session's.
        on_status: Hears how the connection is that was asked for last.
        choose: Returns settings with the model for a language: ``model_store/by_language.py``.
    """

    def __init__(
        self,
        engine_factory: Callable[[Settings], Engine],
        settings: Settings,
        on_status: Callable[[Status], None],
        choose: Callable[[Settings, str], Settings] = for_language,
    ) -> None:
        self._engine_factory = engine_factory
        self._settings = settings
        self._on_status = on_status
        self._choose = choose
        self._by_model: dict[str, Connection] = {}
        self._models: dict[str, str] = {}
        """What was chosen for the languages that were asked for."""
        self._language_id = DEFAULT_LANGUAGE

    def of(self, language_id: str) -> Connection:
        """Return the connection for documents in ``language_id``.

        That which was asked for last also serves languages that no model is chosen for.
        """
        if language_id == DEFAULT_LANGUAGE or language_id in OTHER_LANGUAGES:
            self._language_id = language_id
        return self.current

    @property
    def current(self) -> Connection:
        """The connection that was asked for last."""
        language_id = self._language_id
        # Which model a language gets is looked up on the disk, and this is asked at every key.
        if language_id not in self._models:
            self._models[language_id] = self._choose(self._settings, language_id).model
        model = self._models[language_id]
        if model not in self._by_model:
            self._by_model[model] = Connection(
                # By the settings of the moment in which it is first wanted.
                lambda: self._engine_factory(self._choose(self._settings, language_id)),
                lambda status: self._heard(model, status),
            )
        return self._by_model[model]

    def _heard(self, model: str, status: Status) -> None:
        if self._by_model.get(model) is self.current:
            self._on_status(status)

    @property
    def are_outdated(self) -> bool:
        """Whether another model is chosen by now: one was adapted to the workspace, say."""
        return any(
            self._choose(self._settings, language_id).model != model
            for language_id, model in self._models.items()
        )

    async def update(self, settings: Settings) -> bool:
        """Take new settings; returns whether they name other engines; these are then let go."""
        old, self._settings = self._settings, settings
        is_same = all(getattr(old, key) == getattr(settings, key) for key in _ENGINE_KEYS)
        if is_same and not self.are_outdated:
            return False
        await self.close()
        return True

    async def close(self) -> None:
        """Let go of all engines; the next request makes new ones."""
        connections = tuple(self._by_model.values())
        self._by_model.clear()
        self._models.clear()
        for connection in connections:
            await connection.close()
