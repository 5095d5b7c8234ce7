"""One insertion, drawn by every kind of client.

In these documents the insertion replaces what stands between ``[`` and ``]``, with the cursor
inside at ``|``.
"""

from __future__ import annotations

import pytest

from codelsp.document.snapshot import DocumentSnapshot
from codelsp.editor.clients import COC, EMACS, LSP4IJ, NEOVIM, UNKNOWN, VS_CODE, ZED, ClientPolicy
from codelsp.editor.ranges import Edit, edit_for
from codelsp.reply import Insertion

CURSOR_CLIENTS = [NEOVIM, COC, EMACS, ZED, LSP4IJ, UNKNOWN]


def drawn(marked: str, text: str, policy: ClientPolicy) -> tuple[str, str, str] | None:
    """Return what the client replaces, what stands there afterwards, and the filter text."""
    start = marked.index("[")
    cursor = marked.replace("[", "", 1).index("|")
    end = marked.replace("[", "", 1).replace("|", "", 1).index("]")
    plain = marked.replace("[", "", 1).replace("|", "", 1).replace("]", "", 1)
    document = DocumentSnapshot.of("file:///a.py", "python", 1, plain)
    edit = edit_for(Insertion("1", text, start, end, None, "m"), document, cursor, policy)
    return None if edit is None else _described(edit, document, cursor)


def _described(edit: Edit, document: DocumentSnapshot, cursor: int) -> tuple[str, str, str]:
    assert edit.start <= cursor <= edit.end
    assert edit.filter_text.startswith(document.text[edit.start : cursor])
    return document.text[edit.start : edit.end], edit.text, edit.filter_text


@pytest.mark.parametrize("policy", CURSOR_CLIENTS, ids=lambda policy: policy.name)
def test_most_clients_get_what_is_new_at_the_cursor(policy: ClientPolicy) -> None:
    assert drawn("x = 1\n    y = os.[|]\n", "path", policy) == ("", "path", "path")


def test_vs_code_gets_the_line_from_its_start_so_that_it_does_not_flicker() -> None:
    line = "    y = os.path"

    assert drawn("x = 1\n    y = os.[|]\n", "path", VS_CODE) == ("    y = os.", line, line)


@pytest.mark.parametrize("policy", CURSOR_CLIENTS, ids=lambda policy: policy.name)
def test_a_closer_after_the_cursor_is_replaced_not_doubled(policy: ClientPolicy) -> None:
    assert drawn("f([|)]", "a, b)", policy) == (")", "a, b)", "a, b)")


def test_vs_code_replaces_a_closer_too() -> None:
    assert drawn("f([|)] # x", "a, b)", VS_CODE) == ("f()", "f(a, b)", "f(a, b)")


@pytest.mark.parametrize("policy", CURSOR_CLIENTS, ids=lambda policy: policy.name)
def test_text_before_the_cursor_that_stays_is_left_out(policy: ClientPolicy) -> None:
    assert drawn("if x:\n[    |]\n", "    return", policy) == ("", "return", "return")


@pytest.mark.parametrize("policy", [NEOVIM, COC, ZED, LSP4IJ, UNKNOWN], ids=lambda p: p.name)
def test_wrong_indentation_is_replaced(policy: ClientPolicy) -> None:
    assert drawn("if x:\n[\t|]\n", "    return", policy) == ("\t", "    return", "\t    return")


def test_vs_code_shows_replaced_indentation_because_the_filter_text_has_it() -> None:
    assert drawn("if x:\n[\t|]\n", "    return", VS_CODE) == ("\t", "    return", "\t    return")


def test_emacs_gets_nothing_that_it_would_refuse_to_show() -> None:
    assert drawn("if x:\n[\t|]\n", "    return", EMACS) is None


@pytest.mark.parametrize("policy", [*CURSOR_CLIENTS, VS_CODE], ids=lambda policy: policy.name)
def test_an_edit_that_changes_nothing_is_none(policy: ClientPolicy) -> None:
    assert drawn("f([|)]", ")", policy) is None


@pytest.mark.parametrize("policy", [*CURSOR_CLIENTS, VS_CODE], ids=lambda policy: policy.name)
def test_the_edit_never_ends_before_the_cursor(policy: ClientPolicy) -> None:
    document = DocumentSnapshot.of("file:///a.py", "python", 1, "self.na")
    edit = edit_for(Insertion("1", "name", 5, 6, None, "m"), document, 7, policy)

    assert edit is not None
    assert edit.end == 7


def test_carriage_returns_begin_lines_too() -> None:
    assert drawn("a\r  b[|]", "c", VS_CODE) == ("  b", "  bc", "  bc")
