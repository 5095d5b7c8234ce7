"""The answer to ``initialize``: valid, complete, early, and the same on every way in."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from lsprotocol import converters, types

from codelsp.editor import commands, handlers
from codelsp.editor.greeting import COMMANDS, GHOST_TEXT, greet
from tests.editor.client_files import NAMES, initialize_params

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def no_settings_of_anyone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.mark.parametrize("name", NAMES)
def test_the_plain_json_is_what_the_protocol_types_would_say(name: str) -> None:
    result = greet(initialize_params(name), {}).result
    converter = converters.get_converter()

    structured = converter.structure(result, types.InitializeResult)

    assert converter.unstructure(structured) == result


def test_a_menu_asks_after_the_characters_of_the_settings() -> None:
    clippys = ".,{( -_+*=/?<>\n"
    options = {"completion_items": "always", "trigger_characters": clippys + "."}
    provided = greet({}, options).result["capabilities"]

    assert provided["completionProvider"]["triggerCharacters"] == list(clippys)


def test_every_capability_has_a_handler() -> None:
    served = {**handlers.REQUESTS, **handlers.NOTIFICATIONS}
    provided = greet({}, {"completion_items": "always"}).result["capabilities"]

    assert set(provided) == {
        "positionEncoding",
        "textDocumentSync",
        "notebookDocumentSync",
        "inlineCompletionProvider",
        "completionProvider",
        "executeCommandProvider",
        "workspace",
        "experimental",
    }
    for method in (
        types.TEXT_DOCUMENT_DID_OPEN,
        types.TEXT_DOCUMENT_DID_CHANGE,
        types.TEXT_DOCUMENT_DID_CLOSE,
        types.TEXT_DOCUMENT_DID_SAVE,
        types.NOTEBOOK_DOCUMENT_DID_OPEN,
        types.NOTEBOOK_DOCUMENT_DID_CHANGE,
        types.NOTEBOOK_DOCUMENT_DID_CLOSE,
        types.TEXT_DOCUMENT_INLINE_COMPLETION,
        types.TEXT_DOCUMENT_COMPLETION,
        types.WORKSPACE_EXECUTE_COMMAND,
        types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS,
        GHOST_TEXT,
    ):
        assert method in served


def test_every_command_that_is_advertised_exists() -> None:
    assert tuple(commands.BY_NAME) == COMMANDS


@pytest.mark.parametrize(
    ("setting", "name", "provided"),
    [
        ("auto", "vscode", False),
        ("auto", "bare", True),
        ("always", "vscode", True),
        ("never", "bare", False),
    ],
)
def test_completion_items_are_offered_where_there_is_no_ghost_text_or_on_wish(
    setting: str, name: str, provided: bool
) -> None:
    greeting = greet(initialize_params(name), {"completion_items": setting})

    assert ("completionProvider" in greeting.result["capabilities"]) is provided


def test_settings_come_from_all_layers(tmp_path: Path) -> None:
    folder = tmp_path / "codelsp"
    folder.mkdir()
    (folder / "config.toml").write_text("max_tokens = 1\ncandidates = 1\nthreshold = 0.1\n")
    root = tmp_path / "a project"
    root.mkdir()
    (root / "codelsp.toml").write_text("candidates = 2\nthreshold = 0.2\nengine = 'http://evil'\n")

    greeting = greet(
        {"rootUri": root.as_uri(), "initializationOptions": {"threshold": 0.3, "maxLineTokens": 9}},
        {"max_line_tokens": 10},
    )

    settings = greeting.settings
    assert (settings.max_tokens, settings.candidates) == (1, 2)
    assert (settings.threshold, settings.max_line_tokens) == (0.3, 10)
    assert settings.engine == "auto"
    assert [problem.key for problem in greeting.problems] == ["engine"]


@pytest.mark.parametrize("params", [None, [], "x", {"initializationOptions": "x", "rootUri": 4}])
def test_odd_params_are_greeted_too(params: object) -> None:
    assert greet(params, {}).result["capabilities"]["positionEncoding"] == "utf-16"


@pytest.mark.slow
def test_the_editor_is_answered_before_anything_heavy_is_imported() -> None:
    heavy = ("pygls", "lsprotocol", "attrs", "asyncio", "typer", "rich", "torch", "tree_sitter")
    code = (
        "import sys, codelsp.editor.serve, codelsp.editor.opening; "
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )

    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert run.stdout.strip() == "[]"
