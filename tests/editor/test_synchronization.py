"""Documents, notebooks, folders and settings as an editor tells them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from codelsp.engine.scripted import ScriptedEngine
from codelsp.errors import UnknownDocumentError
from tests.editor.desk import URI, Desk, at
from tests.pipeline.desk import until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    Json = dict[str, Any]

METHOD = "textDocument/inlineCompletion"


async def settled(desk: Desk) -> None:
    """Wait until everything sent so far has been taken in."""
    await desk.ask("workspace/executeCommand", {"command": "codelsp.statistics"})


def text_of(desk: Desk, uri: str = URI) -> str:
    return desk.server.session.store.get(uri).text


def change(*changes: Json, version: object = 2) -> Json:
    return {
        "textDocument": {"uri": URI, "version": version},
        "contentChanges": list(changes),
    }


def span(start: tuple[int, int], end: tuple[int, int]) -> Json:
    return {
        "start": {"line": start[0], "character": start[1]},
        "end": {"line": end[0], "character": end[1]},
    }


async def test_changes_apply_in_their_order() -> None:
    async with Desk() as desk:
        desk.open("one\ntwo\n")
        desk.notify(
            "textDocument/didChange",
            change(
                {"range": span((0, 0), (0, 3)), "text": "1"},
                {"range": span((0, 1), (1, 0)), "text": "+"},
                {"text": "all new"},
                {"range": span((0, 0), (0, 3)), "text": "quite"},
            ),
        )
        await settled(desk)

        assert text_of(desk) == "quite new"


async def test_an_edit_after_a_form_feed_lands_where_the_editor_meant() -> None:
    async with Desk() as desk:
        desk.open("a\x0c = 1\nb\n")
        desk.notify("textDocument/didChange", change({"range": span((1, 0), (1, 0)), "text": "X"}))
        await settled(desk)

        assert text_of(desk) == "a\x0c = 1\nXb\n"


async def test_a_version_that_is_not_said_is_the_next_one() -> None:
    async with Desk() as desk:
        desk.open("one")
        desk.notify("textDocument/didChange", change({"text": "two"}, version=None))
        await settled(desk)

        assert desk.server.session.store.get(URI).version == 2
        assert text_of(desk) == "two"


async def test_a_change_of_a_document_that_is_not_open_is_logged_and_ignored(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with Desk() as desk:
        desk.notify("textDocument/didChange", change({"text": "two"}))
        await settled(desk)

        with pytest.raises(UnknownDocumentError):
            desk.server.session.store.get(URI)
    assert "ignored a change" in caplog.text


async def test_an_untitled_document_is_a_document() -> None:
    async with Desk() as desk:
        request = desk.open("x.<CURSOR>", uri="untitled:Untitled-1")

        assert (await desk.answer(METHOD, request))["items"]


async def test_pygls_keeps_no_copy_of_a_document() -> None:
    async with Desk() as desk:
        desk.open("x")
        await settled(desk)

        with pytest.raises(RuntimeError):
            _ = desk.server.workspace


async def test_cells_of_a_notebook_are_documents_in_order() -> None:
    async with Desk() as desk:
        cells = [{"kind": 2, "document": f"cell:{name}"} for name in "ab"]
        documents = [
            {"uri": f"cell:{name}", "languageId": "python", "version": 1, "text": f"{name} = 1\n"}
            for name in "ab"
        ]
        notebook = {"uri": "file:///n.ipynb", "notebookType": "jupyter-notebook", "version": 1}
        desk.notify(
            "notebookDocument/didOpen",
            {"notebookDocument": {**notebook, "cells": cells}, "cellTextDocuments": documents},
        )
        await settled(desk)
        store = desk.server.session.store
        assert [cell.uri for cell in store.cells_before("cell:b")] == ["cell:a"]

        added = {"uri": "cell:c", "languageId": "python", "version": 1, "text": "c"}
        desk.notify(
            "notebookDocument/didChange",
            {
                "notebookDocument": {"uri": "file:///n.ipynb", "version": 2},
                "change": {
                    "cells": {
                        "structure": {
                            "array": {
                                "start": 0,
                                "deleteCount": 1,
                                "cells": [{"kind": 2, "document": "cell:c"}],
                            },
                            "didOpen": [added],
                            "didClose": [{"uri": "cell:a"}],
                        },
                        "textContent": [
                            {
                                "document": {"uri": "cell:c", "version": 2},
                                "changes": [{"range": span((0, 1), (0, 1)), "text": "!"}],
                            }
                        ],
                    }
                },
            },
        )
        await settled(desk)
        assert [cell.text for cell in store.cells_before("cell:b")] == ["c!"]

        desk.notify(
            "notebookDocument/didClose",
            {
                "notebookDocument": {"uri": "file:///n.ipynb"},
                "cellTextDocuments": [{"uri": "cell:b"}, {"uri": "cell:c"}],
            },
        )
        await settled(desk)
        assert store.recent() == ()


async def test_a_cell_is_completed() -> None:
    async with Desk() as desk:
        request = desk.open("x.<CURSOR>", uri="vscode-notebook-cell:/n.ipynb#W0sZmlsZQ%3D%3D")

        assert (await desk.answer(METHOD, request))["items"]


async def test_folders_come_and_go() -> None:
    initialize = {"capabilities": {}, "workspaceFolders": [{"uri": "file:///a", "name": "a"}]}
    async with Desk(initialize=initialize) as desk:
        event = {
            "added": [{"uri": "file:///b", "name": "b"}],
            "removed": [{"uri": "file:///a", "name": "a"}],
        }
        desk.notify("workspace/didChangeWorkspaceFolders", {"event": event})
        await settled(desk)

        assert desk.server.session.roots == ("file:///b",)
        assert desk.server.session.root_of("file:///b/x.py") == "file:///b"


async def test_settings_are_asked_for_and_taken() -> None:
    initialize = {"capabilities": {"workspace": {"configuration": True}}}
    async with Desk(initialize=initialize) as desk:
        desk.replies["workspace/configuration"] = [{"maxTokens": 7}]
        desk.notify("workspace/didChangeConfiguration", {"settings": None})
        while desk.server.session.settings.max_tokens != 7:
            await settled(desk)

    assert desk.all_of("workspace/configuration")[0] == {"items": [{"section": "codelsp"}]}


@pytest.mark.parametrize("reply", [None, [], [None], {}, "x", [5]])
async def test_an_odd_answer_about_settings_changes_nothing(reply: object) -> None:
    initialize = {"capabilities": {"workspace": {"configuration": True}}}
    async with Desk(initialize=initialize) as desk:
        desk.replies["workspace/configuration"] = reply
        desk.notify("workspace/didChangeConfiguration", {"settings": None})

        assert (await desk.answer(METHOD, desk.open("x.<CURSOR>")))["items"]
        assert desk.server.session.settings.max_tokens == 48


async def test_an_editor_may_push_its_settings() -> None:
    async with Desk() as desk:
        desk.notify(
            "workspace/didChangeConfiguration", {"settings": {"codelsp": {"enabled": False}}}
        )
        await settled(desk)

        assert await desk.answer(METHOD, desk.open("x.<CURSOR>")) == {"items": []}
        assert not desk.server.session.settings.enabled


async def test_wrong_settings_are_told_once_and_nothing_stops() -> None:
    initialize = {
        "capabilities": {},
        "initializationOptions": {"maxTokens": "many", "enabeld": True, "model": 1, "trace": 2},
    }
    async with Desk(initialize=initialize) as desk:
        assert (await desk.answer(METHOD, desk.open("x.<CURSOR>")))["items"]
        desk.notify("workspace/didChangeConfiguration", {"settings": {"codelsp": {}}})
        await settled(desk)
        [message] = desk.all_of("window/showMessage")

    assert message["type"] == 2
    assert "did you mean enabled" in message["message"]
    assert "1 more" in message["message"]


async def test_saving_a_settings_file_reads_it_again(tmp_path: Path) -> None:
    initialize = {"capabilities": {}, "rootUri": tmp_path.as_uri()}
    async with Desk(initialize=initialize) as desk:
        path = tmp_path / "codelsp.toml"
        path.write_text("max_line_tokens = 3\n", encoding="utf-8")
        desk.notify("textDocument/didSave", {"textDocument": {"uri": path.as_uri()}})
        while desk.server.session.settings.max_line_tokens != 3:
            await settled(desk)


async def test_completion_items_turned_on_later_are_registered() -> None:
    capabilities = {
        "textDocument": {"inlineCompletion": {}, "completion": {"dynamicRegistration": True}}
    }
    async with Desk(initialize={"capabilities": capabilities}) as desk:
        settings = {"codelsp": {"completionItems": "always"}}
        desk.notify("workspace/didChangeConfiguration", {"settings": settings})
        [params] = await desk.until("client/registerCapability")

    [registration] = params["registrations"]
    assert registration["method"] == "textDocument/completion"
    assert "." in registration["registerOptions"]["triggerCharacters"]


async def test_an_editor_that_wants_it_is_asked_to_tell_of_changed_settings() -> None:
    workspace = {"configuration": True, "didChangeConfiguration": {"dynamicRegistration": True}}
    async with Desk(initialize={"capabilities": {"workspace": workspace}}) as desk:
        [params] = await desk.until("client/registerCapability")
        await desk.until("workspace/configuration")

    assert params["registrations"][0]["method"] == "workspace/didChangeConfiguration"


async def tell_by_focus(desk: Desk, line: int) -> None:
    desk.notify("codelsp/didFocus", {**at(line, 4), "context": {}})


async def tell_by_code_action(desk: Desk, line: int) -> None:
    place = {"line": line, "character": 4}
    params = {
        "textDocument": {"uri": URI},
        "range": {"start": place, "end": place},
        "context": {"diagnostics": [], "triggerKind": 2},
    }
    await desk.answer("textDocument/codeAction", params)


@pytest.mark.parametrize("tell", [tell_by_focus, tell_by_code_action])
async def test_a_cursor_that_rests_is_prepared_for_and_one_that_is_nowhere_ignored(
    tell: Callable[[Desk, int], Awaitable[None]],
) -> None:
    settings = {"speculate": True, "recall": False}
    async with Desk(ScriptedEngine(["x + 1\n", "y + 2\n"]), overrides=settings) as desk:
        desk.open("a = \n\nb = \n")
        await desk.answer(METHOD, at(0, 4))
        for line in (9, 2):
            await tell(desk, line)
        await until(lambda: len(desk.engine.runs) == 2 and desk.engine.n_running == 0)
        await asyncio.sleep(0.2)  # What the model said is judged by then.

        assert (await desk.answer(METHOD, at(2, 4)))["items"][0]["insertText"].endswith("y + 2")
        assert len(desk.engine.runs) == 2


async def test_focus_makes_a_document_the_most_recent_one() -> None:
    async with Desk(ScriptedEngine(["x"])) as desk:
        desk.open("a", uri="file:///a.py")
        desk.open("b", uri="file:///b.py")
        desk.notify("textDocument/didFocus", {"textDocument": {"uri": "file:///a.py"}})
        desk.notify("textDocument/didFocus", {"textDocument": {"uri": "file:///none.py"}})
        await settled(desk)

        assert [each.uri for each in desk.server.session.store.recent()] == [
            "file:///a.py",
            "file:///b.py",
        ]
        assert (await desk.answer(METHOD, at(0, 1, "file:///a.py"))) is not None
