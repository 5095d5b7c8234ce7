"""httpcore's network, on bare asyncio transports.

httpcore's own runs on anyio's streams, which stop and start watching the socket around every
read.  A token arrives every millisecond and the engine wants the same processors, so it counts:
measured on 2 cores, a token costs the server 0.2 ms this way instead of 0.3 ms.  It also sends
a request's head and body in one segment, so that the engine is woken once.

Imported with the first request only, as it loads httpcore.
"""

from __future__ import annotations

import asyncio
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import httpcore

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

_MOST_UNREAD_BYTES = 1024 * 1024
_RACE_SECONDS = 0.25
"""After which the next address of a name is tried, too (RFC 8305)."""


class SocketBackend(httpcore.AsyncNetworkBackend):
    """Opens connections."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,  # noqa: ARG002  # httpcore's interface
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore.AsyncNetworkStream:
        """Return a connection to ``host``; see httpcore for the rest."""
        from anyio import fail_after

        loop = asyncio.get_running_loop()
        try:
            with fail_after(timeout):
                # Between several addresses there is a race; one alone is reached sooner without:
                # 0.3 ms instead of 0.45 on 2 cores, which is part of every key.
                delay = None if _is_address(host) else _RACE_SECONDS
                _, received = await loop.create_connection(
                    _Received, host, port, happy_eyeballs_delay=delay
                )
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(error) from error
        except OSError as error:
            raise httpcore.ConnectError(error) from error
        return SocketStream(received)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class SocketStream(httpcore.AsyncNetworkStream):
    """One connection."""

    def __init__(self, received: _Received) -> None:
        self._received = received
        self._unsent = b""

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what has come, waiting if nothing has; nothing at the end."""
        self._send()
        received = self._received
        if not received.unread and not received.is_at_end:
            await received.more(timeout)
        if not received.unread and received.error is not None:
            raise httpcore.ReadError(received.error) from received.error
        return received.take(max_bytes)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        """Send ``buffer``, together with what is written next, before the next read."""
        self._unsent += buffer

    async def aclose(self) -> None:
        """Hang up at once."""
        self._received.transport.abort()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Return the same connection, encrypted from here on."""
        loop = asyncio.get_running_loop()
        received = self._received
        try:
            transport = await loop.start_tls(
                received.transport,
                received,
                ssl_context,
                server_hostname=server_hostname,
                ssl_handshake_timeout=timeout,
            )
        except OSError as error:
            raise httpcore.ConnectError(error) from error
        if transport is None:
            raise httpcore.ConnectError("hung up during the TLS handshake")
        received.transport = transport
        return self

    def get_extra_info(self, info: str) -> Any:
        """Return what httpcore asks about the connection."""
        if info == "is_readable":
            return bool(self._received.unread) or self._received.is_at_end
        return self._received.transport.get_extra_info(info)

    def _send(self) -> None:
        unsent, self._unsent = self._unsent, b""
        if unsent:
            self._received.transport.write(unsent)


class _Received(asyncio.Protocol):
    """What has come and was not read yet."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.unread = b""
        self.is_at_end = False
        self.error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep ``transport``."""
        self.transport = transport  # type: ignore[assignment]  # asyncio's own signature

    def data_received(self, data: bytes) -> None:
        """Keep ``data``."""
        self.unread += data
        if len(self.unread) > _MOST_UNREAD_BYTES:
            self.transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        """Note that no more will come."""
        self.is_at_end = True
        self._wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Note why no more will come."""
        self.is_at_end = True
        self.error = exc
        self._wake()

    async def more(self, seconds: float | None) -> None:
        """Wait until something has come, or the end.

        Raises:
            httpcore.ReadTimeout: nothing came for so long.
        """
        loop = asyncio.get_running_loop()
        self._waiter = waiter = loop.create_future()
        timer = loop.call_later(seconds, _expire, waiter) if seconds is not None else None
        try:
            await waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()

    def take(self, max_bytes: int) -> bytes:
        """Return and forget the oldest bytes."""
        taken, self.unread = self.unread[:max_bytes], self.unread[max_bytes:]
        if len(self.unread) <= _MOST_UNREAD_BYTES and not self.is_at_end:
            self.transport.resume_reading()
        return taken

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


@lru_cache
def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _expire(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_exception(httpcore.ReadTimeout)
