"""Several lines only where a body is to be written."""

from __future__ import annotations

import pytest

from codelsp.context.multiline import may_span_lines
from codelsp.document.syntax import parse
from tests.documents import at_cursor


def decide(marked: str, language_id: str = "python", mode: str = "auto") -> bool:
    document, offset = at_cursor(marked, language_id, "untitled:a")
    return may_span_lines(document, offset, parse(document), mode)


@pytest.mark.parametrize(
    ("marked", "language_id"),
    [
        pytest.param("def f(a):<CURSOR>", "python", id="after the colon"),
        pytest.param("def f(a):\n    <CURSOR>\n", "python", id="below it"),
        pytest.param("if a:\n    <CURSOR>\nelse:\n    b()\n", "python", id="an empty branch"),
        pytest.param("def f():\n    x = 1\n    <CURSOR>\n", "python", id="a blank line in a body"),
        pytest.param("function f() {<CURSOR>}", "javascript", id="before a closing brace"),
        pytest.param("int f() {\n    <CURSOR>\n}\n", "c", id="between braces"),
        pytest.param("fun f() {\n    <CURSOR>\n}\n", "kotlin", id="no grammar, between braces"),
        pytest.param("fun f() {<CURSOR>\n}\n", "kotlin", id="no grammar, after a brace"),
        pytest.param("fun f() {\n    a()\n    <CURSOR>\n}\n", "kotlin", id="no grammar, in a body"),
    ],
)
def test_a_body_may_have_several_lines(marked: str, language_id: str) -> None:
    assert decide(marked, language_id)
    assert decide(marked, language_id, "always")
    assert not decide(marked, language_id, "never")


@pytest.mark.parametrize(
    ("marked", "language_id"),
    [
        pytest.param("x = <CURSOR>\n", "python", id="an expression"),
        pytest.param("def f(<CURSOR>):\n    return 1\n", "python", id="parameters"),
        pytest.param("def f():<CURSOR>\n    return 1\n", "python", id="the body is there"),
        pytest.param("x = 1\n<CURSOR>\n", "python", id="a blank line outside"),
        pytest.param("def f():\n    # to do<CURSOR>\n", "python", id="a comment"),
        pytest.param('x = "a<CURSOR>"\n', "python", id="a string"),
        pytest.param("fun f() {<CURSOR>\n    a()\n}\n", "kotlin", id="no grammar, body there"),
        pytest.param("val x = <CURSOR>\n", "kotlin", id="no grammar, an expression"),
        pytest.param("<CURSOR>\n", "plaintext", id="an empty document"),
    ],
)
def test_elsewhere_the_line_is_all(marked: str, language_id: str) -> None:
    assert not decide(marked, language_id)


@pytest.mark.parametrize("mode", ["auto", "always"])
def test_text_after_the_cursor_keeps_a_completion_on_its_line(mode: str) -> None:
    assert not decide("def f():<CURSOR> x\n", mode=mode)
    assert not decide("if (a) {<CURSOR>} else {\n}\n", "javascript", mode)


def test_closers_after_the_cursor_do_not() -> None:
    assert decide("call(function () {<CURSOR>});\n", "javascript", "always")


def test_always_means_in_expressions_and_comments_too() -> None:
    assert decide("x = <CURSOR>\n", mode="always")
    assert decide("# x<CURSOR>\n", mode="always")


def test_a_line_of_two_megabytes_is_not_read() -> None:
    assert not decide("x" * 1_000_000 + "<CURSOR>" + "x" * 1_000_000, "plaintext")
