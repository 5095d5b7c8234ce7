"""The command line as a user runs it: real processes, the real engine, the shipped model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.client import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Run = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def codelsp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    home = tmp_path_factory.mktemp("home")
    env = {**os.environ, "CODELSP_HOME": str(home)}

    def run(*arguments: str, encoding: str = "utf-8") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "codelsp", *arguments],
            env={**env, "PYTHONIOENCODING": encoding},
            cwd=ROOT,
            capture_output=True,
            encoding=encoding,
            timeout=100,
            check=False,
        )

    yield run
    run("engine", "stop")


def test_the_readmes_example_is_completed_by_the_shipped_model(codelsp: Run) -> None:
    done = codelsp("complete", "examples/shelf.py:16", "--json")

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["insertions"], told["trace"]
    assert told["trace"]["facts"]["layout"] == "qwen-spm-marked"


def test_the_second_call_finds_the_engine_running(codelsp: Run) -> None:
    codelsp("complete", "examples/shelf.py")
    (engine,) = json.loads(codelsp("engine", "status", "--json").stdout)

    codelsp("complete", "examples/shelf.py:5")

    (same,) = json.loads(codelsp("engine", "status", "--json").stdout)
    assert same["pid"] == engine["pid"]
    assert "api_key" not in engine


def test_an_engine_starts_logs_and_stops(codelsp: Run) -> None:
    started = codelsp("engine", "start")
    assert started.returncode == 0, started.stderr
    assert "http://127.0.0.1:" in started.stdout

    assert "serves" in codelsp("engine", "logs").stdout
    assert "Stopped" in codelsp("engine", "stop").stdout
    assert codelsp("engine", "status", "--json").stdout.strip() == "[]"


def test_the_doctor_finds_everything_good(codelsp: Run) -> None:
    done = codelsp("doctor", "--json")

    findings = json.loads(done.stdout)
    assert [each for each in findings if each["state"] == "broken"] == []
    assert done.returncode == 0


def test_output_that_the_terminal_cannot_show_is_no_error(codelsp: Run, tmp_path: Path) -> None:
    path = tmp_path / "smiley.py"
    path.write_text("# \U0001f60b \u2713\nx = \n", encoding="utf-8")

    done = codelsp("complete", f"{path}:2", encoding="ascii")

    assert done.returncode == 0, done.stderr
    assert "# ? ?" in done.stdout
