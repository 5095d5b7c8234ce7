from __future__ import annotations

import pytest

from codelsp.candidates.clean import clean
from codelsp.candidates.first_line import first_line
from tests.candidates.contexts import accepted, candidate_at, context_at


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\nb\nc", "a"),
        ("a", None),
        ("\n    a\n    b", "\n    a"),
        ("\n    a", None),
        ("a  \r\nb", "a"),
        ("", None),
    ],
)
def test_the_first_line_is_the_first_that_says_something(text: str, line: str | None) -> None:
    context = context_at("<CURSOR>", multiline=True)
    found = first_line(candidate_at(context, text))

    assert (found.text if found else None) == line


def test_what_the_first_line_does_not_close_stays_in_the_document() -> None:
    context = context_at("f(<CURSOR>)\n", "javascript", multiline=True, unit="  ")
    candidate = clean(candidate_at(context, "() => {\n  return 1;\n})"), context)
    assert candidate.covered == ")"

    line = first_line(candidate)

    assert line is not None
    assert accepted(line, context) == "f(⟦() => {⟧)\n"


def test_what_the_first_line_closes_stays_covered() -> None:
    context = context_at("if (<CURSOR>)\n", "javascript", multiline=True, unit="  ")
    candidate = clean(candidate_at(context, "a > 1) {\n  go();\n}"), context)

    line = first_line(candidate)

    assert line is not None
    assert accepted(line, context) == "if (⟦a > 1) {⟧\n"
