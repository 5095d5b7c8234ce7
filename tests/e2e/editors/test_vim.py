"""The plugin for Vim 9 in a real Vim: what is on the screen, and what is in the file."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

from tests.client import ROOT
from tests.e2e.editors.editors import editor, editor_environment, scripted, servers_of
from tests.e2e.editors.terminal import ESCAPE, Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.editor]

WRITES = (
    ("return self.name", "total = add(first, second)", 'title = "ä𝒳" + name'),
    ("return self.size",),
    ("return self.shelf",),
)
ALT_RIGHT, TAB = "\x1b[1;3C", "\t"
SETTINGS = """
set nocompatible noswapfile encoding=utf-8 expandtab laststatus=2 ttimeoutlen=50
set statusline=%t\\ [%{codelsp#Statusline()}]
let g:codelsp_cmd = json_decode('COMMAND')
set runtimepath^=PLUGIN
filetype plugin on
inoremap <F2> <Cmd>call codelsp#Cycle(1)<CR>
"""
F2 = "\x1bOQ"


class Vim:
    """A Vim in a terminal, with one file whose name has a blank in it."""

    def __init__(self, folder: Path, text: str = "") -> None:
        self.file = folder / "an example.py"
        self.file.write_text(text, "utf-8")
        command = json.dumps(scripted(folder, WRITES)).replace("'", "''")
        plugin = str(ROOT / "editors" / "vim")
        settings = SETTINGS.replace("COMMAND", command).replace("PLUGIN", plugin)
        (folder / "vimrc").write_text(settings, "utf-8")
        program = [editor("vim"), "-u", str(folder / "vimrc"), str(self.file)]
        self.terminal = Terminal(program, folder, editor_environment(folder))
        self.wait_attached()

    def wait_attached(self) -> None:
        self.terminal.wait_for_text("[codelsp")

    def write(self) -> str:
        """Write the file, and return what it holds now."""
        done = self.file.with_suffix(".done")
        self.terminal.press(ESCAPE)
        self.terminal.type(f":silent write! | call writefile([], '{done}')\r")
        self.terminal.wait_for(done.exists, "a written file")
        done.unlink()
        return self.file.read_text("utf-8")


@pytest.fixture
def vim(tmp_path: Path) -> Iterator[Vim]:
    opened = Vim(tmp_path, "total = add()\n")
    yield opened
    opened.terminal.close()


def test_ghost_text_is_on_the_screen_and_not_in_the_file_until_tab(vim: Vim) -> None:
    vim.terminal.press("o", *"return self.")
    vim.terminal.wait_for_line("return self.name")
    assert vim.write() == "total = add()\nreturn self.\n"
    vim.terminal.wait_for_line("return self.")

    vim.terminal.press("A")
    vim.terminal.wait_for_line("return self.name")
    vim.terminal.type("na" + TAB)
    assert vim.write() == "total = add()\nreturn self.name\n"


def test_what_stands_after_the_cursor_is_covered_and_words_are_accepted(vim: Vim) -> None:
    vim.terminal.press("$", "i")
    vim.terminal.wait_for_line("total = add(first, second)")

    vim.terminal.press(ALT_RIGHT)
    vim.terminal.wait_for_line("total = add(first, second)")
    assert vim.write() == "total = add(first)\n"

    vim.terminal.press("a")
    vim.terminal.wait_for_line("total = add(first, second)")
    vim.terminal.press(TAB)
    assert vim.write() == "total = add(first, second)\n"


def test_candidates_are_cycled_through(vim: Vim) -> None:
    vim.terminal.press("o", *"return self.")
    vim.terminal.wait_for_line("return self.name")

    vim.terminal.type(F2)
    vim.terminal.wait_without("return self.name")
    vim.terminal.press(TAB)

    assert vim.write().split("\n")[1] in {"return self.size", "return self.shelf"}


def test_columns_are_right_behind_letters_of_several_bytes(vim: Vim) -> None:
    vim.terminal.press("o", *'title = "ä𝒳" +')
    vim.terminal.wait_for_text("+ name")
    vim.terminal.type(" " + TAB)

    assert vim.write() == 'total = add()\ntitle = "ä𝒳" + name\n'


def test_a_server_that_is_killed_comes_back(vim: Vim) -> None:
    vim.terminal.press("o", *"return self.")
    vim.terminal.wait_for_line("return self.name")
    (first,) = servers_of(vim.terminal)

    first.send_signal(signal.SIGKILL)
    vim.terminal.wait_for(
        lambda: [each.pid for each in servers_of(vim.terminal)] not in ([], [first.pid]),
        "a new server",
    )
    vim.wait_attached()
    vim.terminal.press("n")
    vim.terminal.wait_for_line("return self.name")
    vim.terminal.press(TAB)

    assert vim.write() == "total = add()\nreturn self.name\n"
