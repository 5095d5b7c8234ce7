"""HTTP to one engine: JSON requests, streamed answers, keep-alive, deadlines, bearer key.

Over httpcore, not httpx: the same connections, pool and TLS, without the parts an engine never
needs; it adds 1.4 MB to the server where httpx adds 9 to 20.  It is loaded with the first
request, so ``initialize`` is answered without it.

Architecture invariant: no proxy is ever taken from the environment; what the user types goes to
the host named in ``engine`` and nowhere else.
Architecture invariant: closing the generator that ``stream`` returns closes its connection, which
is how a cancel reaches the engine: at once where the generator waits for the engine, and else as
soon as the loop has done what is due, which is to use what has come.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from codelsp.engine.wire_errors import (
    error_from_status,
    in_our_words,
    not_understood,
)
from codelsp.errors import EngineUnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Mapping

    import httpcore

_IDLE_SECONDS = 4.0
"""llama.cpp's server hangs up after 5 idle seconds; we let go before that, and never race it."""
_SUCCESS = range(200, 300)
_MOST_CONNECTIONS, _MOST_IDLE_CONNECTIONS = 8, 2
"""In llama.cpp's server each connection holds a thread, idle or not, and windows share them."""
_MOST_ANSWER_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Deadlines:
    """How long to wait, in seconds."""

    connect: float = 3.0
    silence: float = 60.0
    """Without a single byte: a long prompt on a slow machine, or an engine that hangs."""
    turn: float = 20.0
    """For one of our own connections to be free."""


