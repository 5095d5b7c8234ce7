"""A whole server in this process, with a scripted engine, driven message by message.

What a process adds, standard streams and exit codes, is tested in ``tests/e2e``.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from codelsp.editor.connections import serve_bodies
from codelsp.editor.frames import FrameParser
from codelsp.editor.handlers import register
from codelsp.editor.server import CodeServer
from codelsp.engine.scripted import ScriptedEngine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from codelsp.editor.statistics import Statistics

    Json = dict[str, Any]

URI = "file:///project/example.py"
CURSOR = "<CURSOR>"


class Desk:
    """One editor and its server; ``async with`` begins and ends the session."""

    def __init__(
        self,
        engine: ScriptedEngine | None = None,
        *,
        initialize: Json | None = None,
        overrides: Json | None = None,
        statistics: Statistics | None = None,
    ) -> None:
        self.engine = engine or ScriptedEngine(["scripted"])
        settings = {"threshold": 0.0, "debounce_ms": 0, "speculate": False, **(overrides or {})}
        self.server = CodeServer(
            lambda _settings: self.engine, overrides=settings, statistics=statistics
        )
        register(self.server)
        self._initialize = {"capabilities": {}} if initialize is None else initialize
        self._parser = FrameParser()
        self._incoming: asyncio.Queue[bytes] = asyncio.Queue()
        self._numbers = iter(range(1, 1_000_000))
        self._version = 0
        self._waiting: dict[Any, asyncio.Future[Json]] = {}
        self.sent: list[Json] = []
        """Everything the server sent, in order."""
        self.replies: dict[str, Any] = {}
        """What the editor answers to requests of the server, by method; null to others."""

    async def __aenter__(self) -> Desk:
        self.server.protocol.set_writer(self)
        self._serving = asyncio.ensure_future(serve_bodies(self.server, self._bodies()))
        if self._initialize:
            await self.answer("initialize", self._initialize)
            self.notify("initialized", {})
        return self

    async def __aexit__(self, *_: object) -> None:
        self._serving.cancel()
        await asyncio.wait([self._serving])
        await self.server.close()

    async def _bodies(self) -> AsyncIterator[bytes]:
        while True:
            yield await self._incoming.get()

    def write(self, data: bytes) -> None:
        for body in self._parser.feed(data):
            self._take(json.loads(body))

    def close(self) -> None:
        """The server closes its output."""

    def _take(self, message: Json) -> None:
        self.sent.append(message)
        if "method" in message and "id" in message:
            self.say(id=message["id"], result=self.replies.get(message["method"]))
        elif "method" not in message:
            future = self._waiting.pop(message.get("id"), None)
            if future is not None and not future.done():
                future.set_result(message)

    def say(self, **message: Any) -> None:
        """Send any message."""
        self.say_raw(json.dumps({"jsonrpc": "2.0", **message}).encode())

    def say_raw(self, body: bytes) -> None:
        """Send any body."""
        self._incoming.put_nowait(body)

    def notify(self, method: str, params: Any = None) -> None:
        """Send a notification."""
        self.say(method=method, params=params)

    def begin(self, method: str, params: Any = None) -> tuple[int, asyncio.Future[Json]]:
        """Send a request; return its id and its response to be."""
        number = next(self._numbers)
        future: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        self.say(id=number, method=method, params=params)
        return number, future

    async def ask(self, method: str, params: Any = None) -> Json:
        """Send a request and return the whole response."""
        return await asyncio.wait_for(self.begin(method, params)[1], 10)

    async def answer(self, method: str, params: Any = None) -> Any:
        """Send a request and return its result; there must be one."""
        response = await self.ask(method, params)
        assert "error" not in response, response
        return response["result"]

    async def command(self, name: str, *arguments: object) -> Any:
        """Run a command of the server."""
        params = {"command": name, "arguments": list(arguments)}
        return await self.answer("workspace/executeCommand", params)

    def open(self, marked: str, uri: str = URI, language_id: str = "python") -> Json:
        """Open a document, and return the params of a request at its cursor."""
        before, _, after = marked.partition(CURSOR)
        self._version += 1
        item = {
            "uri": uri,
            "languageId": language_id,
            "version": self._version,
            "text": before + after,
        }
        self.notify("textDocument/didOpen", {"textDocument": item})
        lines = before.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        column = len(lines[-1].encode("utf-16-le", "surrogatepass")) // 2
        return at(len(lines) - 1, column, uri)

    def insert(self, text: str, line: int, column: int, uri: str = URI) -> None:
        """Type into a document."""
        self._version += 1
        place = {"line": line, "character": column}
        change = {"range": {"start": place, "end": place}, "text": text}
        self.notify(
            "textDocument/didChange",
            {
                "textDocument": {"uri": uri, "version": self._version},
                "contentChanges": [change],
            },
        )

    def all_of(self, method: str) -> list[Json]:
        """Return the params of all notifications and requests of ``method`` so far."""
        return [message["params"] for message in self.sent if message.get("method") == method]

    async def until(self, method: str, n: int = 1) -> list[Json]:
        """Wait until ``n`` messages of ``method`` have come."""
        for _ in range(2000):
            if len(self.all_of(method)) >= n:
                return self.all_of(method)
            await asyncio.sleep(0.005)
        raise AssertionError(f"{n} of {method} have not come")

    async def until_status(self, kind: str) -> Json:
        """Wait until the last status told is of ``kind``; return it."""
        for _ in range(2000):
            statuses = self.all_of("codelsp/status")
            if statuses and statuses[-1]["kind"] == kind:
                return statuses[-1]
            await asyncio.sleep(0.005)
        raise AssertionError(f"no status {kind!r}, but {self.all_of('codelsp/status')}")


def at(line: int, column: int, uri: str = URI, **more: Any) -> Json:
    """Return the params of a completion request."""
    return {
        "textDocument": {"uri": uri},
        "position": {"line": line, "character": column},
        "context": {"triggerKind": 2},
        **more,
    }
