"""What the server itself may cost, with an engine that costs nothing."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

import pytest

from tests.budgets.slack import TIME_SLACK
from tests.client import at, server
from tests.editor.client_files import initialize_params

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.budget]

METHOD = "textDocument/inlineCompletion"
COMMAND = ("-c", "import sys; from codelsp.cli import main; sys.exit(main(['--stdio']))")


async def test_the_editor_is_answered_400_ms_after_the_process_began(tmp_path: Path) -> None:
    spent = []
    for _ in range(7):
        began = time.perf_counter()
        async with server(tmp_path, command=COMMAND) as client:
            await client.answer("initialize", initialize_params("neovim"))
            spent.append((time.perf_counter() - began) * 1e3)
            client.notify("exit")

    assert statistics.median(spent) < 400 * TIME_SLACK, spent


async def test_typing_along_costs_5_ms_in_a_long_document(tmp_path: Path) -> None:
    text = "".join(f"word{number}" for number in range(12)) + "()"
    async with server(tmp_path, "--text", text) as client:
        await client.initialize(capabilities={"textDocument": {"inlineCompletion": {}}})
        client.open("x = 1\n" * 10_000 + "y = \n")
        assert (await client.answer(METHOD, at(10_000, 4)))["items"]
        spent = []
        for number, letter in enumerate(text[:60]):
            began = time.perf_counter()
            client.type(letter, 10_000, 4 + number)
            result = await client.answer(METHOD, at(10_000, 5 + number))
            spent.append((time.perf_counter() - began) * 1e3)
            assert result["items"][0]["insertText"] == text[number + 1 :]

    assert statistics.quantiles(spent, n=20)[-1] < 5 * TIME_SLACK, sorted(spent)


async def test_a_change_of_a_document_of_20000_lines_costs_2_ms(tmp_path: Path) -> None:
    async with server(tmp_path) as client:
        await client.initialize()
        client.open("x = 1  # 😋\n" * 20_000)
        await client.ask("codelsp/unknown")
        began = time.perf_counter()
        for number in range(200):
            client.type("y", 10_000 + number, 3)
        # Answered after all the changes have been taken in.
        await client.ask("codelsp/unknown")
        spent = (time.perf_counter() - began) * 1e3 / 200

    assert spent < 2 * TIME_SLACK, f"{spent:.2f} ms"
