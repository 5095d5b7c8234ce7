"""Vim and Neovim in a terminal, with our plugin in them: what their tests share."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.client import ROOT
from tests.e2e.editors.editors import editor, editor_environment, servers_of
from tests.e2e.editors.terminal import ESCAPE, Terminal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import psutil

ALT_RIGHT, ALT_DOWN, ALT_BACKSLASH, ALT_BRACKET = "\x1b[1;3C", "\x1b[1;3B", "\x1b\\", "\x1b]"
ALT_CTRL_RIGHT, CTRL_DISMISS, CTRL_N, TAB = "\x1b[1;7C", "\x1d", "\x0e", "\t"
WRITES = (
    (
        "return self.name",
        "total = add(first, second)",
        "for book in books:\n    print(book)",
        'title = "ä𝒳" + name',
    ),
    ("return self.size",),
    ("return self.shelf",),
)
NEOVIM = """
vim.o.swapfile, vim.o.ruler, vim.o.laststatus, vim.o.expandtab = false, false, 2, true
vim.o.shortmess = vim.o.shortmess .. 'F'
vim.o.statusline = "%t [%{{v:lua.require'codelsp'.statusline()}}]"
local cmd = vim.json.decode([=[{cmd}]=])
require('codelsp').setup({{ cmd = cmd, ghost_text = '{ghost_text}' }})
"""
VIM = """
set nocompatible noswapfile encoding=utf-8 expandtab laststatus=2 ttimeoutlen=50 hidden
set statusline=%t\\ [%{{codelsp#Statusline()}}]
let g:codelsp_cmd = json_decode('{cmd}')
filetype plugin on
"""


class Vi:
    """A Vim or Neovim, kept open as people do; each test has a file of its own in it."""

    def __init__(
        self,
        kind: str,
        folder: Path,
        cmd: Sequence[str],
        settings: str = "",
        home: Path | None = None,
    ) -> None:
        """Start one: ``kind`` is ``vim``, or a version of Neovim and who draws there.

        With ``settings`` of its own it finds no plugin by itself; in ``home`` an engine is shared.
        """
        self.kind, self.folder = kind, folder
        self._numbers = itertools.count(1)
        env = {**editor_environment(folder), "CODELSP_HOME": str(home or folder)}
        is_vim = kind == "vim"
        self.next_key = ALT_DOWN if is_vim else ALT_BRACKET
        self.trigger_key = ALT_DOWN if is_vim else ALT_BACKSLASH
        if not settings:
            plugin = [sys.executable, "-m", "codelsp", "plugin", "vim" if is_vim else "neovim"]
            subprocess.run(plugin, env=env, cwd=ROOT, check=True, capture_output=True)
        program, _, ghost_text = ("vim" if is_vim else f"nvim-{kind}").partition(" ")
        text = json.dumps(list(cmd))
        settings = settings or (
            VIM.format(cmd=text.replace("'", "''"))
            if is_vim
            else NEOVIM.format(cmd=text, ghost_text=ghost_text)
        )
        own = folder / ("init.vim" if is_vim else "init.lua")
        own.write_text(settings, "utf-8")
        self.file = self._new_file("")
        self.terminal = Terminal([editor(program), "-u", str(own), str(self.file)], folder, env)

    def _new_file(self, text: str) -> Path:
        """Make a file whose name has a blank in it, as is not so rare."""
        file = self.folder / f"an example{next(self._numbers)}.py"
        file.write_text(text, "utf-8")
        return file

    def close(self) -> None:
        """End it, and its server."""
        self.terminal.close()

    def wait_attached(self) -> None:
        self.terminal.wait_for_text(f"{self.file.name} [codelsp")

    def open(self, text: str = "") -> None:
        """Open a new file with ``text``, and nothing beside it."""
        self.file = self._new_file(text)
        name = str(self.file).replace(" ", "\\ ")
        self.terminal.press(ESCAPE)
        self.terminal.type(f":silent only | silent edit! {name}\r")
        self.wait_attached()

    def write(self) -> str:
        """Write the file, and return what it holds now."""
        done = self.folder / f"{self.file.name}.done"
        self.terminal.press(ESCAPE)
        self.terminal.type(f":silent write! | silent call writefile([], '{done}')\r")
        self.terminal.wait_for(done.exists, "a written file")
        done.unlink()
        return self.file.read_text("utf-8")

    def servers(self) -> list[psutil.Process]:
        """The servers that this editor runs: one, or none while it is started again."""
        return servers_of(self.terminal)
