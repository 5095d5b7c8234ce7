from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from codelsp.cli import main
from codelsp.cli.checks import (
    State,
    check_completion,
    check_folders,
    check_layout,
    check_model_file,
    check_python,
    check_settings,
    check_tokens,
    check_torch,
)
from codelsp.engine import open as engine_open
from codelsp.engine.port import ModelInfo
from codelsp.engine.scripted import Answer, ScriptedEngine
from codelsp.model_store.adapted import ENTRY, adaptation_dir
from codelsp.settings import Layer, Problem, Settings
from tests.model_store.adoptions import adopted

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODELSP_HOME", str(tmp_path / "home"))


def _info(**special_tokens: int) -> ModelInfo:
    return ModelInfo("model", 2048, special_tokens, takes_token_ids=True)


def test_this_python_and_its_packages_are_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codelsp.cli.checks.is_optimized", lambda: True)

    assert {finding.state for finding in check_python()} == {State.GOOD}


@pytest.mark.parametrize(
    ("options", "profile_flag", "state"),
    [
        ("'--enable-shared' '--prefix=/opt/pyenv'", "-fprofile-use", State.HINT),
        ("'--enable-optimizations' '--with-lto'", "-fprofile-use", State.GOOD),
        ("'--enable-shared' '--prefix=/usr'", None, State.GOOD),
        (None, None, State.GOOD),
    ],
    ids=["pyenv", "python.org", "Debian", "Windows"],
)
def test_a_python_built_without_optimizations_is_a_hint_to_take_another(
    options: str | None, profile_flag: str | None, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"CONFIG_ARGS": options, "PGO_PROF_USE_FLAG": profile_flag}
    monkeypatch.setattr("sysconfig.get_config_var", said.get)

    finding = next(check_python())

    assert finding.state is state
    assert ("--enable-optimizations" in finding.advice) == (state is State.HINT)


def test_a_torch_engine_that_is_wanted_and_not_installed_is_broken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "codelsp.engine.torch_presence.missing_packages", lambda: ("torch", "uvicorn")
    )
    (finding,) = check_torch(Settings(engine="torch"))

    assert finding.state is State.BROKEN
    assert "torch, uvicorn" in finding.text
    assert "codelsp[torch]" in finding.advice
    assert not list(check_torch(Settings()))


@pytest.mark.parametrize(("compiler", "state"), [("/usr/bin/c++", State.GOOD), (None, State.HINT)])
def test_a_cpu_without_a_compiler_is_a_hint_to_get_one(
    compiler: str | None, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    presence = "codelsp.engine.torch_presence"
    monkeypatch.setattr(f"{presence}.missing_packages", lambda: ())
    monkeypatch.setattr(f"{presence}.has_torch_gpu", lambda: False)
    monkeypatch.setattr(f"{presence}.shutil.which", lambda _: compiler)
    (finding,) = check_torch(Settings())

    assert finding.state is state
    assert "CPU" in finding.text


def test_a_settings_problem_is_shown_with_its_place() -> None:
    layer = Layer("config.toml", {"max_tokens": "many"})
    problem = Problem("config.toml", "max_tokens", "expected a whole number, not a text")

    good, broken = check_settings([layer], [problem])

    assert "config.toml" in good.text
    assert broken.state is State.BROKEN
    assert "max_tokens" in broken.text


def test_folders_that_can_be_made_are_good() -> None:
    assert {finding.state for finding in check_folders()} == {State.GOOD}


def test_the_embedded_models_are_whole(tmp_path: Path) -> None:
    findings = list(check_model_file(Settings(), tmp_path))

    assert {finding.state for finding in findings} == {State.GOOD}
    names = [finding.text.split(",")[0] for finding in findings if finding.subject == "model"]
    assert names == ["codelsp-s", "codelsp-m"]


def test_a_model_adapted_to_the_project_is_looked_at_in_the_place_of_its_base(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODELSP_HOME", str(tmp_path / "home"))
    root = tmp_path / "project"
    name = adopted(root)

    shown = " ".join(finding.text for finding in check_model_file(Settings(), root))
    assert f"{name}-q8_0.gguf is whole" in shown
    assert "codelsp-s-q8_0.gguf" not in shown

    (adaptation_dir(root) / ENTRY).write_text("{")
    first, *others = check_model_file(Settings(), root)
    assert first.state is State.BROKEN
    assert "delete it" in first.text
    assert any("codelsp-s-q8_0.gguf is whole" in finding.text for finding in others)


def test_a_truncated_model_is_broken_and_says_so(tmp_path: Path) -> None:
    from codelsp.model_store import resolve_model

    whole = resolve_model("").path.read_bytes()
    (tmp_path / "cut.gguf").write_bytes(whole[: len(whole) // 2])

    findings = list(check_model_file(Settings(model=str(tmp_path / "cut.gguf")), tmp_path))

    assert findings[-1].state is State.BROKEN
    assert "truncated" in findings[-1].text


def test_a_model_at_a_url_has_no_file_here(tmp_path: Path) -> None:
    (finding,) = check_model_file(Settings(engine="http://gpu:8000"), tmp_path)

    assert finding.state is State.GOOD
    assert "http://gpu:8000" in finding.text


def test_a_model_that_cannot_fill_in_is_a_hint() -> None:
    assert check_layout(_info(), Settings()).state is State.HINT
    assert check_layout(ScriptedEngine().info, Settings()).state is State.GOOD
    assert check_layout(_info(), Settings(fim_layout="none such")).state is State.BROKEN


async def test_text_that_becomes_a_special_token_is_a_broken_engine() -> None:
    engine = ScriptedEngine()
    finding = await check_tokens(engine, engine.info)
    assert finding.state is State.GOOD

    token = "<|fim_prefix|>"
    gullible = ModelInfo("m", 8, {token: engine.ids_of(token)[0]}, takes_token_ids=True)
    assert (await check_tokens(engine, gullible)).state is State.BROKEN


def test_a_completion_is_told_with_its_speed() -> None:
    trace = {"facts": {"decoded_tokens": 10, "decode_ms": 20.0}}

    finding = check_completion(trace, "sum(prices)", 25.0)

    assert finding.state is State.GOOD
    assert "500 tokens/s" in finding.text
    assert check_completion(trace, "", 25.0).state is State.HINT


def test_all_good_is_exit_code_0(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        engine_open, "open_engine", lambda _: ScriptedEngine([Answer("total(prices)")])
    )

    assert main(["doctor", "--json"]) == 0

    findings = {each["subject"]: each for each in json.loads(capsys.readouterr().out)}
    assert findings["completion"]["state"] == "ok"
    assert findings["engine"]["state"] == "ok"


def test_something_broken_is_exit_code_1_with_advice(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(engine_open, "open_engine", lambda _: ScriptedEngine())

    assert main(["doctor", "--model", str(tmp_path / "none.gguf")]) == 1
    assert "codelsp models list" in capsys.readouterr().out
