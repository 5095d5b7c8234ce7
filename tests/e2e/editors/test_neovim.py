"""The Neovim plugin in real Neovims: what is on the screen, and what is in the file."""

from __future__ import annotations

import itertools
import json
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from tests.client import ROOT
from tests.e2e.editors.editors import editor, editor_environment, scripted, servers_of
from tests.e2e.editors.terminal import ESCAPE, Terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import psutil

    Start = Callable[[Sequence[str]], "Neovim"]

pytestmark = [pytest.mark.slow, pytest.mark.editor]

ALT_RIGHT, ALT_BACKSLASH, ALT_NEXT, ALT_PREVIOUS = "\x1b[1;3C", "\x1b\\", "\x1b]", "\x1b["
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
KINDS = ("0.12 native", "0.12 drawn", "0.11 drawn", "0.10 drawn")
INIT = """
vim.opt.rtp:prepend({plugin})
vim.o.swapfile, vim.o.ruler, vim.o.laststatus, vim.o.expandtab = false, false, 2, true
vim.o.shortmess = vim.o.shortmess .. 'F'
vim.o.statusline = "%t [%{{v:lua.require'codelsp'.statusline()}}]"
require('codelsp').setup({{ cmd = vim.json.decode({cmd}), ghost_text = {ghost_text} }})
"""


class Neovim:
    """A Neovim in a terminal."""

    def __init__(self, kind: str, folder: Path, cmd: Sequence[str]) -> None:
        version, ghost_text = kind.split()
        self.folder = folder
        self._numbers = itertools.count(1)
        (folder / "init.lua").write_text(
            INIT.format(
                plugin=json.dumps(str(ROOT / "editors" / "neovim")),
                cmd=f"[=[{json.dumps(list(cmd))}]=]",
                ghost_text=json.dumps(ghost_text),
            ),
            "utf-8",
        )
        self.file = self._new_file("")
        command = [editor(f"nvim-{version}"), "-u", str(folder / "init.lua"), str(self.file)]
        self.terminal = Terminal(command, folder, editor_environment(folder))

    def _new_file(self, text: str) -> Path:
        file = self.folder / f"example{next(self._numbers)}.py"
        file.write_text(text, "utf-8")
        return file

    def wait_attached(self) -> None:
        self.terminal.wait_for_text(f"{self.file.name} [codelsp")

    def open(self, text: str = "") -> None:
        """Open a new file with ``text``, and nothing beside it."""
        self.file = self._new_file(text)
        self.terminal.press(ESCAPE)
        self.terminal.type(f":silent only | silent edit! {self.file}\r")
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
        """The servers that this Neovim runs: one, or none while it is started again."""
        return servers_of(self.terminal)


@pytest.fixture(scope="module", params=KINDS)
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Neovim]:
    """A Neovim for all tests, as people keep one open."""
    folder = tmp_path_factory.mktemp("neovim")
    neovim = Neovim(request.param, folder, scripted(folder, WRITES))
    yield neovim
    neovim.terminal.close()


@pytest.fixture
def neovim(running: Neovim) -> Neovim:
    """The running Neovim with an empty file."""
    running.open()
    return running


@pytest.fixture(params=["0.12 native", "0.10 drawn"])
def start_neovim(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Start]:
    """How a Neovim with a server of the test's own is started."""
    started: list[Neovim] = []

    def start(cmd: Sequence[str]) -> Neovim:
        started.append(Neovim(request.param, tmp_path, cmd))
        return started[-1]

    yield start
    for each in started:
        each.terminal.close()


def test_ghost_text_is_on_the_screen_and_not_in_the_file_until_tab(neovim: Neovim) -> None:
    neovim.terminal.press("i", *"return self.")
    neovim.terminal.wait_for_line("return self.name")
    assert neovim.write() == "return self.\n"
    neovim.terminal.wait_for_line("return self.")

    neovim.terminal.press("A")
    neovim.terminal.wait_for_line("return self.name")
    neovim.terminal.press(TAB)
    assert neovim.write() == "return self.name\n"


def test_tab_is_a_tab_where_nothing_is_shown(neovim: Neovim) -> None:
    neovim.terminal.press("i", "x", TAB, "y")

    assert neovim.write() == "x   y\n"


