"""The engine of the bench: its own, below a home of its own, seen from outside.

Servers that the bench starts find it as servers of editors find theirs: by the state file.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import socket
import struct
import sys
import tempfile
import urllib.request
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from codelsp.directories import HOME_VARIABLE
from codelsp.errors import EngineUnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from codelsp.engine.process import EngineAddress
    from codelsp.engine.wire import Wire
    from codelsp.settings import Settings

_CANCEL_ROUNDS = 9
_INFILL_START_SECONDS = 120.0
_TOKENS_AT_WORK = 1
_CANCEL_PROMPT = "def count(values):\n    total = 0\n    for value in values:\n"
_CANCEL_AFTER_TOKENS = 8
_CANCEL_MOST_TOKENS = 400
_CANCEL_SECONDS = 60.0
_CANCEL_CHUNK_BYTES = 65_536
_TOKENS_SENT = re.compile(rb'"tokens":\[([0-9, ]+)\]')
_SETTLE_SECONDS = 0.05
_SETTLED_LOOKS = 3


@dataclass(frozen=True)
class BenchEngine:
    """How the bench reaches its engine; the engine is started by whoever needs it first."""

    settings: Settings
    overrides: Mapping[str, Any]
    home: Path
    model_name: str
    is_llama_cpp: bool = True
    """Whether its own ``/infill`` is what llama.cpp's server would answer."""

    @property
    def server_command(self) -> list[str]:
        """The command that starts a server as an editor would."""
        pairs = [f"{key}={json.dumps(value)}" for key, value in self.overrides.items()]
        sets = [argument for pair in pairs for argument in ("--set", pair)]
        return [sys.executable, "-m", "codelsp", "--stdio", *sets]

    @property
    def environment(self) -> dict[str, str]:
        """The environment of such a server: the same home, so the same engine."""
        return {**os.environ, HOME_VARIABLE: str(self.home)}

    async def stop(self) -> None:
        """Stop the engine, so that the next server finds none."""
        from codelsp.engine.process import stop_engine

        await asyncio.to_thread(stop_engine)

    async def address(self) -> EngineAddress:
        """Return where the engine is, started if need be."""
        from codelsp.engine.process import ensure_engine

        return await ensure_engine(self.settings)

    @contextlib.asynccontextmanager
    async def infill_wire(self) -> AsyncIterator[Wire]:
        """Open connections to a second engine, set up as llama.cpp's server is by default."""
        from codelsp.engine.foreground import PLUGIN_BATCH_TOKENS
        from codelsp.engine.spawn import start_tied
        from codelsp.engine.wanted import wanted_engine
        from codelsp.engine.wire import Wire

        options = wanted_engine(self.settings).options()
        alone = replace(
            options, state="", log="", idle_seconds=0.0, batch_tokens=PLUGIN_BATCH_TOKENS
        )
        engine = await asyncio.to_thread(start_tied, alone, _INFILL_START_SECONDS)
        wire = Wire(engine.state.url, engine.state.api_key)
        try:
            yield wire
        finally:
            await wire.close()
            engine.close()
            await asyncio.to_thread(engine.wait)

    async def pid(self) -> int:
        """Return the engine's process id."""
        return (await self.address()).pid

    async def tokens_after_cancel(self) -> list[float]:
        """Return how many tokens the engine began after a stream was closed, several times."""
        return await tokens_after_cancel(await self.address())


async def tokens_after_cancel(address: EngineAddress) -> list[float]:
    """Return how many tokens an engine began after a stream was closed, several times.

    What the engine has decoded altogether, less what it had sent before the close, and less
    the one that it was decoding at that moment: llama.cpp works on the next token while it
    sends the last.
    """
    body = {
        "prompt": _CANCEL_PROMPT,
        "n_predict": _CANCEL_MOST_TOKENS,
        "ignore_eos": True,
        "stream": True,
        "return_tokens": True,
        "cache_prompt": False,
    }
    encoded = json.dumps(body).encode()
    return [await _cancelled_once(encoded, address) for _ in range(_CANCEL_ROUNDS)]


