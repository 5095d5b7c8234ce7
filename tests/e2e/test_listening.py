"""The server over TCP and WebSocket: several editors, each by itself, and no web pages."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as connect_ws
from websockets.exceptions import InvalidStatus

from codelsp.editor.connections import may_connect
from tests.client import at
from tests.e2e.listening import connect, connected, listening

if TYPE_CHECKING:
    from pathlib import Path

METHOD = "textDocument/inlineCompletion"


@pytest.mark.slow
async def test_two_editors_at_once_have_documents_of_their_own(tmp_path: Path) -> None:
    async with listening(tmp_path, "--tcp") as port:
        one, two = await connect(port), await connect(port)
        await one.initialize()
        await two.initialize(capabilities={"general": {"positionEncodings": ["utf-32"]}})
        one.open("x.")

        assert (await one.answer(METHOD, at(0, 2)))["items"]
        assert await two.answer(METHOD, at(0, 2)) == {"items": []}
        await one.close()
        two.open("x.")
        assert (await two.answer(METHOD, at(0, 2)))["items"]
        await two.close()


@pytest.mark.slow
async def test_an_editor_that_leaves_makes_room_for_the_next(tmp_path: Path) -> None:
    async with listening(tmp_path, "--tcp") as port:
        for _ in range(3):
            client = await connect(port)
            await client.initialize()
            client.open("x.")
            assert (await client.answer(METHOD, at(0, 2)))["items"]
            await client.answer("shutdown")
            client.notify("exit")
            await client.close()


@pytest.mark.slow
async def test_a_broken_connection_disturbs_no_other(tmp_path: Path) -> None:
    async with connected(tmp_path, "--tcp", "--delay-ms", "50") as client:
        await client.initialize()
        client.open("x.")
        client.begin(METHOD, at(0, 2))
        _, other_port = client.writer.get_extra_info("peername")
        rude = await connect(other_port)
        rude.send_raw(b"Content-Length: 100\r\n\r\n{")
        rude.writer.transport.abort()
        await rude.close()

        assert (await client.answer(METHOD, at(0, 2)))["items"]


async def ask(websocket: ClientConnection, number: int, method: str, params: Any) -> Any:
    message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
    await websocket.send(json.dumps(message))
    while True:
        answer = json.loads(await asyncio.wait_for(websocket.recv(), 20))
        if answer.get("id") == number:
            return answer["result"]


@pytest.mark.slow
async def test_an_editor_is_served_over_a_websocket(tmp_path: Path) -> None:
    async with listening(tmp_path, "--ws") as port, connect_ws(f"ws://127.0.0.1:{port}/") as one:
        assert "capabilities" in await ask(one, 1, "initialize", {"capabilities": {}})
        item = {"uri": "file:///a.py", "languageId": "python", "version": 1, "text": "x."}
        did_open = {"method": "textDocument/didOpen", "params": {"textDocument": item}}
        await one.send(json.dumps({"jsonrpc": "2.0", **did_open}).encode())

        assert (await ask(one, 2, METHOD, at(0, 2, "file:///a.py")))["items"]


@pytest.mark.slow
async def test_a_web_page_is_refused(tmp_path: Path) -> None:
    async with listening(tmp_path, "--ws") as port:
        with pytest.raises(InvalidStatus) as refused:
            await connect_ws(f"ws://127.0.0.1:{port}/", origin="https://example.org")  # type: ignore[arg-type]
        assert refused.value.response.status_code == 403


@pytest.mark.parametrize(
    ("path", "origins", "token", "is_let_in"),
    [
        ("/", [], "", True),
        ("/", ["https://example.org"], "", False),
        ("/", ["http://localhost:3000"], "", False),
        ("/", ["null"], "", False),
        ("/", [], "secret", False),
        ("/?token=wrong", [], "secret", False),
        ("/?token=secret", [], "secret", True),
        ("/?token=secret", ["http://localhost:3000"], "secret", True),
        ("/?token=%C3%A4", [], "ä", True),
    ],
)
def test_a_token_opens_the_door_and_without_one_only_web_pages_stay_outside(
    path: str, origins: list[str], token: str, is_let_in: bool
) -> None:
    assert may_connect(path, origins, token) is is_let_in
