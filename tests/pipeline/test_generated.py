"""What is left of a generation when some of it has been typed."""

from __future__ import annotations

from codelsp.engine.port import FinishReason, Token
from codelsp.pipeline.generated import Generated

TOKENS = (Token("wid", -0.1), Token("th\n", -0.2), Token("def", -3.0))
CUT = Generated("width\ndef", TOKENS, FinishReason.CUT, kept_chars=5)


def test_the_part_before_the_cut_is_the_candidate_with_its_own_log_probabilities() -> None:
    candidate = CUT.as_candidate(7)

    assert (candidate.text, candidate.start, candidate.end) == ("width", 7, 7)
    assert candidate.log_probs == (-0.1, -0.2)


def test_typing_takes_whole_tokens_with_it_and_keeps_one_that_was_begun() -> None:
    rest = CUT.after(4)

    assert rest.text == "h\ndef"
    assert rest.kept_chars == 1
    assert [token.log_prob for token in rest.tokens] == [-0.2, -3.0]


def test_what_stands_past_the_cut_is_unfinished() -> None:
    rest = CUT.after(5)

    assert rest.finish_reason is FinishReason.LENGTH
    assert not rest.is_worth_showing


def test_blank_text_is_not_worth_showing() -> None:
    assert not Generated("  \n", TOKENS, FinishReason.END).is_worth_showing
