"""``Connection``: to an engine that runs one model, made on demand and again when it is lost."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from codelsp.errors import CodelspError, EngineError, EngineLoadingError, ModelError
from codelsp.pipeline.answer import Status, StatusKind
from codelsp.pipeline.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Callable

    from codelsp.engine.port import Engine, ModelInfo

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 2.0
"""How long a request waits for a model that is being loaded, before it is answered empty."""
_LOADING_PAUSE_SECONDS = 0.1


class Connection:
    """Makes the engine when it is first wanted, and knows what its model is."""

    def __init__(
        self, make_engine: Callable[[], Engine], on_status: Callable[[Status], None]
    ) -> None:
        self._make_engine = make_engine
        self._on_status = on_status
        self._engine: Engine | None = None
        self._model: ModelInfo | None = None
        self._attempt: asyncio.Task[ModelInfo] | None = None
        self.pace = Pace()
        """Of this model on this machine, and of the user's typing where it answers."""
        self.status = Status(StatusKind.STARTING, "not started yet")

    @property
    def model_name(self) -> str:
        """The model's name, or nothing before it is known."""
        return self._model.name if self._model else ""

    async def get(self) -> tuple[Engine, ModelInfo] | None:
        """Return engine and model; None if the model is not loaded within our patience.

        Raises:
            EngineError: the engine cannot be had, and what to do about it.
            ModelError: the model cannot be used.
        """
        if self._engine is None:
            self._engine = self._make_engine()
        if self._model is None:
            attempt = self._attempt
            if attempt is None or attempt.done():
                attempt = self._attempt = asyncio.create_task(self._connect(self._engine))
            # Another caller may have begun the next attempt when this one has failed.
            done, _ = await asyncio.wait([attempt], timeout=PATIENCE_SECONDS)
            if not done:
                return None
            self._model = attempt.result()
        return self._engine, self._model

    async def _connect(self, engine: Engine) -> ModelInfo:
        self._set(Status(StatusKind.STARTING, "loading the model"))
        try:
            while (model := await _connected(engine)) is None:  # noqa: ASYNC110  # polled over HTTP
                await asyncio.sleep(_LOADING_PAUSE_SECONDS)
        except (EngineError, ModelError) as error:
            self._set(Status(StatusKind.ERROR, str(error)))
            raise
        self._set(Status(StatusKind.READY, model=model.name))
        return model

    def lost(self, message: str) -> None:
        """The engine failed: ask it again what it is before the next request."""
        self._model = None
        self._set(Status(StatusKind.ERROR, message))

    async def close(self) -> None:
        """Let go of the engine; what it was is forgotten."""
        if self._attempt is not None:
            self._attempt.cancel()
            await asyncio.wait([self._attempt])
            self._attempt = None
        self._model = None
        if self._engine is not None:
            try:
                await self._engine.close()
            except CodelspError as error:
                logger.info("closing the engine: %s", error)

    def _set(self, status: Status) -> None:
        self.status = status
        self._on_status(status)


async def _connected(engine: Engine) -> ModelInfo | None:
    """Return what the model is, or None while it is being loaded."""
    try:
        return await engine.connect()
    except EngineLoadingError as error:
        logger.debug("still loading: %s", error)
        return None
