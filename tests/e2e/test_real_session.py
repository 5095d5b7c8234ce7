"""The whole thing: a real server process, the real engine process, the embedded model, real code.

The code that is typed is the standard library's own ``textwrap``, found where Python has it.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import textwrap
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from codelsp.directories import HOME_VARIABLE
from codelsp.engine.process import engine_status, stop_engine
from tests.client import Server, at, server

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

COMMAND = ("-m", "codelsp", "--stdio", "--set", "threshold=0")
SOURCE = Path(textwrap.__file__).read_text(encoding="utf-8").replace("\r\n", "\n")
URI = "file:///project/textwrap.py"
CANCELLED = -32800
LINES_TYPED = 12
_START_SECONDS = 60.0
"""torch alone takes ten to load on a busy machine."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Everything codelsp writes lies in a folder of the test's own; its engine is stopped."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    yield tmp_path / "home"
    stop_engine()


class Typist:
    """Someone who edits a real file, and keeps account of every request."""

    def __init__(self, client: Server, text: str, line: int, column: int) -> None:
        self.client = client
        self.lines = text.split("\n")
        self.line, self.column = line, column
        self.version = 1
        self.pending: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.cancelled: set[int] = set()
        item = {"uri": URI, "languageId": "python", "version": 1, "text": text}
        client.notify("textDocument/didOpen", {"textDocument": item})

    @property
    def before(self) -> str:
        """The cursor's line up to the cursor."""
        return self.lines[self.line][: self.column]

    def replace(self, start: int, end: int, text: str) -> None:
        """Replace columns of the cursor's line; the cursor ends behind the new text."""
        self.version += 1
        places = {
            "start": {"line": self.line, "character": start},
            "end": {"line": self.line, "character": end},
        }
        document = {"uri": URI, "version": self.version}
        change = {"range": places, "text": text}
        self.client.notify(
            "textDocument/didChange", {"textDocument": document, "contentChanges": [change]}
        )
        line = self.lines[self.line]
        new = (line[:start] + text + line[end:]).split("\n")
        self.lines[self.line : self.line + 1] = new
        rest = len(line) - end
        self.line += len(new) - 1
        self.column = len(self.lines[self.line]) - rest

    def type(self, text: str) -> None:
        """Type at the cursor."""
        self.replace(self.column, self.column, text)

    def ask(self, method: str = "textDocument/inlineCompletion", kind: int = 2) -> int:
        """Ask at the cursor, without waiting."""
        params = at(self.line, self.column, URI, context={"triggerKind": kind})
        number, future = self.client.begin(method, params)
        self.pending[number] = future
        return number

    def cancel(self, number: int) -> None:
        """Take a request back."""
        self.cancelled.add(number)
        self.client.notify("$/cancelRequest", {"id": number})

    async def settled(self) -> dict[int, dict[str, Any]]:
        """Wait for every answer."""
        answers = await asyncio.wait_for(asyncio.gather(*self.pending.values()), 60)
        return dict(zip(self.pending, answers, strict=True))


def body_of(name: str) -> tuple[str, list[str], str]:
    """Return the file before the last lines of a method, those lines, and the file after them."""
    lines = SOURCE.split("\n")
    first = next(i for i, line in enumerate(lines) if line.strip().startswith(f"def {name}("))
    while not lines[first].rstrip().endswith(":"):
        first += 1
    last = next(i for i in range(first + 1, len(lines)) if lines[i].strip().startswith("def "))
    while not lines[last - 1].strip():
        last -= 1
    typed = lines[last - LINES_TYPED : last]
    return "\n".join(lines[: last - LINES_TYPED]), typed, "\n".join(lines[last:])


async def type_like_a_person(typist: Typist, target: list[str], rng: random.Random) -> None:
    """Type ``target``, with slips, pauses, requests taken back, and suggestions taken."""
    for goal in target:
        typist.type("\n")
        typist.ask()
        while typist.before != goal:
            if rng.random() < 0.04:
                typist.type("#")
                typist.ask()
                typist.replace(typist.column - 1, typist.column, "")
            typist.type(goal[len(typist.before)])
            number = typist.ask(kind=1 if rng.random() < 0.02 else 2)
            if rng.random() < 0.1:
                typist.ask("codelsp/ghostText")
            if rng.random() < 0.2:
                typist.cancel(number)
            elif rng.random() < 0.3:
                await take_if_right(typist, number, goal)
            await asyncio.sleep(rng.choice((0.0, 0.002, 0.01, 0.03)))


async def take_if_right(typist: Typist, number: int, goal: str) -> None:
    """Wait for an answer and accept it if the goal's line begins with what it would make."""
    response = await asyncio.wait_for(asyncio.shield(typist.pending[number]), 30)
    for item in (response["result"] or {"items": []})["items"]:
        start, end = item["range"]["start"], item["range"]["end"]
        assert start["line"] == end["line"] == typist.line
        assert start["character"] <= typist.column <= end["character"]
        made = typist.before[: start["character"]] + item["insertText"]
        if goal.startswith(made) and len(made) > len(typist.before):
            typist.replace(start["character"], end["character"], item["insertText"])
            command = item["command"]
            params = {"command": command["command"], "arguments": command["arguments"]}
            assert "error" not in await typist.client.ask("workspace/executeCommand", params)
            return


