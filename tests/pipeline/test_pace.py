"""Delays and limits follow what was measured."""

from __future__ import annotations

from dataclasses import replace

import pytest

from codelsp.engine.port import FinishReason, GenerationStats
from codelsp.pipeline.pace import Pace
from codelsp.settings import Settings


def _stats(decode_ms: float, prompt_ms: float = 10.0, read: int = 100) -> GenerationStats:
    return GenerationStats(
        FinishReason.END,
        prompt_tokens=read,
        prompt_tokens_reused=0,
        prompt_ms=prompt_ms,
        decoded_tokens=20,
        decode_ms=decode_ms,
    )


def _typing(pace: Pace, between_ms: float) -> None:
    for key in range(10):
        pace.note_keystroke(key * between_ms)


def test_a_fast_model_is_started_without_a_wait() -> None:
    pace = Pace()
    _typing(pace, 120)
    pace.note_stats(_stats(20), 25)

    assert pace.wait_ms(Settings(), 0) == 0


def test_a_slow_model_waits_for_a_gap_between_keystrokes() -> None:
    pace = Pace()
    _typing(pace, 120)
    for _ in range(2):
        pace.note_stats(_stats(900), 1000)

    assert 120 < pace.wait_ms(Settings(), 0) <= 300
    assert pace.wait_ms(Settings(), 200) == 0


@pytest.mark.parametrize(("between_ms", "is_waiting"), [(200, False), (80, True)])
def test_a_model_that_is_done_before_the_next_key_is_not_waited_for(
    between_ms: float, *, is_waiting: bool
) -> None:
    pace = Pace()
    _typing(pace, between_ms)
    for _ in range(2):
        pace.note_stats(_stats(90), 100)

    assert (pace.wait_ms(Settings(), 0) > 0) == is_waiting


def test_a_prompt_read_anew_after_a_jump_delays_none_of_the_keys_behind_it() -> None:
    pace = Pace()
    _typing(pace, 120)
    for elapsed_ms in (300, 25, 30, 400, 28):
        pace.note_stats(None, elapsed_ms)
        assert pace.wait_ms(Settings(), 0) == 0

    for _ in range(3):
        pace.note_stats(None, 400)
    assert pace.wait_ms(Settings(), 0) > 0


def test_what_nobody_waits_for_teaches_nothing() -> None:
    pace = Pace()
    pace.note_stats(_stats(20), 25)
    aside = pace.aside()

    aside.note_stats(_stats(900), 1000)

    assert (pace.answer_ms, pace.decode_tokens_per_second) == (25, 1000.0)
    assert aside.decode_tokens_per_second is not None
    assert aside.decode_tokens_per_second < 1000.0


def test_a_wait_set_by_the_user_is_kept() -> None:
    assert Pace().wait_ms(Settings(debounce_ms=70), 0) == 70


def test_a_slow_machine_gets_shorter_completions_on_one_line() -> None:
    pace = Pace()
    pace.note_stats(_stats(decode_ms=2000), 2000)

    assert pace.most_tokens(48) == 8
    assert not pace.allows_lines()


def test_a_fast_machine_gets_what_the_settings_allow() -> None:
    pace = Pace()
    pace.note_stats(_stats(decode_ms=20), 30)

    assert pace.most_tokens(48) == 48
    assert pace.allows_lines()


def test_the_prompt_shrinks_by_halves_and_stays_when_speed_wavers() -> None:
    pace = Pace()
    pace.note_stats(_stats(20, prompt_ms=100, read=100), 200)
    first = pace.most_context(4096)
    pace.note_stats(_stats(20, prompt_ms=130, read=100), 200)

    assert first == 512
    assert pace.most_context(4096) == first


def test_a_reading_of_a_few_tokens_says_nothing_of_reading_speed() -> None:
    pace = Pace()
    pace.note_stats(_stats(20, prompt_ms=5, read=2), 30)

    assert pace.most_context(4096) == 4096


def test_a_token_that_came_with_the_prompt_says_nothing_of_decoding_speed() -> None:
    pace = Pace()
    pace.note_stats(_stats(2000), 2000)
    before = pace.decode_tokens_per_second
    for _ in range(10):
        pace.note_stats(replace(_stats(0.001), decoded_tokens=1), 30)

    assert pace.decode_tokens_per_second == before
