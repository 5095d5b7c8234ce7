from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from codelsp.cli import main, playground

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def assets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page that was built."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "index.html").write_text("<h1>here</h1>")
    monkeypatch.setattr(playground, "ASSETS", tmp_path / "assets")
    monkeypatch.setenv("CODELSP_HOME", str(tmp_path / "home"))
    return tmp_path / "assets"


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Host, port and options of every server that was to be started."""
    calls: list[Any] = []

    def take(host: str, port: int, options: Any) -> int:
        calls.append((host, port, options))
        options.on_listening(host, 4321)
        return 0

    monkeypatch.setattr("codelsp.editor.serve.serve_ws", take)
    return calls


def test_the_playground_is_for_this_machine_and_whoever_has_its_token(
    assets: Path, served: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--set", "threshold=0", "playground", "--no-browser", "--port", "4321"]) == 0

    [(host, port, options)] = served
    assert (host, port) == ("127.0.0.1", 4321)
    assert len(options.token) >= 32
    assert f"http://127.0.0.1:4321/#{options.token}" in capsys.readouterr().out
    assert options.page.folder == assets
    assert options.page.token == options.token
    assert options.overrides == {"threshold": 0.0, "trace": True}


@pytest.mark.usefixtures("assets")
def test_prompts_that_can_be_seen_are_not_written_to_the_log(served: list[Any]) -> None:
    main(["playground", "--no-browser"])

    assert served[0][2].log_level == "warning"


@pytest.mark.usefixtures("assets")
def test_a_file_of_ones_own_is_shown(served: list[Any], tmp_path: Path) -> None:
    (tmp_path / "main.go").write_text("package main\n")

    assert main(["playground", "--no-browser", str(tmp_path / "main.go")]) == 0

    document = served[0][2].page.document
    assert document["languageId"] == "go"
    assert document["text"] == "package main\n"


@pytest.mark.usefixtures("assets")
def test_a_file_that_is_not_there_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["playground", "--no-browser", str(tmp_path / "none.py")]) == 2
    assert "none.py cannot be read" in capsys.readouterr().err.replace("\n", " ")


def test_an_installation_without_the_page_says_how_to_build_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(playground, "ASSETS", tmp_path)

    assert main(["playground", "--no-browser"]) == 2
    assert "npm run build" in capsys.readouterr().err.replace("\n", " ")


@pytest.mark.usefixtures("assets")
def test_a_port_that_is_taken_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(98, "Address already in use")

    monkeypatch.setattr("codelsp.editor.serve.serve_ws", refuse)

    assert main(["playground", "--no-browser", "--port", "80"]) == 2
    assert "port 80 cannot be had: Address already in use" in capsys.readouterr().err
