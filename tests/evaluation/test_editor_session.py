"""The bench's client against a real server process whose engine is scripted."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from codelsp.evaluation.editor_session import EditorSession
from codelsp.evaluation.latency import _type_through, _type_until_answered
from codelsp.evaluation.stdio_client import ServerGoneError, StdioClient
from codelsp.evaluation.transcript import Key
from tests.client import ROOT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture
async def editor(tmp_path: Path) -> AsyncIterator[EditorSession]:
    command = [sys.executable, "-m", "tests.scripted_server", "--text", "value + 1"]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "CODELSP_HOME": str(tmp_path)}
    client = await StdioClient.start([*command, "--folder", str(tmp_path)], env)
    session = EditorSession(client, "file:///bench/a.py", "# \U0001f60b\n\nvalue = 1\nresult =\n")
    await session.begin({"threshold": 0.0})
    yield session
    await client.close()


async def test_a_key_is_answered_with_ghost_text_and_its_trace(editor: EditorSession) -> None:
    offset = editor.text.index("=\n") + 1
    if not (reply := await editor.press(offset, " ")).items:
        reply = await editor.press(offset, " ")

    assert editor.ghost_text(reply).strip() == "value + 1"
    assert reply.offset == offset + 1
    assert reply.elapsed_ms > 0
    assert reply.stages_ms("total") <= reply.elapsed_ms


async def test_what_is_typed_along_comes_from_memory_and_is_taken_back(
    editor: EditorSession,
) -> None:
    offset = editor.text.index("=\n") + 1
    reply = await editor.press(offset, " ")
    before = editor.text

    elapsed_ms = await _type_through(editor, reply)

    assert len(elapsed_ms) == 6
    assert editor.text == before


async def test_typing_goes_on_until_there_is_an_answer(editor: EditorSession) -> None:
    offset = editor.text.index("=\n") + 1

    assert await _type_until_answered(editor, [Key(offset, " ")]) == offset + 1


async def test_a_server_that_ends_is_told_at_once() -> None:
    client = await StdioClient.start([sys.executable, "-c", "input()"], dict(os.environ))

    with pytest.raises(ServerGoneError):
        await client.request("initialize", {})
    with pytest.raises(ServerGoneError):
        await client.request("again", {})
    await client.close()
