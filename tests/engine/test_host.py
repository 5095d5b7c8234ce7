"""The engine process: how it is set up, what a cancel does, when it leaves."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from codelsp.engine.host import API_KEY_VARIABLE, HostOptions, serve, work_done
from codelsp.engine.idle import IdleWatch
from codelsp.engine.llama_server import Machine, plan_server
from codelsp.engine.process import EngineAddress, engine_status
from codelsp.engine.state_file import EngineState, read_state, remove_state, write_state
from codelsp.model_store import GgufHeader, read_header, resolve_model
from tests.engine.processes import ask, ensured, has_left, home, until

__all__ = ["home"]

GB = 10**9
SHIPPED = read_header(resolve_model("").path)
LARGE = GgufHeader(
    {
        "general.architecture": "qwen2",
        "qwen2.context_length": 32768,
        "qwen2.block_count": 28,
        "qwen2.attention.head_count": 28,
        "qwen2.attention.head_count_kv": 4,
        "qwen2.embedding_length": 3584,
    },
    tensors=339,
    weights=7_600_000_000,
    needed_bytes=8_100_000_000,
)
STATE = EngineState(
    "http://127.0.0.1:1", "key", os.getpid(), "llama.cpp", "m", "p", "s", "v", 0, ""
)


def test_a_tiny_model_gets_few_threads_however_many_cores_there_are() -> None:
    assert plan_server(SHIPPED, Machine(32, 64 * GB)).threads == 4
    assert plan_server(LARGE, Machine(32, 64 * GB)).threads == 16
    assert plan_server(SHIPPED, Machine(1, 64 * GB)).threads == 1
    assert plan_server(SHIPPED, Machine(32, 64 * GB), threads=9).threads == 9
    assert plan_server(SHIPPED, Machine(32, 64 * GB)).decode_threads == 1
    assert plan_server(SHIPPED, Machine(32, 64 * GB), threads=9).decode_threads == 9
    assert plan_server(LARGE, Machine(32, 64 * GB)).decode_threads == 16


def test_a_context_is_no_longer_than_the_model_was_made_for() -> None:
    machine = Machine(8, 64 * GB)

    assert plan_server(SHIPPED, machine).slot_tokens == 2048
    assert plan_server(SHIPPED, machine, context_tokens=100_000).slot_tokens == 2048
    assert plan_server(SHIPPED, machine, context_tokens=700).slot_tokens == 700
    assert plan_server(LARGE, machine, context_tokens=8192).slot_tokens == 8192


def test_where_memory_is_short_there_are_fewer_slots_and_shorter_contexts() -> None:
    # A token of the large model takes 57 KB: 2 tensors, 28 layers, 4 heads of 128, 2 bytes.
    assert plan_server(LARGE, Machine(8, 64 * GB)).slots == 4
    small = plan_server(LARGE, Machine(4, 4 * GB))

    assert small.slots == 2
    assert small.slots * small.slot_tokens * 57_344 <= 4 * GB // 16
    assert plan_server(LARGE, Machine(1, GB // 2)).slot_tokens == 512


def test_a_model_that_is_read_slowly_is_read_in_small_batches() -> None:
    machine = Machine(4, 16 * GB)

    assert plan_server(LARGE, machine).batch_tokens < plan_server(SHIPPED, machine).batch_tokens
    assert plan_server(LARGE, replace(machine, has_gpu=True)).batch_tokens == 512


def test_attention_is_computed_as_the_processor_does_it_faster() -> None:
    machine = Machine(2, 64 * GB)

    assert not plan_server(SHIPPED, machine).flash_attention
    assert plan_server(SHIPPED, replace(machine, has_gpu=True)).flash_attention


def test_work_is_counted_from_the_metrics() -> None:
    idle = "# HELP x y\nllamacpp:n_decode_total 4\nllamacpp:prompt_tokens_total 6\n"

    assert work_done(idle + "llamacpp:requests_processing 0\n") == 10
    assert work_done(idle + "llamacpp:requests_processing 1\n") is None


def test_an_engine_leaves_when_nothing_was_asked() -> None:
    watch = IdleWatch(lambda: 0.0, idle_seconds=0.1)

    watch.run(threading.Event(), None)

    assert "idle" in watch.reason


def test_an_engine_that_answers_all_the_time_is_not_idle() -> None:
    # A single long generation changes no counter until it ends.
    began, leave = time.monotonic(), threading.Event()

    def busy_for_a_while() -> float | None:
        return None if time.monotonic() - began < 0.5 else 1.0

    IdleWatch(busy_for_a_while, idle_seconds=0.1).run(leave, None)

    assert time.monotonic() - began >= 0.5


def test_an_engine_without_idle_time_stays_until_told() -> None:
    leave = threading.Event()
    watch = IdleWatch(lambda: 0.0, idle_seconds=0.0)
    threading.Timer(0.1, leave.set).start()

    watch.run(leave, None)

    assert "told" in watch.reason


def test_work_renews_the_state_files_time(tmp_path: Path) -> None:
    path = tmp_path / "engine-x.json"
    write_state(path, STATE)
    os.utime(path, (1, 1))
    work = iter([0.0, 0.0, 5.0])
    watch = IdleWatch(lambda: next(work, 5.0), idle_seconds=0.1)

    watch.run(threading.Event(), path)

    assert path.stat().st_mtime > 1


def test_a_state_file_that_is_another_engines_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "engine-x.json"
    write_state(path, replace(STATE, pid=1))
    watch = IdleWatch(lambda: 0.0, idle_seconds=5.0)

    watch.run(threading.Event(), path)
    remove_state(path, os.getpid())

    assert "another engine's" in watch.reason
    assert read_state(path) == replace(STATE, pid=1)


def test_a_state_file_is_never_seen_half_written(tmp_path: Path) -> None:
    path = tmp_path / "engine-x.json"
    write_state(path, STATE)
    stop = threading.Event()
    seen: set[bool] = set()

    def look() -> None:
        while not stop.is_set():
            seen.add(read_state(path) is None)

    looker = threading.Thread(target=look)
    looker.start()
    for n in range(200):
        write_state(path, replace(STATE, started=n))
    stop.set()
    looker.join()

    assert seen == {False}
    assert list(tmp_path.iterdir()) == [path]


def _stream(address: EngineAddress, **body: object) -> socket.socket:
    """Begin a streamed generation over a bare connection."""
    content = json.dumps({"stream": True, "return_progress": True, **body}).encode()
    connection = socket.create_connection(("127.0.0.1", int(address.url.rsplit(":", 1)[1])))
    connection.sendall(
        b"POST /completion HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s"
        % (address.api_key.encode(), len(content), content)
    )
    return connection


def _is_busy(address: EngineAddress) -> bool:
    return any(slot["is_processing"] for slot in ask(address, "/slots")[1])


@pytest.mark.slow
@pytest.mark.usefixtures("home")
def test_closing_the_stream_stops_the_generation_at_once() -> None:
    address = ensured()
    stream = _stream(address, prompt=[1, 3, 2, 100], n_predict=2000, ignore_eos=True)
    received = b""
    while received.count(b"data:") < 5:
        received += stream.recv(4096)
    assert _is_busy(address)

    stream.close()

    assert until(lambda: not _is_busy(address), seconds=1.0)
    (slot,) = [slot for slot in ask(address, "/slots")[1] if "next_token" in slot]
    assert slot["n_prompt_tokens"] < 1000


@pytest.mark.slow
@pytest.mark.usefixtures("home")
def test_closing_the_stream_stops_the_reading_of_a_long_prompt() -> None:
    address = ensured()
    prompt = [100 + n % 5000 for n in range(1900)]
    body = {"prompt": prompt, "n_predict": 1, "cache_prompt": False}
    began = time.monotonic()
    assert ask(address, "/completion", body)[0] == 200
    whole = time.monotonic() - began

    stream = _stream(address, **body)
    assert until(lambda: _is_busy(address), seconds=1.0)
    stream.close()
    began = time.monotonic()

    assert until(lambda: not _is_busy(address))
    assert time.monotonic() - began < whole / 2


@pytest.mark.slow
@pytest.mark.usefixtures("home")
def test_three_candidates_come_from_one_request() -> None:
    body = {"prompt": "import ", "n_predict": 3, "n_cmpl": 3, "temperature": 0.8}

    status, answer = ask(ensured(), "/completion", body)

    assert status == 200
    assert len(answer) == 3


@pytest.mark.slow
@pytest.mark.usefixtures("home")
def test_only_errors_of_llama_cpp_are_logged() -> None:
    address = ensured()
    for _ in range(3):
        ask(address, "/completion", {"prompt": "import ", "n_predict": 3})
    log = Path(engine_status()[0].log)

    assert len(log.read_text("utf-8").strip().split("\n")) == 1


def _options(model: Path) -> HostOptions:
    return HostOptions(model="m", model_path=str(model), model_stamp="")


@pytest.mark.parametrize("content", [None, b"", b"GGUF", b"no model"])
def test_a_model_that_is_damaged_is_told_by_its_path(tmp_path: Path, content: bytes | None) -> None:
    model = tmp_path / "m.gguf"
    if content is not None:
        model.write_bytes(content)

    with pytest.raises(RuntimeError, match=re.escape(str(model))):
        serve(_options(model))


FOREGROUND = """
import sys
from codelsp.engine.foreground import Foreground, serve_in_foreground
from codelsp.errors import CodelspError
from codelsp.settings import Settings
host, port, key = sys.argv[1:]
def announce(address):
    print(address.url, address.api_key, address.pid, flush=True)
