"""Completion items, ghost text, commands, status: what else a client may ask or hear."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

import pytest

from codelsp.editor import announcer
from codelsp.editor.statistics import Statistics
from codelsp.editor.to_lsp import fenced
from codelsp.engine.scripted import ScriptedEngine
from codelsp.errors import EngineUnavailableError
from tests.editor.client_files import initialize_params
from tests.editor.desk import Desk, at

if TYPE_CHECKING:
    from pathlib import Path

    Json = dict[str, Any]

INLINE = "textDocument/inlineCompletion"
COMPLETION = "textDocument/completion"
GHOST = "codelsp/ghostText"
LINE = "import os\nprint(os.pa<CURSOR>"


INSECURE = "load(open(path))"


async def test_insecure_code_is_hidden_and_the_reason_can_be_asked_for() -> None:
    async with Desk(ScriptedEngine([INSECURE])) as desk:
        result = await desk.answer("textDocument/inlineCompletion", desk.open("x = yaml.<CURSOR>"))
        explained = await desk.command("codelsp.explainLast")

    assert result == {"items": []}
    assert "it is insecure: yaml.load makes any object" in explained["text"]


@pytest.mark.parametrize(("choice", "is_flagged"), [("flag", True), ("allow", False)])
async def test_insecure_code_is_flagged_or_allowed_where_the_settings_say_so(
    choice: str, is_flagged: bool
) -> None:
    overrides = {"insecure_code": choice, "completion_items": "always"}
    async with Desk(ScriptedEngine([INSECURE]), overrides=overrides) as desk:
        params = desk.open("x = yaml.<CURSOR>")
        [drawn] = await desk.answer("codelsp/ghostText", params)
        listed = await desk.answer("textDocument/completion", params)

    [item] = listed["items"]
    assert drawn["text"] == INSECURE
    assert bool(drawn["warnings"]) is is_flagged
    assert ("⚠ yaml.load makes any object" in item["documentation"]["value"]) is is_flagged


async def test_a_completion_item_takes_in_the_word_that_menus_filter_by() -> None:
    async with Desk(ScriptedEngine(["th.join(a)"])) as desk:
        result = await desk.answer(COMPLETION, desk.open(LINE))

    assert result["isIncomplete"] is True
    [item] = result["items"]
    assert item["label"] == "path.join(a)"
    assert item["filterText"] == "path.join(a)"
    assert item["textEdit"]["newText"] == "path.join(a)"
    assert item["textEdit"]["range"]["start"] == {"line": 1, "character": 9}
    assert item["textEdit"]["range"]["end"] == {"line": 1, "character": 11}
    assert item["sortText"] == "!00"
    assert item["insertTextFormat"] == 1
    assert "insertTextMode" not in item
    assert item["documentation"]["value"] == "```python\npath.join(a)\n```"
    assert item["command"]["command"] == "codelsp.accept"


async def test_insert_text_mode_is_as_is_where_the_client_knows_it() -> None:
    initialize = initialize_params("vscode")
    overrides = {"completion_items": "always"}
    async with Desk(initialize=initialize, overrides=overrides) as desk:
        result = await desk.answer(COMPLETION, desk.open(LINE))

    assert result["items"][0]["insertTextMode"] == 1


async def test_a_client_with_ghost_text_gets_no_second_copy_in_its_menu() -> None:
    async with Desk(initialize=initialize_params("neovim")) as desk:
        result = await desk.answer(COMPLETION, desk.open(LINE))

        assert result == {"isIncomplete": False, "items": []}
        assert desk.engine.runs == []


async def test_a_menu_at_a_place_that_does_not_exist_is_empty_and_may_ask_again() -> None:
    async with Desk() as desk:
        assert await desk.answer(COMPLETION, {}) == {"isIncomplete": True, "items": []}


def test_nothing_in_a_preview_ends_its_block() -> None:
    assert fenced("a ``` b ```` c", "python") == "`````python\na ``` b ```` c\n`````"


async def test_ghost_text_says_all_that_is_needed_to_draw_it() -> None:
    async with Desk(ScriptedEngine(["th.join(a)"])) as desk:
        [item] = await desk.answer(GHOST, desk.open(LINE))

    place = {"line": 1, "character": 11}
    assert item["text"] == "th.join(a)"
    assert item["lines"] == ["th.join(a)"]
    assert item["range"] == {"start": place, "end": place}
    assert item["model"] == "scripted"
    assert 0 <= item["score"] <= 1
    assert item["id"]


async def test_ghost_text_comes_in_parts_to_whoever_gives_a_token() -> None:
    async with Desk() as desk:
        params = {**desk.open(LINE), "partialResultToken": "here"}

        assert await desk.answer(GHOST, params) == []
        [progress] = desk.all_of("$/progress")

    assert progress["token"] == "here"
    assert progress["value"][0]["text"] == "scripted"


async def test_ghost_text_for_an_unknown_document_is_an_empty_list() -> None:
    async with Desk() as desk:
        assert await desk.answer(GHOST, {"textDocument": {"uri": "x"}}) == []


async def test_what_was_shown_and_accepted_is_counted(tmp_path: Path) -> None:
    statistics = Statistics(tmp_path / "statistics.json")
    async with Desk(statistics=statistics) as desk:
        [item] = (await desk.answer(INLINE, desk.open(LINE)))["items"]
        desk.notify("textDocument/didShowCompletion", {"item": item})
        accepted = {"item": item, "acceptedLength": 3}
        desk.notify("codelsp/didPartiallyAcceptCompletion", accepted)
        await desk.command("codelsp.accept", *item["command"]["arguments"])
        await desk.command("codelsp.accept", "an id of yesterday")
        await desk.command("codelsp.accept")

        counts = (await desk.command("codelsp.statistics"))["languages"]["python"]
        assert (counts["shown"], counts["accepted"], counts["partially_accepted"]) == (1, 1, 1)
        assert (counts["offered"], counts["chars"]) == (1, len("scripted"))

    assert Statistics(statistics.path).as_json()["languages"]["python"] == counts


async def test_nothing_is_counted_against_the_users_will(tmp_path: Path) -> None:
    statistics = Statistics(tmp_path / "statistics.json")
    async with Desk(statistics=statistics, overrides={"statistics": False}) as desk:
        [item] = (await desk.answer(INLINE, desk.open(LINE)))["items"]
        await desk.command("codelsp.accept", *item["command"]["arguments"])

        assert (await desk.command("codelsp.statistics"))["languages"] == {}
    # Neither the offer nor its acceptance.
    assert not statistics.path.exists()


async def test_statistics_are_forgotten_on_wish(tmp_path: Path) -> None:
    statistics = Statistics(tmp_path / "statistics.json")
    async with Desk(statistics=statistics) as desk:
        [item] = (await desk.answer(INLINE, desk.open(LINE)))["items"]
        await desk.command("codelsp.accept", *item["command"]["arguments"])

        assert (await desk.command("codelsp.statistics", "reset"))["languages"] == {}


@pytest.mark.parametrize(
    "extent", [[], [{"language": "python"}], [{"uri": "file:///project/example.py"}]]
)
async def test_a_pause_holds_where_it_was_asked_for_until_it_is_undone(extent: list[Json]) -> None:
    async with Desk() as desk:
        params = desk.open(LINE)
        other = desk.open("x.<CURSOR>", uri="file:///project/other.go", language_id="go")

        assert await desk.command("codelsp.pause", *extent) == {"isPaused": True}
        assert await desk.answer(INLINE, params) == {"items": []}
        assert bool((await desk.answer(INLINE, other))["items"]) is bool(extent)
        assert await desk.command("codelsp.resume", *extent) == {"isPaused": False}
        assert (await desk.answer(INLINE, params))["items"]


async def test_the_last_request_is_explained_in_words_and_as_data() -> None:
    async with Desk() as desk:
        assert "no request yet" in (await desk.command("codelsp.explainLast"))["text"]
        await desk.answer(INLINE, desk.open(LINE))
        explained = await desk.command("codelsp.explainLast")

    assert explained["trace"]["decision"] == "shown"
    assert "scripted" in explained["text"]
    assert "ms: " in explained["text"]


async def test_an_unknown_command_is_an_error_that_names_the_known_ones() -> None:
    async with Desk() as desk:
        names: list[object] = ["codelsp.fly", None, []]
        for name in names:
            response = await desk.ask("workspace/executeCommand", {"command": name})
            assert response["error"]["code"] == -32602
            assert "codelsp.accept" in response["error"]["message"]
        assert desk.all_of("window/showMessage") == []


async def test_the_engine_is_started_again_on_wish() -> None:
    async with Desk() as desk:
        await desk.answer(INLINE, desk.open(LINE))
        before = desk.engine.n_connects
        await desk.command("codelsp.restartEngine")
        for _ in range(1000):
            if desk.engine.n_connects > before:
                break
            await asyncio.sleep(0.005)
        assert desk.engine.n_connects > before

    assert desk.engine.is_closed


async def test_status_is_told_when_it_changes() -> None:
    async with Desk() as desk:
        await desk.answer(INLINE, desk.open(LINE))
        await desk.until_status("ready")
        statuses = desk.all_of("codelsp/status")

    assert statuses[-1]["model"] == "scripted"
    assert all(one != other for one, other in itertools.pairwise(statuses))


async def test_a_client_that_complains_of_unknown_notifications_hears_none() -> None:
    async with Desk(initialize=initialize_params("emacs")) as desk:
        await desk.answer(INLINE, desk.open(LINE))

        assert desk.all_of("codelsp/status") == []


async def test_loading_shows_progress_where_the_client_has_it() -> None:
    engine = ScriptedEngine()
    engine.is_loading = True
    capabilities = {"window": {"workDoneProgress": True}}
    async with Desk(engine, initialize={"capabilities": capabilities}) as desk:
        desk.open(LINE)
        [created] = await desk.until("window/workDoneProgress/create")
        [begun] = await desk.until("$/progress")
        engine.is_loading = False
        [_, ended] = await desk.until("$/progress", 2)

    assert begun["token"] == ended["token"] == created["token"]
    assert (begun["value"]["kind"], ended["value"]["kind"]) == ("begin", "end")


async def test_loading_shows_no_progress_elsewhere() -> None:
    engine = ScriptedEngine()
    engine.is_loading = True
    async with Desk(engine) as desk:
        desk.open(LINE)
        await asyncio.sleep(0.05)

        assert desk.all_of("window/workDoneProgress/create") == []
        assert desk.all_of("codelsp/status")[-1]["kind"] == "starting"


async def test_an_engine_that_fails_again_after_having_worked_is_told_again() -> None:
    engine = ScriptedEngine(["one", "two", "three", "four"])
    async with Desk(engine) as desk:
        for number in range(2):
            engine.fail_with(EngineUnavailableError(f"death {number}"))
            params = desk.open(LINE, uri=f"file:///{number}.py")
            assert await desk.answer(INLINE, params) == {"items": []}
            params = desk.open(LINE, uri=f"file:///{number}-again.py")
            assert (await desk.answer(INLINE, params))["items"]

        messages = [params["message"] for params in desk.all_of("window/showMessage")]
    assert messages == ["codelsp: death 0", "codelsp: death 1"]


async def test_typing_along_is_one_offer(tmp_path: Path) -> None:
    async with Desk(statistics=Statistics(tmp_path / "statistics.json")) as desk:
        await desk.answer(INLINE, desk.open(LINE))
        for number, letter in enumerate("scr"):
            desk.insert(letter, 1, 11 + number)
            [item] = (await desk.answer(INLINE, at(1, 12 + number)))["items"]
        counts = (await desk.command("codelsp.statistics"))["languages"]["python"]

    assert item["insertText"] == "ipted"
    assert counts["offered"] == 1


@pytest.mark.parametrize("is_on", [True, False])
async def test_document_text_is_logged_only_on_wish(
    is_on: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "codelsp")
    async with Desk(overrides={"trace": is_on}) as desk:
        await desk.answer(INLINE, desk.open(LINE))

    assert ("scripted" in "".join(line for line in caplog.messages if "trace" in line)) is is_on


async def test_a_keystrokes_work_is_no_status(monkeypatch: pytest.MonkeyPatch) -> None:
    # A while that no machine is slow enough to outlast.
    monkeypatch.setattr(announcer, "_LASTING_SECONDS", 60.0)
    engine = ScriptedEngine(["one", "two"])
    async with Desk(engine) as desk:
        await desk.answer(INLINE, desk.open(LINE))
        before = desk.all_of("codelsp/status")
        await desk.answer(INLINE, desk.open("other = <CURSOR>\n", uri="file:///other.py"))

        assert desk.all_of("codelsp/status") == before
        assert "busy" not in [status["kind"] for status in before]


async def test_work_that_lasts_is_a_status() -> None:
    engine = ScriptedEngine(["one"])
    gate = engine.hold_at(0)
    async with Desk(engine) as desk:
        _, asked = desk.begin(INLINE, desk.open(LINE))
        await desk.until_status("busy")

        gate.opened.set()
        await asked
        await desk.until_status("ready")