async def test_every_answer_of_a_real_editing_session_is_accounted_for(tmp_path: Path) -> None:
    head, body, tail = body_of("_handle_long_word")
    line = head.count("\n")
    async with server(tmp_path, command=COMMAND) as client:
        await client.initialize()
        text = head + "\n" + tail
        typist = Typist(client, text, line, len(head.rsplit("\n", 1)[-1]))
        await type_like_a_person(typist, body, random.Random(7))
        answers = await typist.settled()
        numbers = Counter(answer["id"] for answer in client.answers)
        explained = await client.answer(
            "workspace/executeCommand", {"command": "codelsp.explainLast"}
        )
        await client.ask("shutdown")
        client.notify("exit")
        assert await client.exit_code() == 0

    assert "\n".join(typist.lines) == head + "\n" + "\n".join(body) + "\n" + tail
    assert set(numbers.values()) == {1}
    errors = {number: each["error"]["code"] for number, each in answers.items() if "error" in each}
    assert set(errors.values()) <= {CANCELLED}
    assert set(errors) <= typist.cancelled
    kinds = Counter(_kind(each) for each in answers.values())
    assert kinds["items"] > 20, kinds
    assert kinds["superseded"] > 0, kinds
    assert kinds["cancelled"] > 0, kinds
    assert explained


def _kind(response: dict[str, Any]) -> str:
    if "error" in response:
        return "cancelled"
    result = response["result"]
    if result is None:
        return "superseded"
    items = result if isinstance(result, list) else result["items"]
    return "items" if items else "nothing"


async def ghost_text(client: Server, typist: Typist, seconds: float = 30.0) -> str:
    """Ask until there is something to show, as an editor does on every keystroke."""
    deadline = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < deadline:
        params = at(typist.line, typist.column, URI, context={"triggerKind": 1})
        result = await client.answer("textDocument/inlineCompletion", params)
        if result and result["items"]:
            return str(result["items"][0]["insertText"])
        await asyncio.sleep(0.1)
    raise AssertionError("no ghost text came")


UNFINISHED = "import os\n\n\ndef read_text(path):\n    with open(path) as file:\n        return \n"


async def test_an_engine_killed_in_the_middle_is_started_again(tmp_path: Path) -> None:
    async with server(tmp_path, command=COMMAND) as client:
        await client.initialize()
        typist = Typist(client, UNFINISHED, 5, 15)
        await ghost_text(client, typist)
        (old,) = engine_status()
        psutil.Process(old.address.pid).send_signal(
            signal.SIGTERM if os.name == "nt" else signal.SIGKILL
        )
        typist.type("os.path.")  # the model did not say this, so no kept answer serves
        await ghost_text(client, typist)
        (new,) = engine_status()

    shown = [each for each in client.notifications if each["method"] == "window/showMessage"]
    assert new.address.pid != old.address.pid
    assert len(shown) <= 1


@pytest.mark.parametrize("engine", ["llama.cpp", "torch"])
async def test_two_windows_share_one_engine(engine: str, tmp_path: Path) -> None:
    if engine == "torch":
        pytest.importorskip("torch")
    command = (*COMMAND, "--set", f"engine={engine}")
    async with (
        server(tmp_path, command=command) as one,
        server(tmp_path, command=command) as other,
    ):
        await asyncio.gather(one.initialize(), other.initialize())
        typists = [Typist(client, UNFINISHED, 5, 15) for client in (one, other)]
        texts = await asyncio.gather(
            *(
                ghost_text(client, typist, _START_SECONDS)
                for client, typist in zip((one, other), typists, strict=True)
            )
        )
        (running,) = engine_status()

    assert all(texts)
    assert running.engine == engine


OFFLINE = """
import fcntl, os, runpy, socket, struct, sys
with socket.socket() as probe:  # only the loopback interface exists here; switch it on
    request = struct.pack("16sh", b"lo", 1 | 64)
    fcntl.ioctl(probe, 0x8914, request)
assert sorted(name for _, name in socket.if_nameindex()) == ["lo"], socket.if_nameindex()
sys.argv = ["codelsp", *sys.argv[1:]]
runpy.run_module("codelsp", run_name="__main__")
"""


async def _can_unshare() -> bool:
    if not sys.platform.startswith("linux"):
        return False
    try:
        process = await asyncio.create_subprocess_exec(
            "unshare", "--map-root-user", "--net", "true", stderr=asyncio.subprocess.DEVNULL
        )
    except FileNotFoundError:
        return False
    return await process.wait() == 0


async def test_the_whole_path_works_where_no_network_exists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not await _can_unshare():
        pytest.skip("network namespaces cannot be made here")
    script = tmp_path / "offline.py"
    script.write_text(OFFLINE)
    wrapper = tmp_path / "python-without-network"
    wrapper.write_text(
        f'#!/bin/sh\nexec unshare --map-root-user --net "{sys.executable}" "{script}" "$@"\n'
    )
    wrapper.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(wrapper))
    async with server(tmp_path, command=COMMAND[2:]) as client:
        await client.initialize()
        text = await ghost_text(client, Typist(client, UNFINISHED, 5, 15))

    assert text
