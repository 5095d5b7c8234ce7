from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codelsp.evaluation.ngram import Counts, NgramCache, tokens_of

FILE = "for item in items:\n    print(item.name)\nfor item in items:\n    print(item.name)\n"


def _until_line_end(text: str) -> bool:
    return "\n" in text


@given(st.text())
def test_tokens_put_together_are_the_text(text: str) -> None:
    assert "".join(tokens_of(text)) == text


def test_what_the_file_says_is_said_again() -> None:
    cache = NgramCache(Counts.of([FILE]), Counts())

    assert cache.continued("for item", _until_line_end, 20).startswith(" in items:\n")


def test_a_word_that_is_half_typed_is_finished() -> None:
    cache = NgramCache(Counts.of([FILE]), Counts())

    assert cache.continued("    pri", _until_line_end, 20).startswith("nt(item.name)")


def test_the_project_helps_where_the_file_says_nothing() -> None:
    project = Counts.of(["connection.open_session(user)\n"])

    assert NgramCache(Counts(), Counts()).continued("connection.", _until_line_end, 9) == ""
    text = NgramCache(Counts.of(["a = 1\n"]), project).continued("connection.", _until_line_end, 9)
    assert text.startswith("open_session(user)")


def test_chances_after_a_known_context_add_up_to_no_more_than_one() -> None:
    counts = Counts.of([FILE])
    vocabulary = set(tokens_of(FILE))

    for context in ((), (" item",), ("for", " item")):
        total = sum(counts.probability(context, token) for token in vocabulary)
        assert 0.4 < total <= 1.0 + 1e-9


def test_a_longer_context_that_agrees_makes_a_token_more_likely() -> None:
    counts = Counts.of([FILE])

    assert counts.probability((" item", " in"), " items") > counts.probability((), " items")


def test_an_unknown_context_falls_back_to_what_is_known_of_its_end() -> None:
    counts = Counts.of([FILE])

    known = counts.probability((" in",), " items")
    assert counts.probability((" nowhere", " in"), " items") == pytest.approx(known)
