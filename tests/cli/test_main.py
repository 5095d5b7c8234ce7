from __future__ import annotations

import pytest

import codelsp
from codelsp.cli import is_server_call, main


@pytest.mark.parametrize(
    "arguments",
    [
        ["--stdio"],
        ["--stdio", "--clientProcessId=123"],
        ["--log-file", "x.log", "--stdio"],
        ["--tcp", "127.0.0.1:9000"],
        ["--ws=127.0.0.1:9000"],
        ["--set", "multiline=never", "--stdio"],
    ],
)
def test_server_flags_start_the_server(arguments: list[str]) -> None:
    assert is_server_call(arguments)


@pytest.mark.parametrize(
    "arguments",
    [[], ["--help"], ["--version"], ["complete", "--stdio"], ["--stdio", "--help"], ["bench"]],
)
def test_commands_and_help_do_not(arguments: list[str]) -> None:
    assert not is_server_call(arguments)


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"codelsp {codelsp.__version__}\n"


def test_help_names_the_commands_and_the_server_flags(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0

    shown = capsys.readouterr().out
    for word in ("complete", "engine", "models", "doctor", "bench", "settings", "--stdio"):
        assert word in shown


def test_an_error_is_one_line_on_stderr_and_exit_code_2(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["complete", "missing.py:1:1"]) == 2

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("codelsp: missing.py cannot be read")
    assert captured.err.count("\n") == 1


def test_a_wrong_setting_on_the_command_line_is_an_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--set", "multiline=sometimes", "complete", __file__]) == 2
    assert "multiline" in capsys.readouterr().err


def test_a_setting_without_a_value_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--set", "multiline", "settings"]) == 2
    assert "KEY=VALUE" in capsys.readouterr().err


def test_an_unknown_command_is_refused_with_exit_code_2(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["complet"]) == 2
    assert "complet" in capsys.readouterr().err
