"""One streamed generation, in whichever dialect: ask, read event by event, count, hang up."""

from __future__ import annotations

import json
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from codelsp.engine.json_events import events_of
from codelsp.engine.wire_errors import broke_off, error_from_event, not_understood_event

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping

    from codelsp.engine.port import FinishReason, GenerationStats, GenerationStream, Token
    from codelsp.engine.wire import Wire

    Events = Callable[[AsyncIterator[bytes], str], AsyncGenerator[dict[str, Any], None]]

_DRAIN_SECONDS = 0.05


class Reading(Protocol):
    """Understands the events of one generation, in one dialect; pure."""

    @property
    def finish_reason(self) -> FinishReason | None:
        """Why it ended; None while it goes on."""

    @property
    def is_told_by_engine(self) -> bool:
        """Whether the engine itself ended it, so that its last words are still to come."""

    def tokens_of(self, event: Mapping[str, Any]) -> list[Token]:
        """Return the tokens that ``event`` brings.

        Raises:
            TypeError, ValueError, KeyError, IndexError: it has not the shape it should.
        """

    def stats(self) -> GenerationStats:
        """Return what is known of the cost by now."""


@dataclass(frozen=True)
class Ask:
    """A request for a generation."""

    wire: Wire
    path: str
    body: Mapping[str, object]
    events: Events = events_of


async def generate(
    ask: Ask, reading: Reading, stream: GenerationStream
) -> AsyncGenerator[Token, None]:
    """Yield the tokens of a generation, and set the stats of ``stream`` when it ends.

    Raises:
        EngineError: the engine does not answer, refuses, or breaks off.
    """
    chunks = ask.wire.stream(ask.path, ask.body)
    try:
        async with aclosing(chunks), aclosing(ask.events(chunks, ask.wire.url)) as events:
            async for event in events:
                for token in _read(ask, reading, event):
                    yield token
                if reading.finish_reason is not None:
                    break
            if reading.finish_reason is None:
                ask.wire.is_lost = True
                raise broke_off(ask.wire.url)
            if reading.is_told_by_engine:
                await _hear_out(ask, reading, events)
    finally:
        stream.stats = reading.stats()


async def _hear_out(
    ask: Ask, reading: Reading, events: AsyncGenerator[dict[str, Any], None]
) -> None:
    """Read what follows the last token: figures, and the end that lets the connection be kept.

    Waits 50 ms at most: then the connection is closed instead.
    """
    from anyio import move_on_after

    with move_on_after(_DRAIN_SECONDS):
        async for event in events:
            _read(ask, reading, event)


def _read(ask: Ask, reading: Reading, event: Mapping[str, Any]) -> list[Token]:
    if "error" in event:
        raise error_from_event(ask.wire.url, json.dumps(event))
    try:
        return reading.tokens_of(event)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        raise not_understood_event(ask.wire.url) from None
