"""Messages that editors should not send, and the order in which all of them are served."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.editor.desk import Desk

if TYPE_CHECKING:
    Json = dict[str, Any]

METHOD = "textDocument/inlineCompletion"


async def test_a_client_that_never_initializes_gets_refusals_and_nothing_else() -> None:
    async with Desk(initialize={}) as desk:
        params = desk.open("x<CURSOR>")

        assert (await desk.ask(METHOD, params))["error"]["code"] == -32002
        assert (await desk.ask("shutdown"))["error"]["code"] == -32002
        assert len(desk.sent) == 2


async def test_a_client_may_initialize_after_having_been_refused() -> None:
    async with Desk(initialize={}) as desk:
        await desk.ask(METHOD)
        assert "capabilities" in await desk.answer("initialize", {"capabilities": {}})
        assert (await desk.answer(METHOD, desk.open("x.<CURSOR>")))["items"]


async def test_a_client_that_never_says_initialized_is_served() -> None:
    async with Desk(initialize={}) as desk:
        await desk.answer("initialize", {"capabilities": {"workspace": {"configuration": True}}})

        assert (await desk.answer(METHOD, desk.open("x.<CURSOR>")))["items"]
        assert desk.all_of("workspace/configuration") == []


async def test_a_second_initialize_is_refused() -> None:
    async with Desk() as desk:
        assert (await desk.ask("initialize", {}))["error"]["code"] == -32600


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"{no json", -32700), (b"[]", -32600), (b'{"jsonrpc": "2.0", "id": 1}', -32600)],
)
async def test_what_is_no_message_is_answered_so_and_the_next_one_served(
    body: bytes, code: int
) -> None:
    async with Desk() as desk:
        desk.say_raw(body)

        assert (await desk.answer(METHOD, desk.open("x.<CURSOR>")))["items"]
        [refusal] = [message for message in desk.sent if "error" in message]
        assert refusal["error"]["code"] == code


async def test_an_unknown_request_is_refused_without_a_message_box() -> None:
    async with Desk() as desk:
        assert (await desk.ask("textDocument/hover", {}))["error"]["code"] == -32601
        assert (await desk.ask("$/unknown"))["error"]["code"] == -32601
        assert desk.all_of("window/showMessage") == []


async def test_unknown_notifications_are_ignored_quietly(caplog: pytest.LogCaptureFixture) -> None:
    async with Desk() as desk:
        desk.notify("$/setTrace", {"value": "off"})
        desk.notify("xyzzy")
        assert (await desk.answer(METHOD, desk.open("x.<CURSOR>")))["items"]

    assert [record.levelname for record in caplog.records if "xyzzy" in record.message] in (
        [],
        ["DEBUG"],
    )


@pytest.mark.parametrize(
    "message",
    [
        {"id": 99, "result": None},
        {"id": "99", "error": {"code": 1, "message": "x"}},
        {"id": None, "error": {"code": -32700, "message": "x"}},
        {"id": {}, "error": "x"},
    ],
)
async def test_a_response_that_nobody_waits_for_is_ignored(message: Json) -> None:
    async with Desk() as desk:
        desk.say(**message)

        assert (await desk.answer(METHOD, desk.open("x.<CURSOR>")))["items"]


@pytest.mark.parametrize("params", [None, [], {}, 5, {"textDocument": None}])
@pytest.mark.parametrize(
    "method",
    [
        "textDocument/didOpen",
        "textDocument/didChange",
        "textDocument/didClose",
        "textDocument/didSave",
        "textDocument/didFocus",
        "textDocument/didShowCompletion",
        "codelsp/didPartiallyAcceptCompletion",
        "notebookDocument/didOpen",
        "notebookDocument/didChange",
        "notebookDocument/didClose",
        "workspace/didChangeWorkspaceFolders",
        "workspace/didChangeConfiguration",
    ],
)
async def test_a_notification_without_proper_params_changes_nothing(
    method: str, params: object
) -> None:
    async with Desk() as desk:
        request = desk.open("x.<CURSOR>")
        desk.notify(method, params)

        assert (await desk.answer(METHOD, request))["items"]
        assert desk.all_of("window/showMessage") == []


async def test_a_request_without_an_id_is_served_and_not_answered() -> None:
    async with Desk() as desk:
        await desk.answer(METHOD, desk.open("x = <CURSOR>\n"))
        before = len(desk.sent)
        desk.notify("workspace/executeCommand", {"command": "codelsp.pause", "arguments": []})
        await desk.until_status("paused")

        assert [message for message in desk.sent[before:] if "id" in message] == []


async def test_shutdown_cancels_what_runs_and_later_requests_are_refused() -> None:
    async with Desk() as desk:
        gate = desk.engine.hold_at(0)
        _, running = desk.begin(METHOD, desk.open("x.<CURSOR>"))
        await asyncio.wait_for(gate.reached.wait(), 5)

        assert await desk.answer("shutdown") is None
        assert (await asyncio.wait_for(running, 5))["error"]["code"] == -32800
        assert (await desk.ask(METHOD))["error"]["code"] == -32600


async def test_a_message_with_a_field_called_jsonrpc_deep_inside_is_read_whole() -> None:
    # pygls takes any object with this field for a message of its own.
    async with Desk() as desk:
        params = {**desk.open("x.<CURSOR>"), "extra": {"jsonrpc": "2.0", "id": 1, "method": "x"}}

        assert (await desk.answer(METHOD, params))["items"]


async def test_no_document_text_is_logged_when_a_handler_fails(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("DEBUG")
    async with Desk() as desk:
        monkeypatch.setattr(desk.server.session.store, "open", _broken)
        desk.open("the_secret = 'hunter2'<CURSOR>")
        await desk.answer(METHOD, {})

    assert "open failed" in caplog.text
    codelsp_lines = [
        line.getMessage() for line in caplog.records if line.name.startswith("codelsp")
    ]
    assert "hunter2" not in " ".join(codelsp_lines)


def _broken(*_: object) -> None:
    raise ZeroDivisionError
