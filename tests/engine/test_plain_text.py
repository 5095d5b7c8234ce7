from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codelsp.engine.plain_text import (
    broken_at_special_tokens,
    grammar_for_prefix,
    without_lone_surrogates,
)

SPECIAL = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim", "</s>", "x")


def test_half_a_character_is_replaced_and_whole_ones_are_kept() -> None:
    assert without_lone_surrogates("a\ud83d🙂\ude42é") == "a\ufffd🙂\ufffdé"


@given(st.lists(st.sampled_from(["a", "\n", "é", *SPECIAL])).map("".join))
def test_parts_together_are_the_text_and_none_spells_a_special_token(text: str) -> None:
    parts = broken_at_special_tokens(text, SPECIAL)

    assert "".join(parts) == text
    assert not any(token in part for part in parts for token in SPECIAL if len(token) > 1)


def test_text_without_special_tokens_stays_in_one_part() -> None:
    assert broken_at_special_tokens("def f():\n    pass\n", SPECIAL[:4]) == ["def f():\n    pass\n"]


@pytest.mark.parametrize(
    ("prefix", "literal"),
    [
        ("self.na", '"self.na"'),
        ('"', r'"\""'),
        ("\\n", r'"\\n"'),
        ("\n\r\t", r'"\n\r\t"'),
        ("é", r'"\U000000E9"'),
        ("🙂", r'"\U0001F642"'),
        ("\x00", r'"\U00000000"'),
        ("[a]", '"[a]"'),
    ],
)
def test_a_forced_prefix_is_escaped_for_the_grammar(prefix: str, literal: str) -> None:
    assert grammar_for_prefix(prefix) == rf"root ::= {literal} [^\x00]*"
