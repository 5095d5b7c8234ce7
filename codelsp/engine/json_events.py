"""A streamed answer as JSON values: server-sent events, or one value a line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from codelsp.engine.event_stream import EventParser, LineSplitter, ServerEvent
from codelsp.engine.wire_errors import error_from_event, not_understood_event

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

_DONE = "[DONE]"


async def events_of(chunks: AsyncIterator[bytes], url: str) -> AsyncGenerator[dict[str, Any], None]:
    """Yield the JSON object of each server-sent event.

    Raises:
        EngineRefusedError: the engine reported a failure inside the stream.
        EngineUnavailableError: an event holds no JSON object.
    """
    splitter, parser = LineSplitter(), EventParser()
    async for chunk in chunks:
        for line in _lines(splitter, chunk, url):
            event = parser.feed(line)
            if event is not None and event.data != _DONE:
                yield _value(event, url)
    # A stream that breaks off inside an event is cut short: what is left is not whole.


async def values_of(chunks: AsyncIterator[bytes], url: str) -> AsyncGenerator[dict[str, Any], None]:
    """Yield the JSON object of each line (NDJSON); raises as ``events_of``."""
    splitter = LineSplitter()
    async for chunk in chunks:
        for line in filter(str.strip, _lines(splitter, chunk, url)):
            yield _value(ServerEvent(line), url)
    for line in filter(str.strip, splitter.end()):
        yield _value(ServerEvent(line), url)


def _lines(splitter: LineSplitter, chunk: bytes, url: str) -> list[str]:
    try:
        return splitter.feed(chunk)
    except ValueError:
        raise not_understood_event(url) from None


def _value(event: ServerEvent, url: str) -> dict[str, Any]:
    if event.name == "error":
        raise error_from_event(url, event.data)
    try:
        value = json.loads(event.data)
    except ValueError:
        raise not_understood_event(url) from None
    if not isinstance(value, dict):
        raise not_understood_event(url)
    return value
