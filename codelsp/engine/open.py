"""The engine that the settings ask for: found or started when first needed, and again when it dies.

Whoever uses it sees an ``Engine`` that may be away for a while; nothing is asked twice, as an
answer that comes late is worth nothing while somebody types.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Protocol

from codelsp.engine.port import Engine, GenerationRequest, GenerationStream, ModelInfo
from codelsp.errors import CodelspError, EngineLoadingError, EngineUnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from codelsp.engine.port import Token
    from codelsp.engine.process import Start
    from codelsp.settings import Settings

logger = logging.getLogger(__name__)

_OF_OUR_OWN = frozenset(("auto", "llama.cpp", "torch"))
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 60.0
_STEADY_SECONDS = 60.0
"""An engine that lived this long has not died of what it does first; the pauses begin anew."""


class ConnectedEngine(Engine, Protocol):
    """An engine over a wire, which can break."""

    @property
    def is_lost(self) -> bool:
        """Whether a connection to it has failed since it was found."""


def open_engine(settings: Settings) -> Engine:
    """Return the engine of ``settings``; nothing is started or connected before it is used.

    A wrong setting is told by ``connect``, so that an editor's session goes on.
    """
    if settings.engine.startswith(("http://", "https://")):
        return RenewedEngine(lambda: _at_url(settings))
    if settings.engine in _OF_OUR_OWN:
        return RenewedEngine(lambda: _process_of_our_own(settings))
    return RenewedEngine(lambda: _refused(settings.engine))


def begin_start(settings: Settings) -> Start | None:
    """Begin to start the engine of ``settings`` before anybody needs it; None if it is not ours.

    What goes wrong is told to who needs it.  Whoever began it calls it off in the end.
    """
    if settings.engine not in _OF_OUR_OWN:
        return None
    from codelsp.engine.process import Start

    return Start(settings)


class RenewedEngine:
    """An ``Engine`` that is found again when it was lost, after growing pauses.

    Args:
        find: returns a fresh engine, or raises why there is none.
        now: the clock, in seconds.
    """

    def __init__(
        self,
        find: Callable[[], Awaitable[ConnectedEngine]],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._find = find
        self._now = now
        self._engine: ConnectedEngine | None = None
        self._attempt: asyncio.Task[ConnectedEngine] | None = None
        self._found_at = 0.0
        self._n_failures = 0
        self._not_before = 0.0
        self._last_error: CodelspError | None = None

    async def connect(self) -> ModelInfo:
        """Return what the model is; callers at the same time share one attempt.

        Raises:
            EngineLoadingError: the model is still being loaded.
            EngineUnavailableError: there is no engine now, and why.
            ModelError: the model of the settings cannot be used.
        """
        return await (await self._connected()).connect()

    async def tokenize(self, text: str) -> tuple[int, ...]:
        """Return the token ids of ``text``; no part of it ever becomes a special token."""
        return await (await self._connected()).tokenize(text)

    def generate(self, request: GenerationRequest) -> GenerationStream:
        """Begin a generation; errors are raised by the stream."""
        if self._engine is not None and not self._engine.is_lost:
            return self._engine.generate(request)
        return GenerationStream(lambda stream: self._generate_later(request, stream))

    async def close(self) -> None:
        """Let go of the connection; a shared engine process goes on."""
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            attempt.cancel()
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.close()

    async def _generate_later(
        self, request: GenerationRequest, stream: GenerationStream
    ) -> AsyncGenerator[Token, None]:
        inner = (await self._connected()).generate(request)
        try:
            async for token in inner.tokens:
                yield token
        finally:
            await inner.aclose()
            stream.stats = inner.stats

    async def _connected(self) -> ConnectedEngine:
        if self._engine is not None and self._engine.is_lost:
            await self._let_go(self._engine)
        if self._engine is not None:
            return self._engine
        if self._attempt is None:
            if self._last_error is not None and self._now() < self._not_before:
                raise self._last_error
            self._attempt = asyncio.create_task(self._find_and_connect())
        # Shielded: one caller that gives up must not take the others' attempt along.
        return await asyncio.shield(self._attempt)

    async def _find_and_connect(self) -> ConnectedEngine:
        engine = None
        try:
            engine = await self._find()
            await engine.connect()
        except EngineLoadingError:
            raise
        except CodelspError as error:
            self._wait_before_next(error)
            raise
        else:
            self._engine, engine = engine, None
            self._found_at = self._now()
            self._last_error = None
            return self._engine
        finally:
            self._attempt = None
            if engine is not None:
                await engine.close()

    async def _let_go(self, engine: ConnectedEngine) -> None:
        self._engine = None
        if self._now() - self._found_at > _STEADY_SECONDS:
            self._n_failures = 0
        self._wait_before_next(EngineUnavailableError("The engine has gone; it is started again."))
        await engine.close()

    def _wait_before_next(self, error: CodelspError) -> None:
        pause = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2**self._n_failures)
        self._n_failures += 1
        self._not_before = self._now() + pause
        self._last_error = error
        logger.warning("%s (next try after %g s)", error, pause)


async def _process_of_our_own(settings: Settings) -> ConnectedEngine:
    from codelsp.engine.llama_dialect import LlamaDialect
    from codelsp.engine.process import ensure_engine
    from codelsp.engine.wire import Wire

    address = await ensure_engine(settings)
    return LlamaDialect(Wire(address.url, address.api_key))


async def _at_url(settings: Settings) -> ConnectedEngine:
    from codelsp.engine.recognize import recognize

    return await recognize(settings.engine, settings.engine_api_key, model=settings.model)


async def _refused(name: str) -> ConnectedEngine:
    raise EngineUnavailableError(
        f"`engine` is {name!r}; set it to `auto`, `llama.cpp`, `torch` or the URL of a running"
        " server."
    )
