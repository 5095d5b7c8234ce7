"""Ghost text in real Vims and Neovims: what is on the screen, and what is in the file."""

from __future__ import annotations

import signal
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.e2e.editors.editors import scripted
from tests.e2e.editors.terminal import ESCAPE
from tests.e2e.editors.vi import (
    ALT_CTRL_RIGHT,
    ALT_RIGHT,
    CTRL_DISMISS,
    CTRL_N,
    TAB,
    WRITES,
    Vi,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.slow, pytest.mark.editor]

KINDS = ("0.12 native", "0.12 drawn", "0.11 drawn", "0.10 drawn", "vim")


@pytest.fixture(scope="module", params=KINDS)
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Vi]:
    """An editor for all tests, as people keep one open."""
    folder = tmp_path_factory.mktemp("vi")
    with closing(Vi(request.param, folder, scripted(folder, WRITES))) as vi:
        yield vi


@pytest.fixture
def vi(running: Vi) -> Vi:
    """The running editor with an empty file."""
    running.open()
    return running


def test_ghost_text_is_on_the_screen_and_not_in_the_file_until_tab(vi: Vi) -> None:
    vi.terminal.press("i", *"return self.")
    vi.terminal.wait_for_line("return self.name")
    assert vi.write() == "return self.\n"
    vi.terminal.wait_for_line("return self.")

    vi.terminal.press("A")
    vi.terminal.wait_for_line("return self.name")
    vi.terminal.press(TAB)
    assert vi.write() == "return self.name\n"


def test_tab_is_a_tab_where_nothing_is_shown(vi: Vi) -> None:
    vi.terminal.press("i", "x", TAB, "y")

    assert vi.write() == "x   y\n"


def test_what_was_typed_along_is_never_there_twice(vi: Vi) -> None:
    vi.terminal.press("i", *"return self.")
    vi.terminal.wait_for_line("return self.name")

    vi.terminal.type("na" + TAB)
    vi.terminal.wait_for_line("return self.name")

    assert vi.write() == "return self.name\n"


def test_ghost_text_can_be_dismissed_without_leaving_insert_mode(vi: Vi) -> None:
    vi.terminal.press("i", *"return self.")
    vi.terminal.wait_for_line("return self.name")

    vi.terminal.press(CTRL_DISMISS)
    vi.terminal.wait_for_line("return self.")

    vi.terminal.press("n")
    vi.terminal.wait_for_line("return self.name")


def test_candidates_are_cycled_through(vi: Vi) -> None:
    vi.terminal.press("i", *"return self.")
    vi.terminal.wait_for_line("return self.name")

    seen = [_shown(vi)]
    for _ in range(2):
        vi.terminal.type(vi.next_key)
        vi.terminal.wait_for(lambda: _shown(vi) not in ["return self.", *seen], "another candidate")
        seen.append(_shown(vi))
    vi.terminal.press(TAB)

    assert set(seen) == {"return self.name", "return self.size", "return self.shelf"}
    assert vi.write() == seen[-1] + "\n"


def _shown(vi: Vi) -> str:
    """The line of the ghost text, without the count behind it."""
    (line,) = [each for each in vi.terminal.lines if each.startswith("return self.")]
    return line.partition(" (")[0]


def test_words_are_accepted_one_by_one(vi: Vi) -> None:
    vi.terminal.press("i", *"total = ")
    vi.terminal.wait_for_line("total = add(first, second)")

    vi.terminal.press(ALT_RIGHT, ALT_RIGHT)
    vi.terminal.wait_for_line("total = add(first, second)")

    assert vi.write() == "total = add(\n"


def test_a_line_of_several_is_accepted(vi: Vi) -> None:
    vi.terminal.press("i", *"for book in ")
    vi.terminal.type(vi.trigger_key)
    vi.terminal.wait_for_line("for book in books:")

    vi.terminal.press(ALT_CTRL_RIGHT)

    assert vi.write() == "for book in books:\n"


