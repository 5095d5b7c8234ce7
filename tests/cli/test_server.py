from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from codelsp.cli import main
from codelsp.cli.server import address
from codelsp.editor import serve

if TYPE_CHECKING:
    from codelsp.editor.serve import ServeOptions


@pytest.mark.parametrize(
    ("text", "host_and_port"),
    [
        ("127.0.0.1:9000", ("127.0.0.1", 9000)),
        (":9000", ("127.0.0.1", 9000)),
        ("9000", ("127.0.0.1", 9000)),
        ("[::1]:9000", ("::1", 9000)),
    ],
)
def test_an_address_without_a_host_is_this_machine(
    text: str, host_and_port: tuple[str, int]
) -> None:
    assert address(text) == host_and_port


@pytest.mark.parametrize("text", ["", "localhost", "localhost:http", "localhost:65536", "a:-1"])
def test_an_address_needs_a_port(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        address(text)


def test_flags_reach_the_server_and_foreign_ones_are_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    served: list[ServeOptions] = []

    def take(options: ServeOptions) -> int:
        served.append(options)
        return 0

    monkeypatch.setattr(serve, "serve_stdio", take)

    flags = "--stdio --clientProcessId=123 --node-ipc --log-file a.log --log-level DEBUG"
    code = main([*flags.split(), "--set", "max_tokens=7", "--set", "model=small"])

    assert code == 0
    assert served[0].log_file == Path("a.log")
    assert served[0].log_level == "debug"
    assert served[0].overrides == {"max_tokens": 7, "model": "small"}


def test_host_and_port_reach_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[tuple[str, int]] = []

    def take(host: str, port: int, _options: ServeOptions) -> int:
        served.append((host, port))
        return 0

    monkeypatch.setattr(serve, "serve_tcp", take)
    monkeypatch.setattr(serve, "serve_ws", take)
    main(["--tcp", "0.0.0.0:1"])
    main(["--ws=2"])

    assert served == [("0.0.0.0", 1), ("127.0.0.1", 2)]


def test_a_port_that_is_taken_is_one_line_on_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def taken(_host: str, _port: int, _options: ServeOptions) -> int:
        raise OSError("address already in use")

    monkeypatch.setattr(serve, "serve_tcp", taken)

    assert main(["--tcp", "9000"]) == 2
    assert capsys.readouterr().err == "codelsp: address already in use\n"