def test_what_was_typed_along_is_never_there_twice(neovim: Neovim) -> None:
    neovim.terminal.press("i", *"return self.")
    neovim.terminal.wait_for_line("return self.name")

    neovim.terminal.type("na" + TAB)
    neovim.terminal.wait_for_line("return self.name")

    assert neovim.write() == "return self.name\n"


def test_esc_takes_the_ghost_text_away(neovim: Neovim) -> None:
    neovim.terminal.press("i", *"return self.")
    neovim.terminal.wait_for_line("return self.name")

    neovim.terminal.press(ESCAPE)

    neovim.terminal.wait_for_line("return self.")


def test_ghost_text_can_be_dismissed_without_leaving_insert_mode(neovim: Neovim) -> None:
    neovim.terminal.press("i", *"return self.")
    neovim.terminal.wait_for_line("return self.name")

    neovim.terminal.press(CTRL_DISMISS)
    neovim.terminal.wait_for_line("return self.")

    neovim.terminal.press("n")
    neovim.terminal.wait_for_line("return self.name")


def test_candidates_are_cycled_through(neovim: Neovim) -> None:
    neovim.terminal.press("i", *"return self.")
    neovim.terminal.wait_for_line("return self.name")

    neovim.terminal.type(ALT_NEXT)
    neovim.terminal.wait_for_text("(2/3)")
    second = _shown(neovim)
    neovim.terminal.type(ALT_NEXT)
    neovim.terminal.wait_for_text("(3/3)")
    third = _shown(neovim)
    neovim.terminal.type(TAB)
    neovim.terminal.wait_without("(3/3)")

    assert {second, third} == {"return self.size", "return self.shelf"}
    assert neovim.write() == third + "\n"


def _shown(neovim: Neovim) -> str:
    (line,) = [each for each in neovim.terminal.lines if each.startswith("return self.")]
    return line.partition(" (")[0]


def test_words_are_accepted_one_by_one(neovim: Neovim) -> None:
    neovim.terminal.press("i", *"total = ")
    neovim.terminal.wait_for_line("total = add(first, second)")

    neovim.terminal.type(ALT_RIGHT)
    neovim.terminal.type(ALT_RIGHT)
    neovim.terminal.wait_for_line("total = add(first, second)")

    assert neovim.write() == "total = add(\n"


def test_a_line_of_several_is_accepted(neovim: Neovim) -> None:
    neovim.terminal.press("i", *"for book in ")
    neovim.terminal.type(ALT_BACKSLASH)
    neovim.terminal.wait_for_line("for book in books:")

    neovim.terminal.type(ALT_CTRL_RIGHT)
    neovim.terminal.look(0.2)

    assert neovim.write() == "for book in books:\n"


def test_what_stands_after_the_cursor_is_covered_and_not_duplicated(neovim: Neovim) -> None:
    neovim.open("total = add()\n")
    neovim.terminal.press("$", "i")
    neovim.terminal.wait_for_line("total = add(first, second)")

    neovim.terminal.press(TAB)

    assert neovim.write() == "total = add(first, second)\n"


def test_a_bracket_that_a_plugin_closes_is_not_duplicated(neovim: Neovim) -> None:
    neovim.terminal.type(":inoremap <buffer> ( ()<Left>\r")
    neovim.terminal.press("i", *"total = add")
    neovim.terminal.wait_for_line("total = add(first, second)")

    neovim.terminal.type("(")
    neovim.terminal.type(TAB)
    neovim.terminal.wait_for_line("total = add(first, second)")

    assert neovim.write() == "total = add(first, second)\n"


def test_popup_and_ghost_text_stand_together(neovim: Neovim) -> None:
    neovim.open("named\nnamesake\n")
    neovim.terminal.type(":set completeopt=menuone,noselect\r")
    neovim.terminal.press("G", "o", *"return self.na", CTRL_N)
    neovim.terminal.wait_for(lambda: _counts(neovim, "namesake") > 1, "the menu")
    neovim.terminal.wait_for_line("return self.name")

    neovim.terminal.press(TAB)

    assert neovim.write() == "named\nnamesake\nreturn self.name\n"


