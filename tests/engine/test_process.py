"""Engine processes are started, found, shared and stopped."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from codelsp.engine import process as process_module
from codelsp.engine.process import Start, engine_status, ensure_engine, log_path, stop_engine
from codelsp.engine.state_file import read_state, read_states, write_state
from codelsp.errors import EngineUnavailableError, ModelFileError, ModelNotFoundError
from codelsp.model_store import resolve_model
from codelsp.model_store.places import DEFAULT_MODEL
from codelsp.settings import Settings
from tests.engine.processes import ask, ensured, ensuring, has_left, home, running, until

__all__ = ["home"]
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("home")]
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="POSIX")


def _state_file(home: Path) -> Path:
    (path,) = (home / "run").glob("engine-*.json")
    return path


def _copy_of_ours(folder: Path) -> Path:
    return Path(shutil.copyfile(resolve_model("").path, folder / "ours.gguf"))


def test_an_engine_is_started_on_demand_and_found_again() -> None:
    first = ensured()
    second = ensured()

    assert first == second
    assert first.model == DEFAULT_MODEL
    status, answer = ask(first, "/completion", {"prompt": "import ", "n_predict": 2})
    assert status == 200
    assert answer["tokens_predicted"] == 2


def test_an_engine_begun_early_is_the_one_that_is_found() -> None:
    start = Start(Settings())

    address = ensured()

    assert running() == [address.pid]
    start.call_off()
    assert ask(address, "/health", None)[0] == 200


def test_an_early_start_that_is_called_off_leaves_no_engine(home: Path) -> None:
    start = Start(Settings())

    start.call_off()

    until(lambda: not list((home / "run").glob("engine-*.json")) and not _hosts())
    # The next one has its way.
    assert ensured().pid in _hosts()


def test_what_is_wrong_with_an_early_start_is_told_to_who_needs_the_engine() -> None:
    Start(Settings(model="nowhere/none")).call_off()

    with pytest.raises(ModelNotFoundError):
        ensured(model="nowhere/none")


def _hosts() -> list[int]:
    """Return the engine processes among this one's children."""
    children = psutil.Process().children(recursive=True)
    return [child.pid for child in children if "codelsp.engine.host" in child.cmdline()]


def test_the_key_never_stands_on_a_command_line_or_in_a_message() -> None:
    address = ensured()

    assert address.api_key not in " ".join(psutil.Process(address.pid).cmdline())
    assert address.api_key not in repr(address)
    assert ask(replace(address, api_key="wrong"), "/slots")[0] == 401


def test_two_servers_that_start_at_once_share_one_engine() -> None:
    both = [ensuring(), ensuring()]
    outputs = [process.communicate() for process in both]

    pids = {int(output) for output, _ in outputs}
    assert len(pids) == 1
    assert running() == list(pids)


def test_the_engine_outlives_the_process_that_started_it() -> None:
    starter = ensuring()
    output, _ = starter.communicate()

    address = ensured()
    assert address.pid == int(output)
    assert psutil.Process(address.pid).ppid() != starter.pid


def test_nothing_of_the_starter_is_held_open() -> None:
    # ``communicate`` returns when every holder of the pipe has closed it: had the engine
    # inherited standard output, it would wait until the engine leaves.
    starter = ensuring()
    began = time.monotonic()
    starter.communicate()

    assert running()
    assert time.monotonic() - began < 60


@posix_only
def test_the_engine_is_in_a_session_of_its_own_and_gives_way_to_others() -> None:
    address = ensured()

    assert os.getsid(address.pid) == address.pid
    assert psutil.Process(address.pid).nice() > psutil.Process().nice()


def test_an_engine_killed_with_9_is_replaced_and_leaves_no_zombie() -> None:
    first = ensured()
    psutil.Process(first.pid).kill()
    assert until(lambda: has_left(first.pid))

    second = ensured()

    assert second.pid != first.pid
    assert ask(second, "/health")[0] == 200


def test_an_idle_engine_leaves_and_takes_its_file_along(home: Path) -> None:
    address = ensured(engine_idle_minutes=0.02)

    assert until(lambda: has_left(address.pid), seconds=15)
    assert not read_states(home / "run")


def test_an_engine_that_is_used_does_not_leave() -> None:
    address = ensured(engine_idle_minutes=0.03)
    began = time.monotonic()
    while time.monotonic() - began < 4:
        ask(address, "/completion", {"prompt": "a", "n_predict": 1})
        time.sleep(0.2)

    assert running() == [address.pid]


def test_an_engine_that_nobody_can_find_leaves(home: Path) -> None:
    address = ensured(engine_idle_minutes=0.1)
    _state_file(home).unlink()

    assert until(lambda: has_left(address.pid), seconds=10)


