from __future__ import annotations

import pytest

from codelsp.candidates.cut import cut_to_block, cut_to_line, cut_unfinished
from codelsp.document.syntax import SyntaxTree
from codelsp.engine.port import FinishReason
from tests.candidates.contexts import candidate_at, context_at, dropped_by


def unfinished(marked: str, text: str, language_id: str = "python", **chosen: bool) -> str | None:
    context = context_at(marked, language_id, **chosen)
    candidate = candidate_at(context, text, finish=FinishReason.LENGTH)
    found = cut_unfinished(candidate, context)
    return None if found.is_dropped else found.text


@pytest.mark.parametrize("has_tree", [True, False])
@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("user.profile.get_na", "user.profile"),
        ("user.name + user.sur", "user.name + user"),
        ("compute(first, sec", "compute(first,"),
        ("compute(first)", "compute(first)"),
        ("compute(first) ", "compute(first)"),
        ("configurat", None),
        ("a.b", None),
    ],
)
def test_half_a_word_is_never_shown(text: str, kept: str | None, has_tree: bool) -> None:
    assert unfinished("x = <CURSOR>\n", text, has_tree=has_tree) == kept


def test_half_a_word_of_prose_is_not_shown_either() -> None:
    assert unfinished("# The number <CURSOR>\n", "of all occurr") == "of all"


@pytest.mark.parametrize("has_tree", [True, False])
def test_of_several_lines_the_last_is_given_up(has_tree: bool) -> None:
    text = "\n    a = 1\n    b = compute(a)\n    return a + b.val"
    kept = unfinished("def f():<CURSOR>\n", text, multiline=True, has_tree=has_tree)

    assert kept == "\n    a = 1\n    b = compute(a)"


@pytest.mark.parametrize("has_tree", [True, False])
def test_a_statement_is_never_cut_in_two(has_tree: bool) -> None:
    text = "\n  const a = 1;\n  const b = build({\n    x: 1,\n    y: 2"
    marked = "function f() {<CURSOR>\n}\n"
    kept = unfinished(marked, text, "javascript", multiline=True, has_tree=has_tree)

    assert kept == "\n  const a = 1;"


def test_nothing_is_parsed_where_no_line_can_end_a_statement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(SyntaxTree, "with_edit", lambda *_: pytest.fail("parsed"))
    kept = unfinished(
        "def f():\n<CURSOR>\n", "    if a == 1:\n        # of all occ", multiline=True
    )

    assert kept == "    if a == 1:"


def test_a_line_that_came_to_its_end_is_whole() -> None:
    context = context_at("x = <CURSOR>\n")
    candidate = candidate_at(context, "compute(1)\ny = comp", finish=FinishReason.LENGTH)

    assert cut_unfinished(cut_to_line(candidate, context), context).text == "compute(1)"


def test_one_line_is_cut_out_of_several() -> None:
    context = context_at("x = <CURSOR>\n")

    assert cut_to_line(candidate_at(context, "1\ny = 2"), context).text == "1"


def test_after_a_complete_line_nothing_is_left() -> None:
    context = context_at("x = 1<CURSOR>\n")

    assert dropped_by(cut_to_line(candidate_at(context, "\ny = 2"), context)) == "cut_to_line"


def test_log_probabilities_are_cut_with_the_text() -> None:
    context = context_at("x = <CURSOR>\n")
    candidate = candidate_at(context, "12345\n7890", log_probs=(-0.1, -0.2, -3.0, -4.0))

    assert cut_to_line(candidate, context).log_probs == (-0.1, -0.2)


def test_a_block_is_cut_where_it_ends() -> None:
    context = context_at("def f():<CURSOR>\n", multiline=True)

    assert cut_to_block(candidate_at(context, "\n    a\nb"), context).text == "\n    a"


def test_a_header_without_its_body_is_given_up() -> None:
    context = context_at("def f():<CURSOR>\n", multiline=True)
    candidate = candidate_at(context, "\n    a = 1\n    for b in a:")

    assert cut_unfinished(candidate, context).text == "\n    a = 1"


def test_a_header_alone_stays() -> None:
    context = context_at("def f():<CURSOR>\n", multiline=True)
    candidate = candidate_at(context, "\n    for b in a:")

    assert cut_unfinished(candidate, context).text == "\n    for b in a:"