def _counts(neovim: Neovim, text: str) -> int:
    return sum(text in line for line in neovim.terminal.lines)


def test_a_chosen_entry_of_the_menu_has_the_keys(neovim: Neovim) -> None:
    neovim.open("nameless\nnamesake\n")
    neovim.terminal.type(":set completeopt=menuone\r")
    neovim.terminal.press("G", "o", *"return self.na", CTRL_N)
    neovim.terminal.wait_for_line("return self.nameless")

    neovim.terminal.press(TAB)

    assert neovim.write().startswith("nameless\nnamesake\nreturn self.nameless")


def test_columns_are_right_behind_letters_of_several_bytes(neovim: Neovim) -> None:
    neovim.terminal.press("i", *'title = "ä𝒳" +')
    neovim.terminal.wait_for_text("+ name")
    neovim.terminal.type(" " + TAB)

    assert neovim.write() == 'title = "ä𝒳" + name\n'


def test_a_server_that_is_killed_comes_back(neovim: Neovim) -> None:
    neovim.terminal.press("i", *"return self.")
    neovim.terminal.wait_for_line("return self.name")
    (first,) = neovim.servers()

    first.send_signal(signal.SIGKILL)
    neovim.terminal.wait_for(
        lambda: [each.pid for each in neovim.servers()] not in ([], [first.pid]), "a new server"
    )
    neovim.wait_attached()
    # Neovim asks with each key; the one that meets a server that is still starting goes unanswered.
    for key in "nam":
        neovim.terminal.press(key)
        if neovim.terminal.shows_line("return self.name", 5):
            break
    neovim.terminal.wait_for_line("return self.name")
    neovim.terminal.press(TAB)

    assert neovim.write() == "return self.name\n"


def test_pausing_and_resuming_show_in_the_status_line(neovim: Neovim) -> None:
    neovim.terminal.type(":Codelsp pause\r")
    neovim.terminal.wait_for_text("[codelsp paused]")
    neovim.terminal.type(":Codelsp resume\r")
    neovim.terminal.wait_without("[codelsp paused]")
    neovim.terminal.press("i", *"return self.")
    neovim.terminal.wait_for_line("return self.name")


def test_the_last_answer_is_explained(neovim: Neovim) -> None:
    neovim.terminal.press("i", *"return self.")
    neovim.terminal.wait_for_line("return self.name")

    neovim.terminal.press(ESCAPE)
    neovim.terminal.type(":Codelsp explain\r")

    neovim.terminal.wait_for_text("shown (")


def test_acceptances_are_counted(neovim: Neovim) -> None:
    neovim.terminal.type(":Codelsp statistics reset\r")
    neovim.terminal.wait_for_text("Nothing has been offered yet.")
    neovim.terminal.press("q")
    neovim.terminal.press("i", *"return self.")
    neovim.terminal.wait_for_line("return self.name")
    neovim.terminal.press(TAB, ESCAPE)

    neovim.terminal.type(":Codelsp statistics\r")

    neovim.terminal.wait_for(
        lambda: any(
            line.split()[:1] == ["python"] and line.split()[2] == "1"
            for line in neovim.terminal.lines
        ),
        "one acceptance",
    )


def test_a_command_that_is_not_there_is_said_once_and_how_to_get_it(start_neovim: Start) -> None:
    neovim = start_neovim(["/nowhere/codelsp", "--stdio"])

    neovim.terminal.wait_for_text('there is no command "/nowhere/codelsp"')
    neovim.terminal.wait_for_text("pipx install codelsp")
    neovim.terminal.press("\r", "i", *"return self.")

    assert neovim.write() == "return self.\n"


def test_a_server_that_exits_at_once_is_not_started_for_ever(start_neovim: Start) -> None:
    neovim = start_neovim([sys.executable, "-c", "raise SystemExit(3)"])

    neovim.terminal.wait_for_text("the server keeps ending (exit code 3)")


def test_the_health_check_knows_what_works(neovim: Neovim) -> None:
    neovim.terminal.type(":checkhealth codelsp\r")

    neovim.terminal.wait_for_text("codelsp: Neovim")
    neovim.terminal.wait_for_text("draws the ghost text")
