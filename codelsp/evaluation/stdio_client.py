"""A bare LSP client over a server process's stdin and stdout, for measuring.

It knows just enough of the protocol to be an editor, and adds as little time of its own as it
can: no typed structures, no converters.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

from codelsp.errors import CodelspError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ANSWER_SECONDS = 60.0
_LEAVING_SECONDS = 5.0


class ServerGoneError(CodelspError):
    """The server process has ended, or does not answer."""


class StdioClient:
    """One server process and the requests that wait for it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._next_id = 0
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, command: Sequence[str], env: Mapping[str, str]) -> StdioClient:
        """Start a server with ``command``; its log on stderr goes nowhere."""
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=dict(env),
            limit=2**24,
        )
        return cls(process)

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._process.pid

    async def request(self, method: str, params: Any) -> Any:  # JSON
        """Return the result of a request.

        Raises:
            ServerGoneError: the server ended, answered an error, or does not answer in a minute.
        """
        if self._reader.done():
            raise ServerGoneError("The server is gone.")
        self._next_id += 1
        answer = asyncio.get_running_loop().create_future()
        self._waiting[self._next_id] = answer
        message = {"id": self._next_id, "method": method, "params": params}
        self._write(message)
        try:
            return await asyncio.wait_for(answer, ANSWER_SECONDS)
        except asyncio.TimeoutError as error:
            raise ServerGoneError(f"The server did not answer {method} in a minute.") from error

    def notify(self, method: str, params: Any) -> None:  # JSON
        """Send a notification."""
        self._write({"method": method, "params": params})

    async def close(self) -> None:
        """Leave as an editor does; a server that stays is killed."""
        with contextlib.suppress(ServerGoneError):
            await self.request("shutdown", None)
            self.notify("exit", None)
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), _LEAVING_SECONDS)
        except asyncio.TimeoutError:
            self._process.kill()
            await self._process.wait()
        self._reader.cancel()
        await asyncio.wait([self._reader])

    def _write(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}, separators=(",", ":")).encode()
        if self._process.stdin is None or self._process.stdin.is_closing():
            raise ServerGoneError("The server is gone.")
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)

    async def _read(self) -> None:
        stream = self._process.stdout
        if stream is None:
            raise ServerGoneError("The server has no stdout.")
        try:
            while True:
                header = await stream.readuntil(b"\r\n\r\n")
                length = next(
                    int(line.split(b":")[1])
                    for line in header.split(b"\r\n")
                    if line.lower().startswith(b"content-length:")
                )
                self._take(json.loads(await stream.readexactly(length)))
        except (asyncio.IncompleteReadError, ConnectionError, BrokenPipeError):
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(ServerGoneError("The server ended."))

    def _take(self, message: dict[str, Any]) -> None:
        if "method" in message:
            if "id" in message:
                self._write({"id": message["id"], "result": _client_answer(message)})
            return
        answer = self._waiting.pop(message["id"], None)
        if answer is None or answer.done():
            return
        if "error" in message:
            answer.set_exception(ServerGoneError(f"The server answered {message['error']}."))
        else:
            answer.set_result(message["result"])


def _client_answer(message: dict[str, Any]) -> Any:  # JSON
    """Return what an editor without settings answers to a server's request."""
    if message["method"] == "workspace/configuration":
        return [None] * len(message["params"]["items"])
    return None
