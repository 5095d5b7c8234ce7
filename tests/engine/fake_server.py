"""An HTTP server that answers as it is told: real sockets, real servers' shapes, ugly cases.

::

    async with FakeServer({"/health": Reply({"status": "ok"})}) as server:
        wire = Wire(server.url)
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True)
class Reply:
    """An answer; ``chunks`` are sent one by one as a chunked body, ``content`` as a whole."""

    content: Any = b""
    status: int = 200
    chunks: Sequence[bytes] | Callable[[], AsyncIterator[bytes]] | None = None
    content_type: str = "application/json"
    is_cut: bool = False
    """Whether the connection breaks before the end."""
    then_closes: bool = False
    raw: bytes | None = None
    """What is sent instead of HTTP."""


Route = Reply | Callable[[Asked], Reply]


def events(*values: Any, done: bool = False) -> list[bytes]:
    """Return server-sent events with these values as JSON."""
    lines = [f"data: {json.dumps(value)}\n\n".encode() for value in values]
    return [*lines, b"data: [DONE]\n\n"] if done else lines


@dataclass
class FakeServer:
    """Serves ``routes`` on a free port of this machine, for the length of a ``with``."""

    routes: Mapping[str, Route]
    tls: ssl.SSLContext | None = None
    asked: list[Asked] = field(default_factory=list)
    n_connections: int = 0
    most_open: int = 0
    """The most connections there were at the same time."""
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client closes its connection while an answer is being streamed."""
    n_chunks_sent: int = 0

    async def __aenter__(self) -> FakeServer:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls)
        self._writers: set[asyncio.StreamWriter] = set()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Stop listening and break every connection."""
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def n_open(self) -> int:
        """How many connections there are now."""
        return len(self._writers)

    @property
    def url(self) -> str:
        """What ``engine`` would be set to."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def bodies(self, path: str) -> list[Any]:
        """Return what was sent to ``path``."""
        return [one.body for one in self.asked if one.path == path]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.n_connections += 1
        self._writers.add(writer)
        self.most_open = max(self.most_open, self.n_open)
        try:
            while (asked := await self._read(reader)) is not None:
                self.asked.append(asked)
                if await self._answer(asked, reader, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> Asked | None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
        except asyncio.IncompleteReadError:
            return None
        first, *lines = head.rstrip().split("\r\n")
        method, path, _ = first.split(" ")
        headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        return Asked(method, path, headers, json.loads(body) if body else None)

    async def _answer(
        self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Answer; return whether the connection ends with it."""
        route = self.routes.get(asked.path, Reply({"error": {"message": "not found"}}, 404))
        reply = route(asked) if callable(route) else route
        if reply.raw is not None:
            writer.write(reply.raw)
            return True
        if reply.chunks is None:
            content = reply.content
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            length = len(data) + (10 if reply.is_cut else 0)
            writer.write(_head(reply, f"Content-Length: {length}") + data)
            await writer.drain()
            return reply.is_cut or reply.then_closes
        await self._stream(reply, reader, writer)
        return reply.is_cut or reply.then_closes

    async def _stream(
        self, reply: Reply, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(_head(reply, "Transfer-Encoding: chunked"))
        async for chunk in _each(reply.chunks):
            if _is_gone(reader):
                self.hung_up.set()
                return
            writer.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            await writer.drain()
            self.n_chunks_sent += 1
        if not reply.is_cut:
            writer.write(b"0\r\n\r\n")
            await writer.drain()


def _is_gone(reader: asyncio.StreamReader) -> bool:
    return reader.at_eof() or reader.exception() is not None


async def _each(
    chunks: Sequence[bytes] | Callable[[], AsyncIterator[bytes]] | None,
) -> AsyncIterator[bytes]:
    if callable(chunks):
        async for chunk in chunks():
            yield chunk
        return
    for chunk in chunks or ():
        await asyncio.sleep(0.001)
        yield chunk


def _head(reply: Reply, length: str) -> bytes:
    head = f"HTTP/1.1 {reply.status} X\r\nContent-Type: {reply.content_type}\r\n{length}\r\n\r\n"
    return head.encode()
