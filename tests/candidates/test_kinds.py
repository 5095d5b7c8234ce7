from __future__ import annotations

import pytest

from codelsp.candidates.kinds import extend_selected, stay_in_kind, trim_end
from codelsp.context.completion_context import SelectedCompletion
from tests.candidates.contexts import candidate_at, context_at, dropped_by


def stayed(marked: str, text: str, language_id: str = "python") -> str | None:
    context = context_at(marked, language_id, multiline=True)
    found = stay_in_kind(candidate_at(context, text), context)
    return None if found.is_dropped else found.text


@pytest.mark.parametrize(
    ("marked", "text", "kept"),
    [
        ("# Sum <CURSOR>\n", "of all\nx = 1", "of all"),
        ("# Sum <CURSOR>\n", "of all,\n# without tax\nx = 1", "of all,\n# without tax"),
        ("# Sum.<CURSOR>\n", "\nx = 1", "\nx = 1"),
        ("# <CURSOR>\n", "# Sum", None),
        ("# Sum <CURSOR>\n", "of all", "of all"),
    ],
)
def test_a_comment_does_not_leak_into_code(marked: str, text: str, kept: str | None) -> None:
    assert stayed(marked, text) == kept


@pytest.mark.parametrize(
    ("marked", "text", "kept"),
    [
        ("/* Adds <CURSOR> */\nf();\n", "two */ g();", "two "),
        ("/* Adds <CURSOR>\nf();\n", "two */ g();", "two */"),
        ("/* <CURSOR> */\n", "*/", None),
        ("/*\n * Adds <CURSOR>\n */\n", "two\n * numbers", "two\n * numbers"),
    ],
)
def test_a_block_comment_is_closed_once(marked: str, text: str, kept: str | None) -> None:
    assert stayed(marked, text, "javascript") == kept


@pytest.mark.parametrize(
    ("marked", "text", "kept"),
    [
        ('x = "a<CURSOR>"\n', "b\nc", "b"),
        ('x = "a<CURSOR>\n', "b\nc", "b"),
        ('x = "a<CURSOR>\n', 'b"\ny = 1', 'b"\ny = 1'),
        ('x = """a<CURSOR>\n"""\n', "b\nc", "b\nc"),
        ('x = """a<CURSOR>\n"""\n', 'b\n"""\ny = 1', "b"),
        ('x = """a<CURSOR>', 'b\n"""\ny = 1', 'b\n"""\ny = 1'),
    ],
)
def test_a_string_ends_once(marked: str, text: str, kept: str | None) -> None:
    assert stayed(marked, text) == kept


@pytest.mark.parametrize(
    ("text", "is_kept"), [("nt(x)", True), ("nt", False), ("int", False), ("n", False)]
)
def test_what_does_not_go_on_from_the_popup_s_entry_is_dropped(text: str, is_kept: bool) -> None:
    selected = SelectedCompletion(0, 3, "print")
    context = context_at("pri<CURSOR>\n", selected=selected)

    found = extend_selected(candidate_at(context, text), context)

    assert (dropped_by(found) is None) is is_kept


@pytest.mark.parametrize(
    ("marked", "text", "trimmed"),
    [
        ("x = <CURSOR>\n", "1  ", "1"),
        ("f(<CURSOR>b)\n", "a, ", "a, "),
        ("<CURSOR>\n", "a\n    \nb\n\n", "a\n\nb"),
    ],
)
def test_no_white_space_is_left_at_the_end(marked: str, text: str, trimmed: str) -> None:
    context = context_at(marked, multiline=True)

    assert trim_end(candidate_at(context, text), context).text == trimmed
