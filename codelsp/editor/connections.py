"""Connections: from a stream of bytes to a server at its end, over stdio, TCP and WebSocket.

Messages are taken one at a time, and after each request the loop runs once, so that it has looked
at its document before the next message changes it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import signal
import threading
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from codelsp.editor.frames import FrameParser
from codelsp.editor.opening import ignore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Request, Response

    from codelsp.editor.opening import FdPipe, Opening
    from codelsp.editor.serve import ServeOptions
    from codelsp.editor.server import CodeServer

    ServerFactory = Callable[[], CodeServer]
    Listening = Callable[[str, int], None]

logger = logging.getLogger(__name__)

_CHUNK_BYTES = 65536
_MAX_MESSAGE_BYTES = 256 * 1024 * 1024
_CLOSE_SECONDS = 2.0
_PARENT_CHECK_SECONDS = 3.0


async def serve_bodies(server: CodeServer, bodies: AsyncIterator[bytes]) -> None:
    """Hand every message to ``server`` until ``exit`` or the end of the stream."""
    async for body in bodies:
        has_begun = server.protocol.receive(body)
        if server.protocol.is_over:
            return
        if has_begun:
            await asyncio.sleep(0)


async def serve_pipe(server: CodeServer, pipe: FdPipe, opening: Opening) -> None:
    """Serve one editor over stdio, from where ``opening`` ended."""
    serving = asyncio.ensure_future(serve_bodies(server, _bodies_of_pipe(pipe, opening)))
    loop = asyncio.get_running_loop()
    pipe.on_broken = lambda: _cancel(serving)
    stop_signals(loop, serving)
    watch = asyncio.ensure_future(_cancel_when_gone(server.process_id, serving))
    with contextlib.suppress(asyncio.CancelledError):
        await serving
    watch.cancel()
    pipe.on_broken = ignore
    await _closed(server)


def _cancel(task: asyncio.Future[None]) -> None:
    task.cancel()


def stop_signals(loop: asyncio.AbstractEventLoop, task: asyncio.Future[None]) -> None:
    """Let SIGTERM and SIGINT end ``task`` in good order, where the platform has them."""
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError, RuntimeError):
            loop.add_signal_handler(number, task.cancel)


async def _bodies_of_pipe(pipe: FdPipe, opening: Opening) -> AsyncIterator[bytes]:
    for body in opening.pending:
        yield body
    chunks: asyncio.Queue[bytes] = asyncio.Queue()
    if not _read_when_ready(pipe, chunks):
        _read_in_a_thread(pipe, chunks)
    while data := await chunks.get():
        for body in opening.parser.feed(data):
            yield body


def _read_when_ready(pipe: FdPipe, chunks: asyncio.Queue[bytes]) -> bool:
    """Let the loop read ``pipe`` when it says so; return False where a loop cannot do that.

    A thread would hand every message over, which costs a keystroke half a millisecond.
    """
    loop = asyncio.get_running_loop()

    def read() -> None:
        data = pipe.read()
        if not data:
            loop.remove_reader(pipe.read_fd)
        chunks.put_nowait(data)

    try:
        loop.add_reader(pipe.read_fd, read)
    except (NotImplementedError, OSError, ValueError):
        # Windows' loop watches sockets alone, and epoll neither files nor /dev/null.
        return False
    return True


def _read_in_a_thread(pipe: FdPipe, chunks: asyncio.Queue[bytes]) -> None:
    """Let a thread wait for ``pipe``, which blocks whoever reads it."""
    loop = asyncio.get_running_loop()

    def read() -> None:
        data = b"-"
        while data:
            data = pipe.read()
            with contextlib.suppress(RuntimeError):  # The loop has ended meanwhile.
                loop.call_soon_threadsafe(chunks.put_nowait, data)

    threading.Thread(target=read, name="stdin", daemon=True).start()


async def _cancel_when_gone(process_id: int | None, task: asyncio.Future[None]) -> None:
    """Cancel ``task`` when the editor's process has gone, as the protocol asks.

    A process that cannot be seen at the start, say from inside a container, is not watched.
    """
    import psutil  # type: ignore[import-untyped, unused-ignore]  # stubs are a package of their own

    if process_id is None or not psutil.pid_exists(process_id):
        return
    with contextlib.suppress(psutil.NoSuchProcess):
        editor = psutil.Process(process_id)
        while editor.is_running() and editor.status() != psutil.STATUS_ZOMBIE:  # noqa: ASYNC110
            await asyncio.sleep(_PARENT_CHECK_SECONDS)
    logger.warning("the editor, process %d, has gone", process_id)
    task.cancel()


async def _closed(server: CodeServer) -> None:
    try:
        await asyncio.wait_for(server.close(), _CLOSE_SECONDS)
    except asyncio.TimeoutError:
        logger.warning("left without waiting for the engine any longer")


async def listen_tcp(host: str, port: int, new_server: ServerFactory, listening: Listening) -> None:
    """Serve any number of editors over TCP, each with a session of its own, until cancelled."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server = new_server()
        server.protocol.set_writer(writer)
        try:
            await serve_bodies(server, _bodies_of_stream(reader))
        except OSError as error:
            logger.info("a connection broke: %s", error)
        finally:
            writer.close()
            await _closed(server)

    tcp_server = await asyncio.start_server(connected, host, port)
    listening(*tcp_server.sockets[0].getsockname()[:2])
    async with tcp_server:
        await tcp_server.serve_forever()


