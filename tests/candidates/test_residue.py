from __future__ import annotations

import pytest

from codelsp.candidates.residue import MOST_CHARS, preamble_length, strip_residue
from tests.candidates.contexts import candidate_at, context_at, dropped_by


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("```python\nx = 1\n```\nThis sets x.", "x = 1"),
        ("~~~\nx = 1\n~~~", "x = 1"),
        ("x = 1\n```", "x = 1"),
        ("<think>so</think>\nx = 1", "x = 1"),
        ("<think>so", ""),
        ("x = 1<|endoftext|>", "x = 1"),
        ("x = 1<|fim_suffix|>y", "x = 1"),
        ("x = 1<fim_middle>y", "x = 1"),
        ("x = 1<\uff5cfim\u2581hole\uff5c>y", "x = 1"),
        ("x = 1[SUFFIX]y", "x = 1"),
        ("x = 1 <EOT>", "x = 1 "),
        ("x = 1\x00y", "x = 1"),
        ("x = 1\x1b[0m", "x = 1"),
        ("x = 1\ud800", "x = 1"),
        ("x = a<b>c", "x = a<b>c"),
        ("x <| y", "x <| y"),
        ("a\tb", "a\tb"),
    ],
)
def test_what_is_not_code_goes(text: str, kept: str) -> None:
    context = context_at("<CURSOR>", multiline=True)

    assert strip_residue(candidate_at(context, text), context).text == kept


def test_a_document_about_special_tokens_may_spell_them() -> None:
    context = context_at('A = "<|fim_prefix|>"\nB = <CURSOR>\n')

    assert strip_residue(candidate_at(context, '"<|fim_prefix|>"'), context).verdicts == ()


def test_fences_are_text_in_markdown() -> None:
    context = context_at("<CURSOR>", "markdown", multiline=True)

    assert strip_residue(candidate_at(context, "```sh\nls\n```"), context).verdicts == ()


def test_a_long_text_is_cut_at_a_line() -> None:
    context = context_at("<CURSOR>", multiline=True)
    text = "x = 1\n" * MOST_CHARS

    shortened = strip_residue(candidate_at(context, text), context)

    assert len(shortened.text) <= MOST_CHARS
    assert shortened.text.endswith("x = 1")


def test_a_long_line_is_dropped() -> None:
    context = context_at("<CURSOR>")

    assert dropped_by(strip_residue(candidate_at(context, "x" * 5000), context)) == "residue"


def test_what_is_said_of_a_thought_says_nothing_of_the_code() -> None:
    context = context_at("x = <CURSOR>\n")

    stripped = strip_residue(candidate_at(context, "<think>so</think>1"), context)

    assert stripped.log_probs == ()


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("x = 1", 0),
        ("<", None),
        ("<th", None),
        ("<think>so\n", None),
        ("<think>so</think>x", 17),
        ("<this>", 0),
        ("``", None),
        ("```py", None),
        ("```py\nx", 6),
        ("`x`\n", 0),
    ],
)
def test_a_preamble_is_known_when_it_has_ended(text: str, length: int | None) -> None:
    assert preamble_length(text, may_have_fences=False) == length
