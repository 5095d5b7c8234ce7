"""Real engine processes, in a folder of the test's own."""

from __future__ import annotations

import asyncio
import http.client
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from codelsp.directories import HOME_VARIABLE
from codelsp.engine.process import EngineAddress, engine_status, ensure_engine, stop_engine
from codelsp.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for everything codelsp writes; engines started in it are stopped."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    yield tmp_path / "home"
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    stop_engine()


def ensured(seconds: float = 60.0, **settings: Any) -> EngineAddress:
    """Return the engine for ``settings``."""
    return asyncio.run(ensure_engine(Settings(**settings), seconds))


def ask(
    address: EngineAddress, path: str, body: object = None, *, raw: str = ""
) -> tuple[int, Any]:
    """Ask an engine, with its key; return status and answer."""
    port = int(address.url.rsplit(":", 1)[1])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Authorization": f"Bearer {address.api_key}", "Content-Type": "application/json"}
    content = raw or (None if body is None else json.dumps(body))
    connection.request("POST" if content else "GET", path, content, headers)
    response = connection.getresponse()
    answer = response.read()
    connection.close()
    return response.status, json.loads(answer)


def until(is_so: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Wait until something is so; tell whether it came to be."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if is_so():
            return True
        time.sleep(0.02)
    return False


def has_left(pid: int) -> bool:
    """Tell whether a process is gone, leaving no zombie."""
    return not psutil.pid_exists(pid)


def running() -> list[int]:
    """Return the process numbers of the engines that run."""
    return [status.address.pid for status in engine_status()]


ENSURE = """
import asyncio, sys
from codelsp.engine.process import ensure_engine
from codelsp.settings import Settings
print(asyncio.run(ensure_engine(Settings(**eval(sys.argv[1])))).pid)
"""


def ensuring(**settings: object) -> subprocess.Popen[str]:
    """Start another Python process that wants an engine and prints its number."""
    return subprocess.Popen(
        [sys.executable, "-c", ENSURE, repr(settings)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
