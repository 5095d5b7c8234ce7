"""A client that speaks raw JSON-RPC, also wrongly, to a server process; and waits for answers.

Nothing here uses pygls or lsprotocol, so a mistake of theirs cannot hide one of ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    Json = dict[str, Any]

ROOT = Path(__file__).parent.parent
URI = "file:///project/example.py"


class Client:
    """One editor, over any pair of streams."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self._ids = itertools.count(1)
        self._version = 0
        self._waiting: dict[Any, asyncio.Future[Json]] = {}
        self.answers: list[Json] = []
        """Every response, in the order of arrival."""
        self.notifications: list[Json] = []
        self.requests: list[Json] = []
        """Requests of the server; answered null, or from ``replies``."""
        self.replies: dict[str, Any] = {}
        self.arrived = asyncio.Condition()
        self._listening = asyncio.ensure_future(self._listen())

    async def _listen(self) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                header = await self._reader.readuntil(b"\r\n\r\n")
                length = int(header.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                await self._take(json.loads(await self._reader.readexactly(length)))

    async def _take(self, message: Json) -> None:
        if "method" in message and "id" in message:
            self.requests.append(message)
            self.send(id=message["id"], result=self.replies.get(message["method"]))
        elif "method" in message:
            self.notifications.append(message)
        else:
            self.answers.append(message)
            future = self._waiting.pop(message.get("id"), None)
            if future is not None and not future.done():
                future.set_result(message)
        async with self.arrived:
            self.arrived.notify_all()

    def send_raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)

    def send(self, **message: Any) -> None:
        """Send a message, with the header that it should have."""
        body = json.dumps({"jsonrpc": "2.0", **message}).encode("ascii")
        self.send_raw(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    def notify(self, method: str, params: Any = None) -> None:
        """Send a notification."""
        self.send(method=method, params=params)

    def begin(self, method: str, params: Any = None) -> tuple[int, asyncio.Future[Json]]:
        """Send a request; return its id, and its response to be."""
        number = next(self._ids)
        future: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        self.send(id=number, method=method, params=params)
        return number, future

    async def ask(self, method: str, params: Any = None) -> Json:
        """Send a request and return the whole response."""
        return await asyncio.wait_for(self.begin(method, params)[1], 20)

    async def answer(self, method: str, params: Any = None) -> Any:
        """Send a request and return its result; there must be one."""
        response = await self.ask(method, params)
        assert "error" not in response, response
        return response["result"]

    async def initialize(self, **params: Any) -> Any:
        """Begin a session and return what the server can do."""
        result = await self.answer("initialize", {"processId": None, "capabilities": {}, **params})
        self.notify("initialized", {})
        return result

    def open(self, text: str, uri: str = URI, language_id: str = "python") -> None:
        """Open a document."""
        self._version = 1
        item = {"uri": uri, "languageId": language_id, "version": 1, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": item})

    def type(self, text: str, line: int, column: int, uri: str = URI) -> None:
        """Insert text into a document, as typing does."""
        self._version += 1
        place = {"line": line, "character": column}
        self.notify(
            "textDocument/didChange",
            {
                "textDocument": {"uri": uri, "version": self._version},
                "contentChanges": [{"range": {"start": place, "end": place}, "text": text}],
            },
        )

    async def wait_for(self, method: str, *, n: int = 1) -> list[Json]:
        """Wait until ``n`` notifications or requests of ``method`` have come, and return them."""

        def come() -> list[Json]:
            everything = (*self.notifications, *self.requests)
            return [message for message in everything if message["method"] == method]

        async with self.arrived:
            await asyncio.wait_for(self.arrived.wait_for(lambda: len(come()) >= n), 20)
        return come()

    async def close(self) -> None:
        """Hang up."""
        self.writer.close()
        self._listening.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await self._listening


def at(line: int, column: int, uri: str = URI, **more: Any) -> Json:
    """Return the params of a completion request."""
    return {
        "textDocument": {"uri": uri},
        "position": {"line": line, "character": column},
        "context": {"triggerKind": 2},
        **more,
    }


class Server(Client):
    """A server process of its own, and a client of it over stdio."""

    process: asyncio.subprocess.Process

    async def exit_code(self, seconds: float = 10) -> int:
        """Wait for the process to end."""
        return await asyncio.wait_for(self.process.wait(), seconds)

    async def stderr(self) -> str:
        """Return what the process wrote to standard error, once it has ended."""
        assert self.process.stderr is not None
        return (await self.process.stderr.read()).decode()


@contextlib.asynccontextmanager
async def server(
    folder: Path, *arguments: str, command: Sequence[str] = ("-m", "tests.scripted_server")
) -> AsyncIterator[Server]:
    """Start a server with a scripted engine whose files all lie in ``folder``."""
    options = ("--folder", str(folder)) if command[-1] == "tests.scripted_server" else ()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        *options,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env=environment(folder),
        limit=64 * 1024 * 1024,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    client = Server(process.stdout, process.stdin)
    client.process = process
    try:
        yield client
    finally:
        await client.close()
        if process.returncode is None:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(process.wait(), 5)
        if process.returncode is None:
            process.kill()
            await process.wait()
        transport = process._transport  # type: ignore[attr-defined]  # else it warns at exit
        transport.close()


def environment(folder: Path) -> dict[str, str]:
    """Return an environment in which nobody's own settings, logs and states are touched."""
    homes = ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "XDG_CONFIG_HOME", "XDG_STATE_HOME")
    return {**os.environ, **dict.fromkeys(homes, str(folder))}
