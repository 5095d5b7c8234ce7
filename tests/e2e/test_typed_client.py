"""The server seen by a strict client: every message it sends is read through lsprotocol's types.

``tests/client.py`` knows no types, so that nothing hides in them; this one knows all of them.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator  # noqa: TC003  # pytest-lsp reads annotations

import pytest
import pytest_lsp
from lsprotocol import types
from pytest_lsp import ClientServerConfig, LanguageClient

from tests.client import ROOT, environment

pytestmark = pytest.mark.slow

URI = "file:///project/example.py"


@pytest_lsp.fixture(  # type: ignore[untyped-decorator]
    config=ClientServerConfig(
        server_command=[
            sys.executable,
            "-c",
            (
                "import sys, tempfile; from tests import scripted_server; "
                "folder = tempfile.TemporaryDirectory(); "
                "sys.argv = ['', '--folder', folder.name, '--text', 'path.join(name)']; "
                "sys.exit(scripted_server.main())"
            ),
        ],
        server_env=environment(ROOT / "tests" / "no-home"),
    )
)
async def client(lsp_client: LanguageClient) -> AsyncIterator[None]:
    params = types.InitializeParams(
        capabilities=pytest_lsp.client_capabilities("neovim"),
        client_info=types.ClientInfo("Neovim", "0.12.0"),
        workspace_folders=[types.WorkspaceFolder("file:///project", "project")],
    )
    await lsp_client.initialize_session(params)
    lsp_client.text_document_did_open(
        types.DidOpenTextDocumentParams(
            types.TextDocumentItem(URI, "python", 1, "import os\nprint(os.")
        )
    )
    yield
    await lsp_client.shutdown_session()


async def test_inline_completion(client: LanguageClient) -> None:
    result = await client.text_document_inline_completion_async(
        types.InlineCompletionParams(
            types.InlineCompletionContext(types.InlineCompletionTriggerKind.Automatic),
            types.TextDocumentIdentifier(URI),
            types.Position(1, 9),
        )
    )

    assert isinstance(result, types.InlineCompletionList)
    [item] = result.items
    assert item.insert_text == "path.join(name)"
    assert item.range == types.Range(types.Position(1, 9), types.Position(1, 9))
    assert item.command is not None
    accept = types.ExecuteCommandParams(item.command.command, item.command.arguments)
    assert await client.workspace_execute_command_async(accept) is None


async def test_completion_items(client: LanguageClient) -> None:
    result = await client.text_document_completion_async(
        types.CompletionParams(types.TextDocumentIdentifier(URI), types.Position(1, 9))
    )

    assert isinstance(result, types.CompletionList)
    assert [item.label for item in result.items] == ["path.join(name)"]


async def test_an_unknown_document_is_an_empty_list(client: LanguageClient) -> None:
    result = await client.text_document_inline_completion_async(
        types.InlineCompletionParams(
            types.InlineCompletionContext(types.InlineCompletionTriggerKind.Invoked),
            types.TextDocumentIdentifier("file:///unknown.py"),
            types.Position(0, 0),
        )
    )

    assert isinstance(result, types.InlineCompletionList)
    assert list(result.items) == []


async def test_a_code_action_is_applied_by_one_edit(client: LanguageClient) -> None:
    edits: list[types.ApplyWorkspaceEditParams] = []

    @client.feature(types.WORKSPACE_APPLY_EDIT)  # type: ignore[untyped-decorator]
    def apply(params: types.ApplyWorkspaceEditParams) -> types.ApplyWorkspaceEditResult:
        edits.append(params)
        return types.ApplyWorkspaceEditResult(applied=True)

    text = "def area(width):\n    return width\n"
    uri = "file:///project/area.py"
    client.text_document_did_open(
        types.DidOpenTextDocumentParams(types.TextDocumentItem(uri, "python", 1, text))
    )
    place = types.Position(0, 5)
    actions = await client.text_document_code_action_async(
        types.CodeActionParams(
            types.TextDocumentIdentifier(uri),
            types.Range(place, place),
            types.CodeActionContext([], only=[types.CodeActionKind.Refactor]),
        )
    )

    # lsprotocol takes a code action that has a command for a command, so its own is named here.
    assert actions is not None
    assert actions[0].title == "Write docstring of area (scripted)"
    argument = {"uri": uri, "position": {"line": 0, "character": 5}}
    run = types.ExecuteCommandParams("codelsp.writeDocstring", [argument])
    await client.workspace_execute_command_async(run)
    [edit] = edits
    assert edit.label == "codelsp: docstring of area, written by scripted"
    assert edit.edit.document_changes or edit.edit.changes
