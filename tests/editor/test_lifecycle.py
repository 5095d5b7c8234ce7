"""The lifecycle: what is answered when, and how bytes become messages."""

from __future__ import annotations

import json

import pytest

from codelsp.editor.lifecycle import Json, Lifecycle, Phase, Refusal, parse_message


def request(method: str, number: int = 1) -> Json:
    return {"jsonrpc": "2.0", "id": number, "method": method}


def notification(method: str) -> Json:
    return {"jsonrpc": "2.0", "method": method}


def test_a_request_before_initialize_is_refused() -> None:
    refused = Lifecycle().admit(request("textDocument/hover", 7))

    assert isinstance(refused, Refusal)
    assert refused.as_json()["error"]["code"] == -32002
    assert refused.as_json()["id"] == 7


def test_a_notification_before_initialize_is_dropped() -> None:
    assert Lifecycle().admit(notification("textDocument/didOpen")) is None


def test_initialize_comes_once() -> None:
    lifecycle = Lifecycle()

    assert lifecycle.admit(request("initialize")) == request("initialize")
    refused = lifecycle.admit(request("initialize"))
    assert isinstance(refused, Refusal)
    assert refused.code == -32600


def test_after_shutdown_requests_are_refused_and_notifications_dropped() -> None:
    lifecycle = Lifecycle()
    lifecycle.admit(request("initialize"))
    lifecycle.admit(request("shutdown"))

    refused = lifecycle.admit(request("textDocument/inlineCompletion"))
    assert isinstance(refused, Refusal)
    assert refused.code == -32600
    assert lifecycle.admit(notification("textDocument/didChange")) is None


@pytest.mark.parametrize(
    ("before", "exit_code"),
    [([], 1), (["initialize"], 1), (["initialize", "shutdown"], 0)],
)
def test_the_exit_code_tells_whether_shutdown_came_first(before: list[str], exit_code: int) -> None:
    lifecycle = Lifecycle()
    for method in before:
        lifecycle.admit(request(method))

    assert lifecycle.admit(notification("exit")) is None
    assert (lifecycle.phase, lifecycle.exit_code) == (Phase.OVER, exit_code)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{abc}", -32700),
        (b"", -32700),
        (b"[" * 100_000, -32700),
        (b'{"jsonrpc": "2.0", "id": ' + b"9" * 5000 + b', "method": "x"}', -32700),
        (b"[]", -32600),
        (b'"text"', -32600),
        (b'{"id": 1, "method": "x"}', -32600),
        (b'{"jsonrpc": "1.0", "id": 1, "method": "x"}', -32600),
        (b'{"jsonrpc": "2.0", "id": 1}', -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "method": 5}', -32600),
        (b'{"jsonrpc": "2.0", "id": null, "method": "x"}', -32600),
        (b'{"jsonrpc": "2.0", "id": {}, "method": "x"}', -32600),
        (b'{"jsonrpc": "2.0", "id": true, "method": "x"}', -32600),
        (b'{"jsonrpc": "2.0"}', -32600),
    ],
)
def test_what_is_no_message_is_refused_by_its_kind(body: bytes, code: int) -> None:
    refused = parse_message(body)

    assert isinstance(refused, Refusal)
    assert refused.code == code


def test_a_lone_surrogate_is_read() -> None:
    message = parse_message(b'{"jsonrpc": "2.0", "method": "x", "params": "\\ud800"}')

    assert isinstance(message, dict)
    assert message["params"] == "\ud800"
    assert json.loads(json.dumps(message)) == message


def test_a_byte_that_is_no_utf8_costs_one_character_and_not_the_message() -> None:
    message = parse_message(b'{"jsonrpc": "2.0", "method": "x", "params": "a\xffb"}')

    assert isinstance(message, dict)
    assert message["params"] == "a\ufffdb"


def test_a_byte_order_mark_is_passed_over() -> None:
    assert isinstance(parse_message(b'\xef\xbb\xbf{"jsonrpc": "2.0", "method": "x"}'), dict)
