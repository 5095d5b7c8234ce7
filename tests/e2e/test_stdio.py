"""A real server process over standard input and output: beginnings, ends, and noise between."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.client import Server, at, server
from tests.editor.client_files import NAMES, initialize_params

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

METHOD = "textDocument/inlineCompletion"
LINE = "import os\nprint(os."
PLACE = at(1, 9)


async def leave(client: Server) -> int:
    assert await client.answer("shutdown") is None
    client.notify("exit")
    return await client.exit_code()


async def test_an_editor_gets_ghost_text_and_leaves(tmp_path: Path) -> None:
    async with server(tmp_path) as client:
        await client.initialize()
        client.open(LINE)
        [item] = (await client.answer(METHOD, PLACE))["items"]
        client.type(item["insertText"], 1, 9)
        await client.answer("workspace/executeCommand", item["command"])

        assert await leave(client) == 0
        assert await client.stderr() == ""

    counts = json.loads((tmp_path / "statistics.json").read_text(encoding="utf-8"))
    assert counts["languages"]["python"]["accepted"] == 1


async def test_no_document_text_reaches_the_log(tmp_path: Path) -> None:
    async with server(tmp_path, "--text", "my_suggestion") as client:
        await client.initialize()
        client.open("my_secret = 1\nprint(my_secret.")
        await client.answer(METHOD, at(1, 16))
        await leave(client)

    log = (tmp_path / "server.log").read_text(encoding="utf-8")
    assert "my_secret" not in log
    assert "my_suggestion" not in log


@pytest.mark.parametrize("name", NAMES)
async def test_the_early_answer_is_the_answer_of_the_whole_server(
    name: str, tmp_path: Path
) -> None:
    from tests.e2e.listening import connected

    params = initialize_params(name)
    async with server(tmp_path) as client, connected(tmp_path, "--tcp") as other:
        assert await client.answer("initialize", params) == await other.answer("initialize", params)


async def test_what_comes_together_with_initialize_is_not_lost(tmp_path: Path) -> None:
    async with server(tmp_path) as client:
        _, refused = client.begin(METHOD, PLACE)
        _, greeted = client.begin("initialize", {"capabilities": {}})
        client.notify("initialized", {})
        client.open(LINE)
        _, answered = client.begin(METHOD, PLACE)

        assert (await refused)["error"]["code"] == -32002
        assert "capabilities" in (await greeted)["result"]
        assert (await answered)["result"]["items"]


@pytest.mark.parametrize("messages", [["exit"], ["initialize", "exit"]])
async def test_exit_without_shutdown_is_a_failure(messages: list[str], tmp_path: Path) -> None:
    async with server(tmp_path) as client:
        if messages[0] == "initialize":
            await client.initialize()
        client.notify("exit")

        assert await client.exit_code() == 1


def test_messages_may_come_from_a_file(tmp_path: Path) -> None:
    # epoll watches pipes, and no files.
    messages: list[dict[str, Any]] = [
        {"id": 1, "method": "initialize", "params": {"initializationOptions": {"enabled": False}}},
        {"method": "initialized", "params": {}},
        {"id": 2, "method": "shutdown"},
        {"method": "exit"},
    ]
    bodies = [json.dumps({"jsonrpc": "2.0", **message}).encode() for message in messages]
    recorded = tmp_path / "messages"
    recorded.write_bytes(b"".join(b"Content-Length: %d\r\n\r\n%b" % (len(b), b) for b in bodies))

    with recorded.open("rb") as file:
        left = subprocess.run(
            [sys.executable, "-m", "codelsp", "--stdio"],
            stdin=file,
            capture_output=True,
            check=False,
            timeout=60,
        )

    assert left.returncode == 0
    assert b'"id":2,"result":null' in left.stdout.replace(b" ", b"")


@pytest.mark.parametrize("is_initialized", [True, False])
async def test_an_editor_that_hangs_up_takes_the_server_with_it(
    is_initialized: bool, tmp_path: Path
) -> None:
    async with server(tmp_path, "--delay-ms", "1000") as client:
        if is_initialized:
            await client.initialize()
            client.open(LINE)
            client.begin(METHOD, PLACE)
            await client.wait_for("codelsp/status")
        client.writer.close()

        assert await client.exit_code() == 1


async def test_an_editor_that_stops_reading_and_is_gone_ends_the_server(tmp_path: Path) -> None:
    async with server(tmp_path) as client:
        # The editor is a process that has ended before it said so.
        editor = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=-1)
        await client.initialize(processId=editor.pid)
        client.open(LINE)
        assert (await client.answer(METHOD, PLACE))["items"]
        editor.kill()
        await editor.wait()

        assert await client.exit_code(20) == 1
        assert "has gone" in await client.stderr()


async def test_a_process_that_cannot_be_seen_is_not_waited_for(tmp_path: Path) -> None:
    async with server(tmp_path) as client:
        await client.initialize(processId=2**22 - 1)
        client.open(LINE)

        assert (await client.answer(METHOD, PLACE))["items"]
        assert await leave(client) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends processes without asking")
async def test_a_polite_end_from_outside_is_a_proper_end(tmp_path: Path) -> None:
    async with server(tmp_path) as client:
        await client.initialize()
        client.open(LINE)
        [item] = (await client.answer(METHOD, PLACE))["items"]
        await client.answer("workspace/executeCommand", item["command"])
        client.process.send_signal(signal.SIGTERM)

        assert await client.exit_code() == 1
    assert (tmp_path / "statistics.json").exists()


@pytest.mark.parametrize(
    "noise",
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", id="a web browser"),
        pytest.param(b"\x00\xff\xfe garbage \r\n\r\n", id="garbage"),
        pytest.param(b"Content-Length: many\r\n\r\n", id="no number"),
        pytest.param(b"Content-Length: 5\r\n\r\n{abc}", id="no JSON"),
        pytest.param(b"Content-Length: 3\r\n\r\n{too long}", id="a length too short"),
        pytest.param(b"Content-Length: 999999999999\r\n\r\n", id="a length beyond reason"),
        pytest.param(b"x" * 200_000 + b"\r\n", id="a line without end"),
        pytest.param(b"Content-Length: 2\r\n\r\n[]", id="a batch"),
    ],
)
@pytest.mark.parametrize("is_early", [True, False])
async def test_noise_on_the_line_costs_no_later_message(
    noise: bytes, is_early: bool, tmp_path: Path
) -> None:
    async with server(tmp_path) as client:
        if is_early:
            client.send_raw(noise)
        await client.initialize()
        client.open(LINE)
        if not is_early:
            client.send_raw(noise)

        assert (await client.answer(METHOD, PLACE))["items"]
        assert await leave(client) == 0


async def test_what_anyone_prints_does_not_reach_the_editor(tmp_path: Path) -> None:
    code = (
        "import sys; from tests import scripted_server; "
        "from codelsp.engine.scripted import ScriptedEngine; connect = ScriptedEngine.connect\n"
        "async def noisy(self):\n"
        "    import os; print('noise', flush=True); os.write(1, b'more noise')\n"
        "    return await connect(self)\n"
        "ScriptedEngine.connect = noisy\n"
        f"sys.argv = ['', '--folder', {str(tmp_path)!r}]\n"
        "sys.exit(scripted_server.main())"
    )
    async with server(tmp_path, command=("-c", code)) as client:
        await client.initialize()
        client.open(LINE)

        assert (await client.answer(METHOD, PLACE))["items"]
        assert await leave(client) == 0
        assert "noise" in await client.stderr()


async def test_fifty_keystrokes_in_a_second_lose_no_answer_and_no_edit(tmp_path: Path) -> None:
    async with server(tmp_path, "--delay-ms", "3", "--text", "abcdef ghijkl") as client:
        await client.initialize()
        client.open("x = \n")
        responses = []
        for column in range(50):
            client.type("y", 0, 4 + column)
            responses.append(client.begin(METHOD, at(0, 5 + column)))
            await asyncio.sleep(0.02)
        answers = await asyncio.gather(*(future for _, future in responses))
        assert await leave(client) == 0

    ids = [answer["id"] for answer in client.answers]
    assert sorted(ids) == sorted(set(ids))
    assert len(answers) == 50
    assert not [answer for answer in answers if "error" in answer]
    assert answers[-1]["result"] is not None
    for item in answers[-1]["result"]["items"]:
        assert item["range"]["start"] == {"line": 0, "character": 54}


async def test_an_engine_that_cannot_be_had_is_told_once_and_the_server_goes_on(
    tmp_path: Path,
) -> None:
    async with server(tmp_path, "--fails", "no engine here") as client:
        await client.initialize()
        client.open(LINE)
        for _ in range(3):
            assert await client.answer(METHOD, PLACE) == {"items": []}

        [message] = await client.wait_for("window/showMessage")
        assert "no engine here" in message["params"]["message"]
        assert await leave(client) == 0


async def test_a_home_that_cannot_be_written_disturbs_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    async with server(tmp_path, "--folder", str(tmp_path / "file" / "folder")) as client:
        await client.initialize()
        client.open(LINE)
        [item] = (await client.answer(METHOD, PLACE))["items"]
        await client.answer("workspace/executeCommand", item["command"])

        assert await leave(client) == 0
        assert "no log file" in await client.stderr()


async def test_settings_of_the_wrong_type_are_told_and_nothing_stops(tmp_path: Path) -> None:
    config = tmp_path / "codelsp"
    config.mkdir()
    (config / "config.toml").write_text("max_tokens = 'many'\n", encoding="utf-8")
    async with server(tmp_path) as client:
        await client.initialize(initializationOptions=[1, 2])
        client.open(LINE)

        assert (await client.answer(METHOD, PLACE))["items"]
        [message] = await client.wait_for("window/showMessage")
    assert "initializationOptions" in message["params"]["message"]
    if sys.platform == "linux":
        assert "max_tokens" in message["params"]["message"]


async def test_memory_stays_small(tmp_path: Path) -> None:
    psutil = pytest.importorskip("psutil")
    async with server(tmp_path) as client:
        await client.initialize()
        client.open("x = 1\n" * 10_000)
        for column in range(50):
            client.type("y", 5_000, column)
            await client.answer(METHOD, at(5_000, column + 1))
        process = psutil.Process(client.process.pid)
        resident = process.memory_info().rss

    assert resident < 80 * 1024 * 1024, f"{resident / 1024 / 1024:.0f} MB"


async def test_the_document_is_what_the_editor_has_after_a_storm_of_edits(tmp_path: Path) -> None:
    async with server(tmp_path, "--text", " = 1") as client:
        await client.initialize()
        client.open("")
        for number in range(300):
            client.type(f"name{number}\n", number, 0)
        result = await client.answer(METHOD, at(299, len("name299")))
        assert result["items"][0]["range"]["start"]["line"] == 299
