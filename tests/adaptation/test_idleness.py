"""When there is nothing better to do than to train."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from codelsp.adaptation import idleness
from codelsp.adaptation.idleness import Idleness
from codelsp.engine.state_file import EngineState, state_path, write_state

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _on_mains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idleness, "_is_on_battery", lambda: False)


def engine_in(folder: Path, seconds_ago: float) -> None:
    path = state_path(folder, "one")
    state = EngineState("", "", os.getpid(), "llama.cpp", "m", "m.gguf", "", "0", 0.0, "")
    write_state(path, state)
    worked = time.time() - seconds_ago
    os.utime(path, (worked, worked))


def test_a_machine_whose_engine_has_long_been_silent_is_idle(tmp_path: Path) -> None:
    engine_in(tmp_path, 1_000)

    assert Idleness(tmp_path, most_load=100.0).reason_busy() is None


def test_while_somebody_completes_code_it_is_not(tmp_path: Path) -> None:
    engine_in(tmp_path, 1)

    assert "code was completed" in str(Idleness(tmp_path, most_load=100.0).reason_busy())


def test_while_other_programs_work_it_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([(0.0, 0.0), (10.0, 1_000.0)])
    monkeypatch.setattr(Idleness, "_measured", lambda _: next(clock))

    assert "other programs use" in str(Idleness(tmp_path).reason_busy())


def test_on_its_battery_it_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idleness, "_is_on_battery", lambda: True)

    assert "battery" in str(Idleness(tmp_path, most_load=100.0).reason_busy())


def test_a_wait_ends_when_it_becomes_idle_and_tells_why_it_waited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idleness, "_LOOK_SECONDS", 0.0)
    reasons = iter(["code was completed 1 seconds ago", None])
    monkeypatch.setattr(Idleness, "reason_busy", lambda _: next(reasons))
    told: list[str] = []

    Idleness(tmp_path).wait(lambda: False, told.append)

    assert told == ["code was completed 1 seconds ago"]


def test_a_wait_ends_when_it_is_told_to(tmp_path: Path) -> None:
    engine_in(tmp_path, 1)

    Idleness(tmp_path).wait(lambda: True, lambda _: None)
