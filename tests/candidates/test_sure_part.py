from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from codelsp.candidates.sure_part import sure_part
from codelsp.engine.port import FinishReason, Token
from codelsp.pipeline.generated import Generated
from tests.candidates.contexts import context_at

if TYPE_CHECKING:
    from codelsp.candidates.candidate import Candidate

CONTEXT = context_at("x = <CURSOR>\n")


def written(*tokens: tuple[str, float], at: int = CONTEXT.offset) -> Candidate:
    """Return the candidate of tokens, each with its chance."""
    made = tuple(Token(text, math.log(chance)) for text, chance in tokens)
    text = "".join(token.text for token in made)
    return Generated(text, made, FinishReason.CUT).as_candidate(at)


ASTRAY = written(("self", 0.9), (".name", 0.9), (".strip", 0.2), ("_all", 0.1), ("()", 0.9))


def test_it_ends_where_the_model_stops_being_sure() -> None:
    cut = sure_part(ASTRAY, CONTEXT, 0.3)

    assert cut.text == "self.name"
    assert [round(math.exp(each), 3) for each in cut.log_probs] == [0.9, 0.9]
    assert cut.verdicts[-1].step == "sure_part"


def test_what_the_model_is_sure_of_stays_whole() -> None:
    candidate = written(("self", 0.9), (".name", 0.95), ("()", 0.9))

    assert sure_part(candidate, CONTEXT, 0.3) is candidate


def test_a_closing_bracket_is_not_left_out_for_a_little_doubt() -> None:
    candidate = written(("join(root", 0.9), (", name", 0.9), (")", 0.9))

    assert sure_part(candidate, CONTEXT, 0.3) is candidate


def test_it_never_ends_inside_a_word() -> None:
    candidate = written(("comp", 0.9), ("ute", 0.9), ("_mean", 0.1), ("(x)", 0.9))

    assert sure_part(candidate, CONTEXT, 0.01).text == "compute_mean(x)"
    assert sure_part(candidate, CONTEXT, 0.3) is candidate, "ranking drops it then"


def test_of_two_places_the_one_that_saves_more_is_taken() -> None:
    candidate = written(("ab", 0.99), (".a_much_longer_name", 0.6), (" + z", 0.05))

    assert sure_part(candidate, CONTEXT, 0.5).text == "ab.a_much_longer_name"
    assert sure_part(candidate, CONTEXT, 0.8).text == "ab"


def test_one_character_is_too_little() -> None:
    candidate = written(("a", 0.9), (" + bcd", 0.2), (" * e", 0.1))

    assert sure_part(candidate, CONTEXT, 0.5) is candidate


def test_white_space_that_cleaning_changed_does_not_shift_it() -> None:
    candidate = written(("    if", 0.9), (" x:", 0.9), ("\n        y", 0.2), (" = 1", 0.1))
    moved = candidate.changed("fit_indentation", "", text="if x:\n    y = 1")

    assert sure_part(moved, CONTEXT, 0.3).text == "if x:"


def test_what_stands_before_the_cursor_already_is_not_counted_again() -> None:
    context = context_at("    sel<CURSOR>\n")
    candidate = written(("f", 0.9), (".name", 0.9), (".oops", 0.1), at=context.offset)
    whole = candidate.changed(
        "extend_selected", "", text="self.name.oops", start=context.offset - 3
    )

    assert sure_part(whole, context, 0.3).text == "self.name"


def test_text_right_of_the_cursor_stands_again_when_its_repeat_was_cut() -> None:
    context = context_at("foo(<CURSOR>)\n")
    candidate = written(("a", 0.9), (".b", 0.9), (", cde", 0.1), (")", 0.9), at=context.offset)
    covering = candidate.changed("fit_suffix", "", end=context.offset + 1, covered=")")

    cut = sure_part(covering, context, 0.3)
    assert (cut.text, cut.end, cut.covered) == ("a.b", context.offset, "")


def test_an_engine_that_gives_no_log_probabilities_is_believed() -> None:
    tokens = (Token("self.name", None), Token(".strip()", None))
    candidate = Generated("self.name.strip()", tokens, FinishReason.END).as_candidate(0)

    assert candidate.sureness == ()
    assert sure_part(candidate, CONTEXT, 0.9) is candidate


@pytest.mark.parametrize("typed", [0, 2, 4, 6])
def test_typing_on_makes_it_no_less_sure(typed: int) -> None:
    tokens = (Token("self", -0.1), Token(".name", -0.1), Token(".oops", -3.0))
    rest = Generated("self.name.oops", tokens, FinishReason.CUT).after(typed)

    assert sure_part(rest.as_candidate(CONTEXT.offset), CONTEXT, 0.3).text == "self.name"[typed:]


def test_forced_text_is_certain() -> None:
    tokens = (Token("na", None), Token("me", -0.2), Token(".oops", -3.0))
    candidate = Generated("name.oops", tokens, FinishReason.CUT).as_candidate(CONTEXT.offset)

    assert candidate.sureness == ((2, 0.0), (4, -0.2), (9, -3.2))
    assert sure_part(candidate, CONTEXT, 0.3).text == "name"
