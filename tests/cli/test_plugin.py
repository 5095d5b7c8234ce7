from __future__ import annotations

import sys
from pathlib import Path

import pytest

from codelsp.cli import main
from codelsp.cli.plugin import Editor, package_folder, plugin_folder

NEOVIM = Path("data", "nvim", "site", "pack", "codelsp", "start", "codelsp")
VIM = Path(".vim", "pack", "codelsp", "start", "codelsp")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without any settings."""
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("NVIM_APPNAME", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("editor", "target", "file"),
    [
        ("neovim", NEOVIM, "lua/codelsp/init.lua"),
        ("neovim", NEOVIM, "doc/codelsp.txt"),
        ("vim", VIM, "autoload/codelsp.vim"),
    ],
)
@pytest.mark.parametrize("how", [[], ["--copy"]])
def test_the_plugin_lies_where_its_editor_looks(
    home: Path, editor: str, target: Path, file: str, how: list[str]
) -> None:
    assert main(["plugin", editor, *how]) == 0

    assert (home / target / file).read_text("utf-8")
    assert (home / target).is_symlink() == (not how and sys.platform != "win32")


def test_an_installed_plugin_is_replaced_and_removed(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for how in ([], ["--copy"], [], ["--copy"]):
        assert main(["plugin", "neovim", *how]) == 0

    assert main(["plugin", "neovim", "--remove"]) == 0

    assert not (home / NEOVIM).exists()
    assert "is gone from" in capsys.readouterr().out
    assert (plugin_folder(Editor.NEOVIM) / "plugin" / "codelsp.lua").exists()


def test_a_link_that_leads_nowhere_any_longer_is_replaced(home: Path) -> None:
    (home / VIM).parent.mkdir(parents=True)
    (home / VIM).symlink_to(home / "gone")

    assert main(["plugin", "vim"]) == 0

    assert (home / VIM / "plugin" / "codelsp.vim").exists()


@pytest.mark.parametrize("file", ["notes.txt", "plugin/codelsp.lua"])
def test_what_else_stands_there_stays(
    home: Path, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = home / NEOVIM / file
    theirs.parent.mkdir(parents=True)
    theirs.write_text("theirs")
    (home / NEOVIM / ".git").mkdir()

    assert main(["plugin", "neovim"]) == 2

    assert "move it away" in capsys.readouterr().err
    assert theirs.read_text() == "theirs"


def test_the_path_is_printed_and_nothing_done(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plugin", "vim", "--path"]) == 0

    assert (Path(capsys.readouterr().out.rstrip("\n")) / "plugin" / "codelsp.vim").is_file()
    assert list(home.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / ".vim").write_text("a file")

    assert main(["plugin", "vim"]) == 2

    assert "cannot be written" in capsys.readouterr().err


def test_it_says_what_is_left_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    main(["plugin", "neovim"])

    assert "require('codelsp').setup(" in capsys.readouterr().out


def test_a_neovim_of_another_name_has_its_own_folder() -> None:
    named = {"NVIM_APPNAME": "work", "XDG_DATA_HOME": "/data"}

    assert package_folder(Editor.NEOVIM, named) == Path("/data/work/site")


def test_vims_settings_may_be_below_the_folder_for_settings(home: Path) -> None:
    (home / "config" / "vim").mkdir(parents=True)
    (home / "config" / "vim" / "vimrc").write_text("")
    environment = {"XDG_CONFIG_HOME": str(home / "config")}

    assert package_folder(Editor.VIM, environment) == home / "config" / "vim"
    (home / ".vim").mkdir()
    assert package_folder(Editor.VIM, environment) == home / ".vim"
