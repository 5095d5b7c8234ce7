from __future__ import annotations

import pytest

from codelsp.candidates.syntax_check import check_syntax
from tests.candidates.contexts import candidate_at, context_at


def checked(marked: str, text: str, language_id: str = "python", **chosen: bool) -> str | None:
    context = context_at(marked, language_id, **chosen)
    found = check_syntax(candidate_at(context, text), context)
    return None if found.is_dropped else found.text


@pytest.mark.parametrize(
    ("marked", "text", "language_id"),
    [
        ("for<CURSOR>\n", " x in y:", "python"),
        ("class A:\n    def<CURSOR>\n\nx = 1\n", " f(self):", "python"),
        ("if<CURSOR>\n    pass\n", " x:", "python"),
        ("x = f(a, <CURSOR>\n", "b, ", "python"),
        ("x = f(\n    a,\n    <CURSOR>\n", "b,", "python"),
        ("x = {<CURSOR>\n", '"a": [', "python"),
        ("if (a) <CURSOR>\n", "{", "javascript"),
        ("foo(<CURSOR>\n", "function () {", "javascript"),
        ("func f() <CURSOR>\n", "error {", "go"),
    ],
)
def test_a_line_that_is_still_being_written_is_no_error(
    marked: str, text: str, language_id: str
) -> None:
    assert checked(marked, text, language_id) == text


@pytest.mark.parametrize(
    ("marked", "text", "language_id"),
    [
        ("x = 1\n<CURSOR>\ny = 2\n", "def def class (:", "python"),
        ("const a = 1;\n<CURSOR>\nconst b = 2;\n", "const const = => ;", "javascript"),
        ("package main\n\n<CURSOR>\n\nvar b = 2\n", "func func := {{", "go"),
    ],
)
def test_what_makes_the_document_worse_is_dropped(marked: str, text: str, language_id: str) -> None:
    assert checked(marked, text, language_id) is None


def test_what_can_be_repaired_is() -> None:
    text = "a = compute(1)\n    b = = 2 2"

    assert checked("def f():\n    <CURSOR>\n", text, multiline=True) == "a = compute(1)"


def test_a_document_that_was_broken_may_stay_so() -> None:
    marked = "def broken(:\n    pass\n\ndef f(x):\n    return <CURSOR>\n"

    assert checked(marked, "x + 1") == "x + 1"


def test_how_many_errors_are_left_is_kept_for_ranking() -> None:
    context = context_at("def f(x):\n    return <CURSOR>\n")

    assert check_syntax(candidate_at(context, "x + 1"), context).errors_left == 0


def test_without_a_tree_nothing_is_said() -> None:
    context = context_at("x = <CURSOR>\n", has_tree=False)
    candidate = candidate_at(context, "= = =")

    assert check_syntax(candidate, context) is candidate


def test_prose_has_no_errors() -> None:
    context = context_at("# Title\n<CURSOR>\n", "markdown")
    candidate = candidate_at(context, "((( and so on")

    assert check_syntax(candidate, context) is candidate
