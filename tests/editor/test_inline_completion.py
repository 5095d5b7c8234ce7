"""``textDocument/inlineCompletion``: what comes back, and when nothing does."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from codelsp.document.store import DocumentStore
from codelsp.engine.scripted import ScriptedEngine
from codelsp.errors import EngineUnavailableError
from tests.editor.client_files import NAMES, initialize_params
from tests.editor.desk import URI, Desk, at

METHOD = "textDocument/inlineCompletion"
EMPTY: dict[str, list[object]] = {"items": []}
LINE = "import os\nprint(os.<CURSOR>"


async def test_an_item_has_a_range_a_plain_text_and_a_command_with_its_id() -> None:
    async with Desk(ScriptedEngine(["path"])) as desk:
        result = await desk.answer(METHOD, desk.open(LINE))

    [item] = result["items"]
    place = {"line": 1, "character": 9}
    assert item["insertText"] == "path"
    assert item["filterText"] == "path"
    assert item["range"] == {"start": place, "end": place}
    assert item["command"]["command"] == "codelsp.accept"
    [item_id] = item["command"]["arguments"]
    assert isinstance(item_id, str)
    assert item_id


@pytest.mark.parametrize("name", NAMES)
async def test_every_real_client_gets_its_text_where_it_draws_it(name: str) -> None:
    async with Desk(ScriptedEngine(["path"]), initialize=initialize_params(name)) as desk:
        result = await desk.answer(METHOD, desk.open(LINE))

    [item] = result["items"]
    is_line = name == "vscode"
    assert item["insertText"] == ("print(os.path" if is_line else "path")
    assert item["range"]["start"] == {"line": 1, "character": 0 if is_line else 9}
    assert item["range"]["end"] == {"line": 1, "character": 9}


@pytest.mark.parametrize(("encoding", "column"), [("utf-8", 12), ("utf-16", 10), ("utf-32", 9)])
async def test_columns_count_what_was_agreed(encoding: str, column: int) -> None:
    initialize = {"capabilities": {"general": {"positionEncodings": [encoding]}}}
    async with Desk(ScriptedEngine(["name"]), initialize=initialize) as desk:
        desk.open("x = '😋'; x.\n")
        result = await desk.answer(METHOD, at(0, column + 2))

    assert result["items"][0]["range"]["start"] == {"line": 0, "character": column + 2}


@pytest.mark.parametrize(
    "context",
    [
        pytest.param({"context": None}, id="null"),
        pytest.param({"context": []}, id="a list"),
        pytest.param({"context": {}}, id="empty"),
        pytest.param({"context": {"triggerKind": 0}}, id="kind 0"),
        pytest.param({"context": {"triggerKind": 3}}, id="kind 3"),
        pytest.param({"context": {"triggerKind": "x"}}, id="kind x"),
        pytest.param({"context": {"triggerKind": 2, "selectedCompletionInfo": 5}}, id="info 5"),
        pytest.param(
            {"context": {"triggerKind": 2, "selectedCompletionInfo": {"range": {}, "text": "a"}}},
            id="info without a range",
        ),
        pytest.param({"formattingOptions": {"tabSize": "x", "insertSpaces": 3}}, id="formatting"),
        pytest.param({"workDoneToken": 1, "xyzzy": True}, id="unknown fields"),
    ],
)
async def test_a_missing_or_odd_context_is_an_automatic_request(context: dict[str, object]) -> None:
    async with Desk() as desk:
        params = {**desk.open(LINE), **context}

        assert len((await desk.answer(METHOD, params))["items"]) >= 1


async def test_a_request_without_context_is_answered() -> None:
    async with Desk() as desk:
        params = desk.open(LINE)
        del params["context"]

        assert len((await desk.answer(METHOD, params))["items"]) >= 1


@pytest.mark.parametrize(
    "params",
    [
        pytest.param(at(0, 0, "file:///project/unknown.py"), id="an unknown document"),
        pytest.param(at(99, 0), id="a line that is not there"),
        pytest.param(at(-1, 0), id="a negative line"),
        pytest.param({"textDocument": {"uri": URI}}, id="no position"),
        pytest.param({"textDocument": {"uri": URI}, "position": {"line": "1"}}, id="half of one"),
        pytest.param({"position": {"line": 0, "character": 0}}, id="no document"),
        pytest.param({"textDocument": [], "position": 1, "context": 1}, id="all wrong"),
        pytest.param([], id="a list"),
        pytest.param(None, id="null"),
    ],
)
async def test_a_place_that_does_not_exist_gets_an_empty_list_and_one_log_line(
    params: object, caplog: pytest.LogCaptureFixture
) -> None:
    async with Desk() as desk:
        desk.open(LINE)

        assert await desk.answer(METHOD, params) == EMPTY

    assert len([line for line in caplog.messages if line.startswith("no completion")]) == 1
    assert len(desk.engine.runs) == 0


async def test_a_column_past_the_line_means_its_end() -> None:
    async with Desk() as desk:
        desk.open(LINE)
        result = await desk.answer(METHOD, at(1, 5000))

    assert result["items"][0]["range"]["start"] == {"line": 1, "character": 9}


async def test_a_request_for_an_older_version_is_superseded() -> None:
    async with Desk() as desk:
        params = desk.open(LINE)
        params["textDocument"]["version"] = 0

        assert await desk.answer(METHOD, params) is None


async def test_a_superseded_request_is_answered_null_and_the_newest_with_its_items() -> None:
    engine = ScriptedEngine(["one", "two"])
    async with Desk(engine) as desk:
        params = desk.open(LINE)
        gate = engine.hold_at(0)
        _, first = desk.begin(METHOD, params)
        await asyncio.wait_for(gate.reached.wait(), 5)
        desk.insert("z", 1, 9)
        _, second = desk.begin(METHOD, at(1, 10))
        await asyncio.sleep(0.01)
        gate.opened.set()

        assert (await asyncio.wait_for(second, 5))["result"]["items"]
        assert (await asyncio.wait_for(first, 5))["result"] is None


async def test_a_request_cancelled_before_it_has_begun_is_answered_so() -> None:
    async with Desk() as desk:
        params = desk.open(LINE)
        await desk.ask("codelsp/unknown")
        for message in (
            {"id": 99, "method": METHOD, "params": params},
            {"method": "$/cancelRequest", "params": {"id": 99}},
        ):
            # The loop does not turn between them.
            desk.server.protocol.receive(json.dumps({"jsonrpc": "2.0", **message}).encode())
        await desk.ask("codelsp/unknown")

    [answer] = [message for message in desk.sent if message.get("id") == 99]
    assert answer["error"]["code"] == -32800


async def test_a_cancelled_request_is_answered_so_and_the_model_stops() -> None:
    engine = ScriptedEngine(["one two three four"])
    async with Desk(engine) as desk:
        params = desk.open(LINE)
        gate = engine.hold_at(1)
        number, response = desk.begin(METHOD, params)
        await asyncio.wait_for(gate.reached.wait(), 5)
        desk.notify("$/cancelRequest", {"id": number})

        assert (await asyncio.wait_for(response, 5))["error"]["code"] == -32800
        await asyncio.sleep(0.05)
        assert engine.n_running == 0
        assert engine.runs[0].n_delivered <= 2


@pytest.mark.parametrize("params", [None, [], {}, {"id": []}, {"id": 99}, {"id": "1"}, {"id": 1}])
async def test_a_cancellation_of_nothing_is_passed_over(params: object) -> None:
    async with Desk() as desk:
        request = desk.open(LINE)
        desk.notify("$/cancelRequest", params)

        assert (await desk.answer(METHOD, request))["items"]


async def test_a_document_that_changed_meanwhile_without_a_new_request_gets_null() -> None:
    engine = ScriptedEngine(["one"])
    async with Desk(engine) as desk:
        params = desk.open(LINE)
        gate = engine.hold_at(0)
        _, response = desk.begin(METHOD, params)
        await asyncio.wait_for(gate.reached.wait(), 5)
        desk.insert("q", 0, 0)
        await asyncio.sleep(0.01)
        gate.opened.set()

        assert (await asyncio.wait_for(response, 5))["result"] is None


async def test_a_request_sees_the_document_of_its_arrival() -> None:
    async with Desk(ScriptedEngine(lambda prompt: "seen" if "before" in prompt else "")) as desk:
        params = desk.open("before = 1\nbefore.<CURSOR>")
        _, response = desk.begin(METHOD, params)
        place = {"start": {"line": 0, "character": 0}, "end": {"line": 1, "character": 7}}
        desk.notify(
            "textDocument/didChange",
            {
                "textDocument": {"uri": URI, "version": 9},
                "contentChanges": [{"range": place, "text": ""}],
            },
        )
        # The document became another while the request was on its way: nothing may be shown.
        assert (await asyncio.wait_for(response, 5))["result"] is None


async def test_closing_the_document_answers_what_runs_and_stops_the_model() -> None:
    engine = ScriptedEngine(["one two three"])
    async with Desk(engine) as desk:
        params = desk.open(LINE)
        gate = engine.hold_at(1)
        _, response = desk.begin(METHOD, params)
        await asyncio.wait_for(gate.reached.wait(), 5)
        desk.notify("textDocument/didClose", {"textDocument": {"uri": URI}})

        assert (await asyncio.wait_for(response, 5))["result"] is None
        await asyncio.sleep(0.05)
        assert engine.n_running == 0


async def test_fifty_keystrokes_in_a_second_are_answered_exactly_once_each() -> None:
    engine = ScriptedEngine(["abcdefghij klmnop"])
    engine.delay_ms = 5
    async with Desk(engine) as desk:
        desk.open("x = <CURSOR>\n")
        responses = []
        for column in range(50):
            desk.insert("y", 0, 4 + column)
            responses.append(desk.begin(METHOD, at(0, 5 + column)))
            await asyncio.sleep(0.02)
        answers = await asyncio.gather(*(future for _, future in responses))

        ids = [message["id"] for message in desk.sent if "method" not in message]
        assert sorted(ids) == sorted(set(ids))
        assert {answer["id"] for answer in answers} == {number for number, _ in responses}
        assert all("error" not in answer for answer in answers)
        assert answers[-1]["result"] is not None
        assert desk.server.session.store.get(URI).text == "x = " + "y" * 50 + "\n"


async def test_an_engine_that_fails_gives_an_empty_list_and_one_message() -> None:
    engine = ScriptedEngine(["one"])
    engine.fail_with(EngineUnavailableError("it died"), times=100)
    async with Desk(engine) as desk:
        params = desk.open(LINE)
        for _ in range(3):
            assert await desk.answer(METHOD, params) == EMPTY

        assert len(desk.all_of("window/showMessage")) == 1
        assert "it died" in desk.all_of("window/showMessage")[0]["message"]


async def test_a_mistake_of_ours_is_an_empty_list_and_never_an_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with Desk() as desk:
        params = desk.open(LINE)
        await desk.answer(METHOD, params)

        async def broken(*_: object, **__: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(desk.server.session.completer, "complete", broken)

        assert await desk.answer(METHOD, params) == EMPTY
        assert desk.all_of("window/showMessage") == []
    assert "inline_completion failed" in caplog.text


@pytest.mark.parametrize(
    ("text", "place"),
    [
        pytest.param("a\x0cb = 1\nprint(a.<CURSOR>", (1, 8), id="a form feed ends no line"),
        pytest.param("a = '\u2028'\nprint(a.<CURSOR>", (1, 8), id="nor does U+2028"),
        pytest.param("a = '\x85'\r\nprint(a.<CURSOR>", (1, 8), id="nor U+0085"),
        pytest.param("a = 1\rprint(a.<CURSOR>", (1, 8), id="a carriage return does"),
        pytest.param("a = 'e\u0301\u0301'; a.<CURSOR>", (0, 13), id="combining characters"),
        pytest.param("a = '\U0001f468\u200d\U0001f469'; a.<CURSOR>", (0, 15), id="joined emoji"),
        pytest.param("a = '\ud800'; a.<CURSOR>", (0, 11), id="a lone surrogate"),
        pytest.param("\x00\x01\x02\ufffd\x7f = a.<CURSOR>", (0, 10), id="binary text"),
        pytest.param("<CURSOR>", (0, 0), id="an empty document"),
    ],
)
async def test_odd_text_is_answered_at_its_place(text: str, place: tuple[int, int]) -> None:
    async with Desk(ScriptedEngine(["name"])) as desk:
        params = desk.open(text)
        assert (params["position"]["line"], params["position"]["character"]) == place
        result = await desk.answer(METHOD, params)

    for item in result["items"]:
        line, character = place
        assert item["range"]["start"] == {"line": line, "character": character}


async def test_a_lone_surrogate_in_a_suggestion_is_sent_as_json() -> None:
    async with Desk(ScriptedEngine(["'\udc00'"])) as desk:
        result = await desk.answer(METHOD, desk.open("x = <CURSOR>\n"))

    assert result == EMPTY or "\udc00" in result["items"][0]["insertText"]


async def test_a_line_of_two_megabytes_is_answered() -> None:
    async with Desk() as desk:
        desk.open("x = '" + "a" * 2_000_000 + "'\ny = x.")
        assert "items" in await desk.answer(METHOD, at(1, 6))
        assert "items" in await desk.answer(METHOD, at(0, 1_000_000))
        desk.insert("b", 0, 1_500_000)
        assert "items" in await desk.answer(METHOD, at(0, 1_500_001))


async def test_what_was_typed_through_is_parsed_once_the_answer_is_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    happened: list[tuple[list[str], str]] = []
    keep_up = DocumentStore.keep_up

    def noted(self: DocumentStore, uri: str, offset: int) -> None:
        answers = [sent["result"]["items"] for sent in desk.sent if "items" in _result_of(sent)]
        happened.append(([item["insertText"] for [item] in answers], self.get(uri).line_text(1)))
        keep_up(self, uri, offset)
        assert self.tree(self.get(uri)) is not None

    monkeypatch.setattr(DocumentStore, "keep_up", noted)
    async with Desk(ScriptedEngine(["path"])) as desk:
        await desk.answer(METHOD, desk.open(LINE))
        desk.insert("p", 1, 9)
        await desk.answer(METHOD, at(1, 10))

    assert happened == [(["path"], "print(os."), (["path", "ath"], "print(os.p")]


def _result_of(message: dict[str, Any]) -> dict[str, Any]:
    result = message.get("result")
    return result if isinstance(result, dict) else {}