def test_stopping_is_asked_for_politely_and_obeyed_at_once() -> None:
    address = ensured()
    began = time.monotonic()

    assert stop_engine(address.pid) == [address.pid]
    assert time.monotonic() - began < 3
    assert until(lambda: has_left(address.pid))
    assert not engine_status()
    assert stop_engine() == []


def test_the_status_tells_what_runs() -> None:
    address = ensured()

    (status,) = engine_status()

    assert status.address == address
    assert status.engine == "llama.cpp"
    assert 20e6 < status.memory_bytes < 200e6
    assert status.started <= time.time()
    assert status.log == str(log_path(Settings()))


@posix_only
def test_file_and_folder_are_the_users_alone(home: Path) -> None:
    (home / "run").mkdir(parents=True, mode=0o755)
    ensured()

    assert stat.S_IMODE(_state_file(home).stat().st_mode) == 0o600
    assert stat.S_IMODE((home / "run").stat().st_mode) == 0o700
    assert stat.S_IMODE(Path(str(log_path(Settings()))).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"version": "0.0.1"}, id="another version of codelsp"),
        pytest.param({"model_stamp": "1-1"}, id="another file under the model's name"),
        pytest.param({"api_key": "wrong"}, id="a key the engine does not know"),
        pytest.param({"url": "http://127.0.0.1:9"}, id="nobody listens there"),
    ],
)
def test_an_engine_that_does_not_fit_is_replaced(home: Path, change: dict[str, Any]) -> None:
    first = ensured()
    path = _state_file(home)
    state = read_state(path)
    assert state is not None
    write_state(path, replace(state, **change))

    second = ensured()

    assert second.pid != first.pid
    assert until(lambda: has_left(first.pid))
    assert running() == [second.pid]


def test_a_file_left_by_a_dead_engine_whose_number_is_reused_hurts_nobody(
    home: Path,
) -> None:
    first = ensured()
    path = _state_file(home)
    state = read_state(path)
    stop_engine()
    assert state is not None
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    write_state(path, replace(state, pid=bystander.pid))

    second = ensured()

    assert second.pid not in {first.pid, bystander.pid}
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"url": 1}', "\x00"])
def test_a_damaged_file_is_replaced(home: Path, content: str) -> None:
    ensured()
    path = _state_file(home)
    stop_engine()
    path.write_text(content, "utf-8")

    assert ask(ensured(), "/health")[0] == 200


def test_an_unused_engine_of_an_older_version_makes_way(home: Path) -> None:
    old = ensured()
    path = _state_file(home)
    state = read_state(path)
    assert state is not None
    older = path.with_name("engine-older.json")
    path.rename(older)
    write_state(older, replace(state, version="0.0.1"))
    long_ago = time.time() - 3600
    os.utime(older, (long_ago, long_ago))

    new = ensured()

    assert new.pid != old.pid
    assert until(lambda: has_left(old.pid))
    assert not older.exists()


def test_other_threads_and_other_models_are_other_engines(tmp_path: Path) -> None:
    first = ensured()
    other_threads = ensured(engine_threads=1)
    other_model = ensured(model=str(_copy_of_ours(tmp_path)))

    assert len({first.pid, other_threads.pid, other_model.pid}) == 3
    assert sorted(running()) == sorted([first.pid, other_threads.pid, other_model.pid])


@pytest.mark.skipif(not hasattr(os, "geteuid") or sys.platform == "win32", reason="POSIX")
def test_where_the_runtime_folder_is_read_only_the_temporary_one_is_used(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A file where a folder should be is read-only even for root, who runs tests in containers.
    home.mkdir()
    (home / "run").write_text("", "utf-8")
    (home / "logs").write_text("", "utf-8")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))

    address = ensured()

    (folder,) = temporary.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert running() == [address.pid]
    assert Path(engine_status()[0].log).parent == folder
    stop_engine()


@posix_only
def test_a_folder_that_another_user_could_have_prepared_is_not_used(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (home / "run").symlink_to(elsewhere)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))

    ensured()

    assert not list(elsewhere.iterdir())
    stop_engine()


def test_where_nothing_can_be_written_the_engine_is_this_processs_own(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_module, "state_dir", lambda: None)
    monkeypatch.setattr("codelsp.engine.wanted.state_dir", lambda: None)

    first = ensured()
    second = ensured()

    assert first == second
    assert ask(first, "/completion", {"prompt": "a", "n_predict": 1})[0] == 200
    assert not list(home.rglob("engine-*.json"))
    process_module._private.popitem()[1].close()
    assert until(lambda: has_left(first.pid))


