"""A bare LSP client over a server process's stdin and stdout, for measuring.

It knows just enough of the protocol to be an editor: no typed structures, no converters.  What it
times, it times on the wire: making JSON of a message, and reading it, is the editor's own work.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from typing import TYPE_CHECKING, Any, cast

from codelsp.errors import CodelspError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    Message = tuple[str, Any]
    """A method and its params."""
    _Answer = tuple[Any, float]
    """A result, and when it arrived."""

ANSWER_SECONDS = 60.0
_LEAVING_SECONDS = 5.0
_STDIN, _STDOUT = 0, 1
_HEADER = re.compile(
    rb"(?:[^\r\n]+\r\n)*?content-length: *(\d+)\r\n(?:[^\r\n]+\r\n)*\r\n", re.IGNORECASE
)


class ServerGoneError(CodelspError):
    """The server process has ended, or does not answer."""


class StdioClient(asyncio.SubprocessProtocol):
    """One server process and the requests that wait for it."""

    def __init__(self) -> None:
        self._waiting: dict[int, asyncio.Future[_Answer]] = {}
        self._next_id = 0
        self._unread = b""
        self._is_gone = False
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.SubprocessTransport

    @classmethod
    async def start(cls, command: Sequence[str], env: Mapping[str, str]) -> StdioClient:
        """Start a server with ``command``; its log on stderr goes nowhere."""
        loop = asyncio.get_running_loop()
        _, client = await loop.subprocess_exec(
            cls, *command, stderr=asyncio.subprocess.DEVNULL, env=dict(env)
        )
        return client

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._transport.get_pid()

    async def request(self, method: str, params: Any) -> Any:  # JSON
        """Return the result of a request.

        Raises:
            ServerGoneError: the server ended, answered an error, or does not answer in a minute.
        """
        return (await self.timed((), (method, params)))[0]

    async def timed(self, told: Iterable[Message], asked: Message) -> tuple[Any, float]:  # JSON
        """Send notifications and then a request, as one keystroke does.

        Returns:
            The result of the request, and the milliseconds that passed from the writing of the
            first message to the arrival of the answer.

        Raises:
            ServerGoneError: the server ended, answered an error, or does not answer in a minute.
        """
        loop = asyncio.get_running_loop()
        self._next_id += 1
        method, params = asked
        messages: list[dict[str, Any]] = [{"method": name, "params": more} for name, more in told]
        messages.append({"id": self._next_id, "method": method, "params": params})
        frames = list(map(_framed, messages))
        answer: asyncio.Future[_Answer] = loop.create_future()
        self._waiting[self._next_id] = answer
        began = time.perf_counter()
        for frame in frames:
            self._write(frame)
        error = ServerGoneError(f"The server did not answer {method} in a minute.")
        late = loop.call_later(ANSWER_SECONDS, _fail, answer, error)
        try:
            result, arrived = await answer
        finally:
            late.cancel()
        return result, (arrived - began) * 1e3

    def notify(self, method: str, params: Any) -> None:  # JSON
        """Send a notification.

        Raises:
            ServerGoneError: the server ended.
        """
        self._write(_framed({"method": method, "params": params}))

    async def close(self) -> None:
        """Leave as an editor does; a server that stays is killed."""
        with contextlib.suppress(ServerGoneError):
            await self.request("shutdown", None)
            self.notify("exit", None)
        self._stdin.close()
        await asyncio.wait([self._ended], timeout=_LEAVING_SECONDS)
        if not self._ended.done():
            with contextlib.suppress(ProcessLookupError):
                self._transport.kill()
            await self._ended
        self._transport.close()

    @property
    def _stdin(self) -> asyncio.WriteTransport:
        return cast("asyncio.WriteTransport", self._transport.get_pipe_transport(_STDIN))

    def _write(self, frame: bytes) -> None:
        if self._is_gone or self._stdin.is_closing():
            raise ServerGoneError("The server is gone.")
        self._stdin.write(frame)

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the process at hand."""
        self._transport = cast("asyncio.SubprocessTransport", transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Take what the server has written."""
        if fd == _STDOUT:
            arrived = time.perf_counter()
            self._unread += data
            for body in self._bodies():
                self._take(json.loads(body), arrived)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002
        """Let nobody wait for a server that writes nothing any more."""
        if fd == _STDOUT:
            self._is_gone = True
            for answer in self._waiting.values():
                _fail(answer, ServerGoneError("The server ended."))

    def process_exited(self) -> None:
        """Note that the process has ended."""
        if not self._ended.done():
            self._ended.set_result(None)

    def _bodies(self) -> Iterator[bytes]:
        while (header := _HEADER.match(self._unread)) is not None:
            start, end = header.end(), header.end() + int(header[1])
            if len(self._unread) < end:
                return
            body, self._unread = self._unread[start:end], self._unread[end:]
            yield body

    def _take(self, message: dict[str, Any], arrived: float) -> None:
        if "method" in message:
            if "id" in message:
                self._write(_framed({"id": message["id"], "result": _client_answer(message)}))
            return
        answer = self._waiting.pop(message["id"], None)
        if answer is None or answer.done():
            return
        if "error" in message:
            _fail(answer, ServerGoneError(f"The server answered {message['error']}."))
        else:
            answer.set_result((message["result"], arrived))


def _framed(message: dict[str, Any]) -> bytes:
    body = json.dumps({"jsonrpc": "2.0", **message}, separators=(",", ":")).encode()
    return b"Content-Length: %d\r\n\r\n" % len(body) + body


def _fail(answer: asyncio.Future[_Answer], error: ServerGoneError) -> None:
    if not answer.done():
        answer.set_exception(error)


def _client_answer(message: dict[str, Any]) -> Any:  # JSON
    """Return what an editor without settings answers to a server's request."""
    if message["method"] == "workspace/configuration":
        return [None] * len(message["params"]["items"])
    return None