@contextlib.asynccontextmanager
async def started(settings: Settings, overrides: Mapping[str, Any]) -> AsyncIterator[BenchEngine]:
    """Give the bench an engine of its own, and stop it at the end.

    Raises:
        EngineUnavailableError: ``settings`` name a URL, which is not ours to stop and start, or an
            engine that cannot run the model.
        ModelError: there is no such model.
    """
    from codelsp.engine.wanted import wanted_engine

    if settings.engine.startswith(("http://", "https://")):
        raise EngineUnavailableError(
            "The bench measures an engine of its own, not one at a URL; try --set engine=auto."
        )
    # By its path: names of the user's store mean nothing in the bench's own home.
    wanted = wanted_engine(settings)
    path = str(wanted.model.path)
    chosen = {**overrides, "model": path}
    with tempfile.TemporaryDirectory(prefix="codelsp-bench-") as folder, _home(Path(folder)):
        in_bench = replace(settings, model=path)
        is_llama_cpp = wanted.engine == "llama.cpp"
        engine = BenchEngine(in_bench, chosen, Path(folder), wanted.model.name, is_llama_cpp)
        try:
            yield engine
        finally:
            await engine.stop()


@contextlib.contextmanager
def _home(folder: Path) -> Iterator[None]:
    """Let this process, too, look for engines below ``folder``."""
    before = os.environ.get(HOME_VARIABLE)
    os.environ[HOME_VARIABLE] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ[HOME_VARIABLE]
        else:
            os.environ[HOME_VARIABLE] = before


async def _cancelled_once(body: bytes, address: EngineAddress) -> float:
    """Close one generation midway; return the tokens that were begun after that."""
    before = await _steps_when_idle(address)
    n_sent = await asyncio.to_thread(_read_and_hang_up, body, address)
    # The prompt is one step, which gives the first token; every other token is one step more.
    n_decoded = await _steps_when_idle(address) - before
    return n_decoded - n_sent - _TOKENS_AT_WORK


def _read_and_hang_up(body: bytes, address: EngineAddress) -> int:
    """Return how many tokens the engine had sent when its connection was closed.

    A bare socket, because a reader that is kept waiting by other work finds tokens that were
    begun before it hung up: what has come is counted up to the moment of closing.
    """
    place = urlsplit(address.url)
    head = (
        f"POST /completion HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Length: {len(body)}\r\n"
        f"Authorization: Bearer {address.api_key}\r\nContent-Type: application/json\r\n\r\n"
    )
    with socket.create_connection(
        (str(place.hostname), place.port or 80), _CANCEL_SECONDS
    ) as connection:
        # Hang up as codelsp's client does: at once, whatever is unread.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall(head.encode() + body)
        received = bytearray()
        while _n_tokens(received) < _CANCEL_AFTER_TOKENS:
            chunk = connection.recv(_CANCEL_CHUNK_BYTES)
            if not chunk:
                raise EngineUnavailableError("The engine ended before it could be cancelled.")
            received += chunk
        connection.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            while chunk := connection.recv(_CANCEL_CHUNK_BYTES):
                received += chunk
    return _n_tokens(received)


def _n_tokens(received: bytearray) -> int:
    return sum(match[1].count(b",") + 1 for match in _TOKENS_SENT.finditer(received))


async def _steps_when_idle(address: EngineAddress) -> float:
    """Return how often the engine has run its model, once that number stands still."""
    last, n_same = -1.0, 0
    while n_same < _SETTLED_LOOKS:
        steps = await asyncio.to_thread(_steps, address)
        n_same = n_same + 1 if steps == last else 0
        last = steps
        await asyncio.sleep(_SETTLE_SECONDS)
    return last


def _steps(address: EngineAddress) -> float:
    """Return llama.cpp's count of model runs; its metrics are text, which no dialect reads."""
    request = urllib.request.Request(  # noqa: S310  # the engine's own address
        f"{address.url}/metrics", headers={"Authorization": f"Bearer {address.api_key}"}
    )
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(request, timeout=10) as response:
        lines = response.read().decode().split("\n")
    counter = "llamacpp:n_decode_total "
    return next(float(line[len(counter) :]) for line in lines if line.startswith(counter))