class Wire:
    """Connections to the engine at ``url``, opened when needed.

    Raises:
        EngineUnavailableError: ``url`` is none.
    """

    def __init__(self, url: str, api_key: str = "", deadlines: Deadlines | None = None) -> None:
        parts = _split(url)
        path = parts.path.rstrip("/")
        self.url = f"{parts.scheme}://{parts.netloc}{path}"
        self.is_lost = False
        """Whether a connection has failed since this wire was made."""
        self._origin = self.url.removesuffix(path) if path else self.url
        self._prefix = path
        self._headers = [(b"Host", parts.netloc.encode()), (b"User-Agent", b"codelsp")]
        if api_key:
            self._headers.append((b"Authorization", b"Bearer " + api_key.encode()))
        self._deadlines = deadlines or Deadlines()
        self._pool: httpcore.AsyncConnectionPool | None = None
        self._hanging_up: set[asyncio.Future[None]] = set()

    async def get_json(self, path: str) -> Any:
        """Return the JSON that stands at ``path``.

        Raises:
            EngineError: there is none, and why.
        """
        return await self._json("GET", path, None)

    async def post_json(self, path: str, body: Mapping[str, object]) -> Any:
        """Return the JSON with which the engine answers ``body``.

        Raises:
            EngineError: there is none, and why.
        """
        return await self._json("POST", path, body)

    async def stream(self, path: str, body: Mapping[str, object]) -> AsyncGenerator[bytes, None]:
        """Yield the answer to ``body`` in the chunks in which it comes.

        Raises:
            EngineError: the engine does not answer, refuses, or breaks off.
        """
        response = await self._respond("POST", path, body)
        if response.status not in _SUCCESS:
            raise error_from_status(self.url, response.status, await self._whole(response))
        chunks = _chunks(response)
        try:
            with self._watched():
                async for chunk in chunks:
                    yield chunk
        except GeneratorExit:
            # Whoever reads has enough.  Hanging up takes as long as judging what was read.
            closing = asyncio.ensure_future(_hang_up(response, chunks))
            self._hanging_up.add(closing)
            closing.add_done_callback(self._hanging_up.discard)
            raise
        except BaseException:
            await _closed(response)
            raise
        await _closed(response)

    async def close(self) -> None:
        """Close all connections; the next request opens one again."""
        while self._hanging_up:
            await asyncio.wait(self._hanging_up)
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.aclose()

    async def _json(self, method: str, path: str, body: Mapping[str, object] | None) -> Any:
        response = await self._respond(method, path, body)
        content = await self._whole(response)
        if response.status not in _SUCCESS:
            raise error_from_status(self.url, response.status, content)
        try:
            return json.loads(content)
        except ValueError:
            raise not_understood(self.url, content) from None

    async def _respond(
        self, method: str, path: str, body: Mapping[str, object] | None
    ) -> httpcore.Response:
        """Send a request and return the head of its answer.

        A connection that was kept may have been closed by the engine a moment ago (restart, idle
        limit): then, and only then, the request is sent once more.
        """
        import httpcore

        pool = self._open_pool()
        may_be_stale = any(connection.is_idle() for connection in pool.connections)
        with self._watched():
            try:
                return await pool.handle_async_request(self._request(method, path, body))
            except (httpcore.ReadError, httpcore.WriteError, httpcore.RemoteProtocolError):
                if not may_be_stale:
                    raise
            except httpcore.PoolTimeout:
                # All connections are taken, by whatever has kept them: begin anew.
                await self.close()
                pool = self._open_pool()
            return await pool.handle_async_request(self._request(method, path, body))

    @contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            with in_our_words(self.url):
                yield
        except EngineUnavailableError:
            self.is_lost = True
            raise

    def _request(
        self, method: str, path: str, body: Mapping[str, object] | None
    ) -> httpcore.Request:
        import httpcore

        headers = list(self._headers)
        content = b""
        if body is not None:
            # ASCII escapes on purpose: a lone surrogate has no UTF-8.
            content = json.dumps(body, separators=(",", ":")).encode()
            headers.append((b"Content-Type", b"application/json"))
            headers.append((b"Content-Length", str(len(content)).encode()))
        return httpcore.Request(
            method,
            self._origin + self._prefix + path,
            headers=headers,
            content=content,
            extensions={
                "timeout": {
                    "connect": self._deadlines.connect,
                    "read": self._deadlines.silence,
                    "pool": self._deadlines.turn,
                }
            },
        )

    def _open_pool(self) -> httpcore.AsyncConnectionPool:
        if self._pool is None:
            import httpcore

            from codelsp.engine.sockets import SocketBackend

            self._pool = httpcore.AsyncConnectionPool(
                max_connections=_MOST_CONNECTIONS,
                max_keepalive_connections=_MOST_IDLE_CONNECTIONS,
                keepalive_expiry=_IDLE_SECONDS,
                network_backend=SocketBackend(),
            )
        return self._pool

    async def _whole(self, response: httpcore.Response) -> bytes:
        content = b""
        try:
            with self._watched():
                async for chunk in _chunks(response):
                    content += chunk
                    if len(content) > _MOST_ANSWER_BYTES:
                        raise not_understood(self.url, content[:100])
        finally:
            await _closed(response)
        return content


def _chunks(response: httpcore.Response) -> AsyncGenerator[bytes, None]:
    """Return the body as httpcore's pool yields it, which can be closed, and is one turn less."""
    return response.stream.__aiter__()  # type: ignore[union-attr, return-value]  # it is one


async def _hang_up(response: httpcore.Response, chunks: AsyncGenerator[bytes, None]) -> None:
    await asyncio.sleep(0)
    await chunks.aclose()
    await response.aclose()


async def _closed(response: httpcore.Response) -> None:
    """Close ``response`` to the end, whoever is cancelled meanwhile.

    A closing that is broken off leaves its connection taken for ever, and after a few of them
    every request waits for one that is free.
    """
    await asyncio.shield(response.aclose())


def _split(url: str) -> SplitResult:
    refusal = EngineUnavailableError(
        f"`engine` is not a URL codelsp can use: {url!r}; write it as http://HOST:PORT."
    )
    try:
        parts = urlsplit(url.strip())
        is_usable = parts.scheme in {"http", "https"} and bool(parts.hostname)
        _ = parts.port
        host = parts.netloc.encode("idna").decode()
    except ValueError:  # a UnicodeError is one
        raise refusal from None
    if not is_usable:
        raise refusal
    if parts.username or parts.password:
        raise EngineUnavailableError(
            "`engine` holds a user name or password; put the key into `engine_api_key` instead."
        )
    return parts._replace(netloc=host)
