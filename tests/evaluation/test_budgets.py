from __future__ import annotations

from codelsp.evaluation.budgets import figures_of
from codelsp.evaluation.editor_session import Reply
from codelsp.evaluation.samples import Samples


def _reply(elapsed_ms: float, source: str = "model", *, tokens: int = 0, reused: int = 0) -> Reply:
    facts = {"prompt_tokens": tokens, "prompt_tokens_reused": reused}
    return Reply(0, elapsed_ms, (), {"source": source, "facts": facts, "stages_ms": {}})


def test_only_keystrokes_that_reached_the_model_count_as_warm_keystrokes() -> None:
    samples = Samples(answers=[_reply(20.0), _reply(1.0, "cache"), _reply(40.0)])
    figures = {figure.key: figure for figure in figures_of(samples)}

    assert figures["keystroke_p50"].value == 30.0
    assert figures["keystroke_p50"].note == "2 of 3 keystrokes reached the model"


def test_the_ratio_is_infill_over_ours() -> None:
    samples = Samples(answers=[_reply(20.0)], infill_ms=[80.0], infill_tokens_read=[200.0])
    figures = {figure.key: figure for figure in figures_of(samples)}

    assert figures["times_infill"].value == 4.0
    assert figures["times_infill"].is_met
    assert "200 prompt tokens" in figures["times_infill"].note


def test_tokens_read_are_those_not_reused() -> None:
    samples = Samples(answers=[_reply(1.0, tokens=500, reused=497)])
    figures = {figure.key: figure for figure in figures_of(samples)}

    assert figures["tokens_read"].value == 3


def test_the_first_key_after_a_jump_is_told_beside_one_without_a_rest() -> None:
    samples = Samples(jump_ms=[300.0, 280.0], rested_jump_ms=[40.0, 30.0])
    figures = {figure.key: figure for figure in figures_of(samples)}

    assert figures["rested_jump"].value == 35.0
    assert figures["rested_jump"].note == "without that rest: median 290.0 ms"


def test_nothing_measured_keeps_no_budget() -> None:
    assert not any(figure.is_met for figure in figures_of(Samples()))