def test_what_stands_after_the_cursor_is_covered_and_not_duplicated(vi: Vi) -> None:
    vi.open("total = add()\n")
    vi.terminal.press("$", "i")
    vi.terminal.wait_for_line("total = add(first, second)")

    vi.terminal.press(TAB)

    assert vi.write() == "total = add(first, second)\n"


def test_a_bracket_that_a_plugin_closes_is_not_duplicated(vi: Vi) -> None:
    vi.terminal.type(":inoremap <buffer> ( ()<Left>\r")
    vi.terminal.press("i", *"total = add")
    vi.terminal.wait_for_line("total = add(first, second)")

    vi.terminal.type("(")
    vi.terminal.wait_for_line("total = add(first, second)")
    vi.terminal.type(TAB)
    vi.terminal.wait_for_line("total = add(first, second)")

    assert vi.write() == "total = add(first, second)\n"


def test_popup_and_ghost_text_stand_together(vi: Vi) -> None:
    vi.open("named\nnamesake\n")
    vi.terminal.type(":set completeopt=menuone,noselect\r")
    vi.terminal.press("G", "o", *"return self.na", CTRL_N)
    vi.terminal.wait_for(lambda: _counts(vi, "namesake") > 1, "the menu")
    vi.terminal.wait_for_line("return self.name")

    vi.terminal.press(TAB)

    assert vi.write() == "named\nnamesake\nreturn self.name\n"


def _counts(vi: Vi, text: str) -> int:
    return sum(text in line for line in vi.terminal.lines)


def test_a_chosen_entry_of_the_menu_has_the_keys(vi: Vi) -> None:
    vi.open("nameless\nnamesake\n")
    vi.terminal.type(":set completeopt=menuone\r")
    vi.terminal.press("G", "o", *"return self.na", CTRL_N)
    vi.terminal.wait_for_line("return self.nameless")

    vi.terminal.press(TAB)

    assert vi.write().startswith("nameless\nnamesake\nreturn self.nameless")


def test_no_letter_is_taken_for_a_key(vi: Vi) -> None:
    # With Alt, Vim means the letter 128 places further on.
    vi.terminal.press("i", *"ÝÜÛÎ")

    assert vi.write() == "ÝÜÛÎ\n"


def test_columns_are_right_behind_letters_of_several_bytes(vi: Vi) -> None:
    vi.terminal.press("i", *'title = "ä𝒳" +')
    vi.terminal.wait_for_text("+ name")
    vi.terminal.type(" " + TAB)

    assert vi.write() == 'title = "ä𝒳" + name\n'


def test_a_server_that_is_killed_comes_back(vi: Vi) -> None:
    vi.terminal.press("i", *"return self.")
    vi.terminal.wait_for_line("return self.name")
    (first,) = vi.servers()

    first.send_signal(signal.SIGKILL)
    vi.terminal.wait_for(
        lambda: [each.pid for each in vi.servers()] not in ([], [first.pid]), "a new server"
    )
    vi.wait_attached()
    # It is asked with each key; the one that meets a server that is still starting goes unanswered.
    for key in "nam":
        vi.terminal.press(key)
        if vi.terminal.shows_line("return self.name", 5):
            break
    vi.terminal.wait_for_line("return self.name")
    vi.terminal.press(TAB)

    assert vi.write() == "return self.name\n"


def test_pausing_and_resuming_show_in_the_status_line(vi: Vi) -> None:
    vi.terminal.type(":Codelsp pause\r")
    vi.terminal.wait_for_text("[codelsp paused]")
    vi.terminal.type(":Codelsp resume\r")
    vi.terminal.wait_without("[codelsp paused]")
    vi.terminal.press("i", *"return self.")
    vi.terminal.wait_for_line("return self.name")


def test_the_last_answer_is_explained(vi: Vi) -> None:
    vi.terminal.press("i", *"return self.")
    vi.terminal.wait_for_line("return self.name")

    vi.terminal.press(ESCAPE)
    vi.terminal.type(":Codelsp explain\r")

    vi.terminal.wait_for_text("shown (")
