"""What a model says, and what of it may stand in a hole."""

from __future__ import annotations

import pytest

from codelsp.document.languages import language_of
from codelsp.drafts.draft import expression, sentence
from codelsp.drafts.filling import best, fit, is_cut_known, is_settled

PYTHON = language_of("python")
SENTENCE = sentence("The size.", "", "max_size")
EXPRESSION = expression("1", ")", frozenset({"f", "x", "width"}))

SENTENCES = [
    ("the size of it. And more", "The size of it."),
    ("The size of it\n    other: X", "The size of it."),
    ('The size of it."""\n', "The size of it."),
    ("The size, e.g. of a page. X", "The size, e.g. of a page."),
    ("The size */ int x", "The size."),
    ("`None` if the size is unknown.", "`None` if the size is unknown."),
    ("Size", None),
    ("", None),
    ("self.size = size", None),
    (">>> size(1)", None),
    ("The size of the size.", None),
    ("The size (of it", None),
    ("The size is:", None),
    ("int: The size of it.", None),
    ("- The size", None),
    ("x" * 200, None),
]


@pytest.mark.parametrize(("said", "kept"), SENTENCES)
def test_a_sentence_is_one_sentence_in_words(said: str, kept: str | None) -> None:
    assert fit(SENTENCE, said, PYTHON) == kept


EXPRESSIONS = [
    ("3, 4)", "3"),
    ("[1, 2], 3)", "[1, 2]"),
    ("f(1, ')')) + 1", "f(1, ')')"),
    ("(2, 'a, b'), 2", "(2, 'a, b')"),
    ("x\n", "x"),
    ("", None),
    (")", None),
    ("[1, 2", None),
    ("'open", None),
    ("1 +", None),
    ("1  # one", "1"),
    ('"one"', None),
    ("unheard_of", None),
    ("f(y)", None),
    ("f(y=1)", "f(y=1)"),
    ("x.y", "x.y"),
    ("int", None),
    ("int('y')", "int('y')"),
]


@pytest.mark.parametrize(("said", "kept"), EXPRESSIONS)
def test_an_expression_ends_where_its_argument_does(said: str, kept: str | None) -> None:
    assert fit(EXPRESSION, said, PYTHON) == kept


def test_a_result_is_not_compared_with_itself() -> None:
    assert (
        fit(expression("...", "\n", frozenset({"area", "width"}), "area"), "area(1, 2)\n", PYTHON)
        is None
    )
    assert (
        fit(expression("...", "\n", frozenset({"area", "width"}), "area"), "width * 2\n", PYTHON)
        == "width * 2"
    )


def test_a_stream_is_closed_once_the_hole_is_full() -> None:
    assert not is_cut_known(SENTENCE, "\n The size", PYTHON)
    assert is_cut_known(SENTENCE, "The size. N", PYTHON)
    assert is_cut_known(SENTENCE, "The size\n", PYTHON)
    assert not is_cut_known(EXPRESSION, "f(1, 2", PYTHON)
    assert is_cut_known(EXPRESSION, "f(1, 2),", PYTHON)


def test_the_surer_of_two_fitting_sentences_is_taken() -> None:
    said = [("The size of it.", -0.9), ("The greatest size.", -0.3)]

    assert best(SENTENCE, said) == "The greatest size."


def test_a_sentence_about_something_else_needs_a_model_that_is_very_sure() -> None:
    assert best(SENTENCE, [("The first line.", -0.8)]) is None
    assert best(SENTENCE, [("The first line.", -0.2)]) == "The first line."
    assert best(SENTENCE, [("The sizes allowed.", -0.8)]) == "The sizes allowed."
    assert best(SENTENCE, [("The size of what.", -2.0)]) is None


def test_no_other_candidate_is_asked_for_once_the_model_is_sure() -> None:
    assert not is_settled(SENTENCE, [])
    assert not is_settled(SENTENCE, [("The size of it.", -0.9)])
    assert is_settled(SENTENCE, [("The size of it.", -0.2)])
    assert is_settled(SENTENCE, [("The size of it.", None)])


def test_an_engine_without_probabilities_is_trusted() -> None:
    assert best(SENTENCE, [("The first line.", None)]) == "The first line."
    assert best(EXPRESSION, []) is None
