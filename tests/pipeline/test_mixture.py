from __future__ import annotations

import math

import pytest

from codelsp.engine.port import FinishReason, Token
from codelsp.pipeline.generated import Generated
from codelsp.pipeline.mixture import mixed


def generated(*pairs: tuple[str, float | None]) -> Generated:
    """Return a generation of tokens and their probabilities."""
    tokens = tuple(
        Token(text, None if chance is None else math.log(chance)) for text, chance in pairs
    )
    return Generated("".join(token.text for token in tokens), tokens, FinishReason.CUT)


def chances(one: Generated) -> list[float]:
    """Return the chance of each beginning of ``one``, a token longer each time."""
    return [round(math.exp(total), 4) for _, total in one.sums]


def test_what_both_say_is_likelier_than_either_thinks() -> None:
    model, words = generated(("add", 0.5), ("(", 0.8)), generated(("add(", 0.6))

    assert chances(mixed(model, words)) == [0.8, 0.76]


def test_what_one_says_alone_is_worth_half() -> None:
    model, words = generated(("close", 0.6)), generated(("add", 0.6))

    assert chances(mixed(model, words)) == [0.3]
    assert chances(mixed(words, model)) == [0.3]


def test_they_part_where_they_differ() -> None:
    model = generated(("add", 0.5), ("(", 1.0), ("book", 0.5))

    assert chances(mixed(model, generated(("add", 0.5), ("(page", 1.0)))) == [0.75, 0.75, 0.125]


def test_white_space_is_no_difference() -> None:
    model, words = generated(("    add", 0.5)), generated(("add", 0.5))

    assert chances(mixed(model, words)) == [0.75]


def test_a_chance_never_grows_with_the_text() -> None:
    model = generated(("a", 0.5), ("b", 1.0), ("c", 1.0))
    found = chances(mixed(model, generated(("a", 0.5), ("bc", 1.0))))

    assert found == sorted(found, reverse=True)


def test_what_nobody_takes_for_possible_is_no_error() -> None:
    model = Generated("ab", (Token("ab", -5000.0),), FinishReason.CUT)

    for words in (generated(("x", 0.5)), model):
        assert chances(mixed(model, words)) == [0.0]


def test_forced_text_stays_certain() -> None:
    model = generated(("na", None), ("me", 0.5))

    assert [each.log_prob is None for each in mixed(model, generated(("x", 0.5))).tokens] == [
        True,
        False,
    ]


@pytest.mark.parametrize("other", [None, generated(("name", None))])
def test_without_a_second_opinion_it_stays_as_it_is(other: Generated | None) -> None:
    model = generated(("name", 0.5))

    assert mixed(model, other) is model


def test_a_model_that_says_nothing_differs_too() -> None:
    words = generated(("name", 0.5))

    assert chances(mixed(words, Generated("", (), FinishReason.END))) == [0.25]