try:
    serve_in_foreground(Settings(), Foreground(host, int(port), key), announce)
except CodelspError as error:
    print(error)
"""


def _foreground(port: int, key: str = "", host: str = "127.0.0.1") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", FOREGROUND, host, str(port), key],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.slow
@pytest.mark.usefixtures("home")
@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM is not a signal there")
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_foreground_engine_serves_at_its_port_and_leaves_with_the_terminal(end: int) -> None:
    # Tests that run in the background ignore the interrupt, and so would what they start.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    port = _free_port()
    starter = _foreground(port, "my key")
    assert starter.stdout is not None
    url, *key, pid = starter.stdout.readline().split()

    assert url == f"http://127.0.0.1:{port}"
    assert " ".join(key) == "my key"
    address = EngineAddress(url, "my key", int(pid), "", "")
    assert ask(address, "/completion", {"prompt": "a", "n_predict": 1})[0] == 200
    assert ask(replace(address, api_key=""), "/slots")[0] == 401
    assert [status.address.pid for status in engine_status()] == [int(pid)]
    assert ensured().pid != int(pid)
    starter.send_signal(end)

    assert until(lambda: has_left(int(pid)))
    starter.communicate()
    signal.signal(signal.SIGINT, before)


@pytest.mark.slow
@pytest.mark.usefixtures("home")
def test_a_port_that_is_taken_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        output, _ = _foreground(taken.getsockname()[1]).communicate()

    assert "cannot be used" in output
    assert "--port" in output


@pytest.mark.slow
@pytest.mark.usefixtures("home")
def test_an_address_of_another_machine_is_told() -> None:
    assert "cannot be used" in _foreground(0, host="192.0.2.1").communicate()[0]
    assert "no address of this machine" in _foreground(0, host="no such host").communicate()[0]


def test_the_key_is_taken_from_the_environment_and_not_handed_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(API_KEY_VARIABLE, "secret")

    with pytest.raises(RuntimeError):
        serve(_options(tmp_path / "missing.gguf"))
    assert API_KEY_VARIABLE not in os.environ