async def _bodies_of_stream(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    parser = FrameParser()
    while data := await reader.read(_CHUNK_BYTES):
        for body in parser.feed(data):
            yield body


class _SocketWriter:
    """Sends whole messages over a WebSocket, in order, without making anyone wait."""

    def __init__(self, websocket: ServerConnection) -> None:
        self._websocket = websocket
        self._outgoing: asyncio.Queue[bytes] = asyncio.Queue()

    def write(self, data: bytes) -> None:
        self._outgoing.put_nowait(data)

    def close(self) -> None:
        """Do nothing; the connection's owner closes it."""

    async def send_all(self) -> None:
        while True:
            data = await self._outgoing.get()
            await self._websocket.send(data.decode("ascii"))


async def listen_ws(
    host: str, port: int, options: ServeOptions, new_server: ServerFactory, listening: Listening
) -> None:
    """Serve any number of editors over WebSocket, each with a session of its own.

    A browser that asks for anything else gets ``options.page``, if there is one.
    """
    from websockets.asyncio.server import serve

    async def connected(websocket: ServerConnection) -> None:
        server = new_server()
        writer = _SocketWriter(websocket)
        server.protocol.set_writer(writer, include_headers=False)
        sending = asyncio.ensure_future(writer.send_all())
        try:
            await serve_bodies(server, _bodies_of_socket(websocket))
        finally:
            sending.cancel()
            await _closed(server)

    def check(connection: ServerConnection, request: Request) -> Response | None:
        if options.page is not None and "Upgrade" not in request.headers:
            return options.page.answer(request)
        if may_connect(request.path, request.headers.get_all("Origin"), options.token):
            return None
        logger.warning("refused a WebSocket connection of a web page, or without the token")
        return connection.respond(403, "codelsp: not allowed\n")

    async with serve(
        connected, host, port, process_request=check, max_size=_MAX_MESSAGE_BYTES
    ) as ws_server:
        listening(*next(iter(ws_server.sockets)).getsockname()[:2])
        await ws_server.serve_forever()


async def _bodies_of_socket(websocket: ServerConnection) -> AsyncIterator[bytes]:
    async for data in websocket:
        yield data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data


def may_connect(path: str, origins: Iterable[str], token: str) -> bool:
    """Whether a WebSocket client is let in.

    With a token, whoever shows it as ``?token=``.  Without one, whoever is no web page: a browser
    sends an ``Origin`` with every WebSocket, and a page must not read the user's code.
    """
    if token:
        shown = parse_qs(urlsplit(path).query).get("token", [""])[0]
        return hmac.compare_digest(shown.encode(), token.encode())
    return not list(origins)
