from __future__ import annotations

import math
from dataclasses import fields, replace

import pytest

from codelsp.candidates.candidate import Candidate, Verdict
from codelsp.context.completion_context import Trigger
from codelsp.engine.port import FinishReason
from codelsp.ranking import Features, RankingWeights, estimate, features, judge, rank
from tests.candidates.contexts import candidate_at, context_at

CONTEXT = context_at("x = <CURSOR>\n")
ASKED = context_at("x = <CURSOR>\n", trigger=Trigger.INVOKED)


def spread(mean: float) -> tuple[float, ...]:
    """Return log-probabilities of six tokens, most of them likelier than the worst."""
    shape = (0.8, 0.4, 3.2, 0.5, 0.6, 0.5)
    return tuple(mean * each for each in shape)


def of_mean(mean: float, text: str = "compute(first)") -> Candidate:
    return candidate_at(CONTEXT, text, log_probs=spread(mean), finish=FinishReason.CUT)


@pytest.mark.parametrize(("mean", "chance"), [(-0.15, 0.8), (-0.7, 0.45), (-1.5, 0.15)])
def test_the_estimate_is_near_what_the_table_promises(mean: float, chance: float) -> None:
    assert estimate(of_mean(mean), ASKED) == pytest.approx(chance, abs=0.07)


def test_the_likelier_the_tokens_the_higher_the_estimate() -> None:
    scores = [estimate(of_mean(mean), CONTEXT) for mean in (-0.01, -0.1, -0.3, -0.8, -2.0, -9.0)]

    assert scores == sorted(scores, reverse=True)
    assert all(0 < score < 1 for score in scores)


def test_every_feature_has_a_weight() -> None:
    weighted = {each.name for each in fields(RankingWeights)} - {"bias", "bias_unknown"}

    assert weighted == {each.name for each in fields(Features)}


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        pytest.param(
            of_mean(-0.5), replace(of_mean(-0.5), errors_left=2), id="syntax errors lower it"
        ),
        pytest.param(
            replace(of_mean(-0.5), finish_reason=FinishReason.END),
            replace(of_mean(-0.5), finish_reason=FinishReason.LENGTH),
            id="running out of tokens lowers it",
        ),
        pytest.param(
            of_mean(-0.5), of_mean(-0.5, "compute(first,"), id="waiting for more lowers it"
        ),
        pytest.param(
            replace(of_mean(-0.5), covered=")"), of_mean(-0.5), id="fitting the rest raises it"
        ),
        pytest.param(
            of_mean(-0.5),
            replace(of_mean(-0.5), verdicts=(Verdict("check_syntax", "changed"),)),
            id="a repair lowers it",
        ),
        pytest.param(
            of_mean(-0.5),
            replace(of_mean(-0.5), text="a\nb\nc"),
            id="more lines lower it",
        ),
    ],
)
def test_what_is_seen_moves_the_estimate(better: Candidate, worse: Candidate) -> None:
    assert estimate(better, ASKED) > estimate(worse, ASKED)


def test_unasked_the_estimate_is_the_chance_that_all_tokens_are_right() -> None:
    candidate = candidate_at(CONTEXT, "name", log_probs=(-0.5, -0.7), finish=FinishReason.CUT)

    assert estimate(candidate, CONTEXT) == pytest.approx(math.exp(-1.2))
    longer = replace(candidate, log_probs=(-0.5, -0.7, -0.5))
    assert estimate(longer, CONTEXT) == pytest.approx(math.exp(-1.7))


@pytest.mark.parametrize(
    "worse",
    [
        replace(of_mean(-0.1), errors_left=2),
        replace(of_mean(-0.1), finish_reason=FinishReason.LENGTH),
        replace(of_mean(-0.1), verdicts=(Verdict("check_syntax", "changed"),)),
    ],
)
def test_unasked_what_speaks_against_it_lowers_the_estimate(worse: Candidate) -> None:
    assert estimate(worse, CONTEXT) < estimate(of_mean(-0.1), CONTEXT)


def test_without_log_probabilities_the_chance_is_even() -> None:
    candidate = candidate_at(
        CONTEXT, "compute(first, second)", log_probs=(), finish=FinishReason.CUT
    )

    assert estimate(candidate, CONTEXT) == pytest.approx(0.5, abs=0.05)


def test_features_are_numbers_of_the_candidate_alone() -> None:
    found = features(of_mean(-0.5), CONTEXT)

    assert found.mean_probability == pytest.approx(0.6065, abs=1e-3)
    assert found.least_probability == pytest.approx(0.2019, abs=1e-3)
    assert found.log_length == 0


def test_the_best_comes_first_and_equals_keep_their_order() -> None:
    texts = {"low": -2.0, "high": -0.1, "same one": -0.5, "same two": -0.5}
    candidates = [of_mean(mean, text) for text, mean in texts.items()]

    shown = [each.text for each in rank(candidates, ASKED, 0.0)]

    assert shown == ["high", "same one", "same two", "low"]


def test_who_only_types_is_shown_first_what_is_expected_to_save_most_keys() -> None:
    candidates = [of_mean(-0.1, "name"), of_mean(-0.3, "name_of_the_first")]

    assert [each.text for each in rank(candidates, CONTEXT, 0.0)] == ["name_of_the_first", "name"]
    assert [each.text for each in rank(candidates, ASKED, 0.0)] == ["name", "name_of_the_first"]


def test_of_two_that_say_the_same_the_better_is_shown() -> None:
    ranked = rank([of_mean(-1.0, "name "), of_mean(-0.1, "name")], CONTEXT, 0.0)

    assert [each.text for each in ranked if not each.is_dropped] == ["name"]
    assert ranked[-1].verdicts[-1].reason == "a better candidate says the same"


def test_below_the_threshold_nothing_is_shown_unasked() -> None:
    (ranked,) = rank([of_mean(-3.0)], CONTEXT, 0.35)

    assert ranked.is_dropped
    assert "below the threshold" in ranked.verdicts[-1].reason


def test_who_asks_gets_all_there_is() -> None:
    context = context_at("x = <CURSOR>\n", trigger=Trigger.INVOKED)
    (ranked,) = rank([of_mean(-3.0)], context, 0.35)

    assert not ranked.is_dropped
    assert ranked.score is not None
    assert ranked.score < 0.35


def test_a_verdict_says_why() -> None:
    judged = judge(of_mean(-0.1), CONTEXT, 0.35)

    assert judged.verdicts[-1] == Verdict("rank", "kept", f"score {judged.score:.2f}")


def test_what_was_dropped_stays_dropped() -> None:
    (ranked,) = rank([of_mean(-0.1).dropped("earlier", "so")], CONTEXT, 0.0)

    assert ranked.is_dropped
    assert ranked.score is None