def test_an_engine_of_ones_own_leaves_with_its_owner() -> None:
    code = (
        "import codelsp.engine.process as p, asyncio, codelsp.engine.wanted as w, os\n"
        "from codelsp.settings import Settings\n"
        "p.state_dir = w.state_dir = lambda: None\n"
        "print(asyncio.run(p.ensure_engine(Settings())).pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    owner = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=False)
    output = owner.stdout

    assert until(lambda: has_left(int(output)))


def test_a_missing_model_is_told_with_what_there_is() -> None:
    with pytest.raises(ModelNotFoundError, match=DEFAULT_MODEL):
        ensured(model="nothing-of-the-kind")


def test_a_truncated_model_is_told_before_anything_is_started(home: Path, tmp_path: Path) -> None:
    model = _copy_of_ours(tmp_path)
    with model.open("r+b") as file:
        file.truncate(model.stat().st_size // 2)

    with pytest.raises(ModelFileError, match="truncated"):
        ensured(model=str(model))
    assert not (home / "logs").exists()


def test_a_model_that_llama_cpp_refuses_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    model = _copy_of_ours(tmp_path)
    content = model.read_bytes().replace(b"qwen3.block_count", b"qwen3.blokk_count", 1)
    model.write_bytes(content)

    with pytest.raises(EngineUnavailableError, match=r"key not found in model: qwen3\.block_count"):
        ensured(model=str(model))
    assert not running()


def test_a_folder_of_safetensors_is_not_for_llama_cpp(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", "utf-8")
    (tmp_path / "model.safetensors").write_bytes(b"")

    with pytest.raises(EngineUnavailableError, match="codelsp export"):
        ensured(model=str(tmp_path), engine="llama.cpp")


def test_an_engine_that_is_too_slow_to_start_is_ended_and_said_so() -> None:
    with pytest.raises(EngineUnavailableError, match="did not serve within"):
        ensured(seconds=0.001)
    assert until(lambda: not running())


async def test_cancelling_calls_the_start_off() -> None:
    waiting = asyncio.create_task(ensure_engine(Settings()))
    await asyncio.sleep(0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    # What was called off holds no lock: the next one is served.
    assert ask(await ensure_engine(Settings()), "/health")[0] == 200


def test_python_files_in_the_editors_folder_are_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone = tmp_path / "cloned repository"
    (clone / "codelsp").mkdir(parents=True)
    (clone / "codelsp" / "__init__.py").write_text("raise SystemExit('run')", "utf-8")
    (clone / "json.py").write_text("raise SystemExit('run')", "utf-8")
    monkeypatch.chdir(clone)

    assert ask(ensured(), "/health")[0] == 200


def test_odd_places_are_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = tmp_path / "Größe & \u4e2d\u6587 'quoted' \U0001f600"
    monkeypatch.setenv("CODELSP_HOME", str(odd))
    odd.mkdir()
    model = _copy_of_ours(odd)

    address = ensured(model=str(model))

    assert ask(address, "/health")[0] == 200
    assert stop_engine() == [address.pid]


@posix_only
def test_no_home_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CODELSP_HOME", "HOME", "XDG_RUNTIME_DIR", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/nonexistent")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    address = ensured(engine_threads=1)

    assert ask(address, "/health")[0] == 200
    assert stop_engine() == [address.pid]


def test_a_long_log_is_put_aside_when_an_engine_starts() -> None:
    log = log_path(Settings())
    assert log is not None
    log.write_bytes(b"x" * (2 * 1024 * 1024))

    ensured()

    assert log.stat().st_size < 10_000
    assert log.with_suffix(".old.log").stat().st_size == 2 * 1024 * 1024


def test_the_log_holds_no_text_of_documents() -> None:
    address = ensured()
    secret = "hunter2_of_the_user"
    ask(address, "/completion", {"prompt": f"password = '{secret}", "n_predict": 4})
    ask(address, "/tokenize", {"content": secret})
    ask(address, "/completion", {"prompt": [secret], "n_predict": secret})
    assert ask(address, "/completion", secret)[0] >= 400
    assert ask(address, "/completion", raw=f'{{"prompt": "{secret}')[0] >= 400
    log = log_path(Settings())
    assert log is not None

    assert secret not in log.read_text("utf-8")


@pytest.mark.timeout(300)
def test_memory_stays_under_200_megabytes_after_500_requests() -> None:
    address = ensured()
    _, answer = ask(address, "/tokenize", {"content": Path(__file__).read_text("utf-8")})
    tokens = answer["tokens"]
    for n in range(500):
        start = n * 7 % (len(tokens) - 300)
        prompt = tokens[start : start + 20 + n % 100]
        body = {"prompt": prompt, "n_predict": 2, "n_probs": 1}
        assert ask(address, "/completion", body)[0] == 200

    (status,) = engine_status()
    assert status.memory_bytes < 200e6


@posix_only
def test_a_signal_ends_it_without_a_trace(home: Path) -> None:
    address = ensured()
    os.kill(address.pid, signal.SIGTERM)

    assert until(lambda: has_left(address.pid))
    assert not read_states(home / "run")
    log = log_path(Settings())
    assert log is not None
    assert "told to" in log.read_text("utf-8")
