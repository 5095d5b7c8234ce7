from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelsp.candidates.stream_cut import StreamCut
from tests.candidates.contexts import context_at


def kept(marked: str, text: str, language_id: str = "python", **chosen: object) -> str | None:
    """Return what is kept of ``text``, told character by character; None if it may go on."""
    max_lines = int(str(chosen.pop("max_lines", 24)))
    cut = StreamCut(context_at(marked, language_id, **chosen), max_lines=max_lines)
    for end in range(1, len(text) + 1):
        length = cut.kept_length(text[:end])
        if length is not None:
            assert cut.kept_length(text) == length
            return text[:length]
    return None


def test_one_line_ends_with_its_line() -> None:
    assert kept("x = <CURSOR>\n", "1\ny = 2") == "1"


def test_one_line_goes_on_until_then() -> None:
    assert kept("x = <CURSOR>\n", "compute(first, second)") is None


def test_a_blank_line_before_the_line_is_passed_over() -> None:
    assert kept("<CURSOR>\n", "\n\nx = 1\ny") == "\n\nx = 1"


def test_a_complete_line_gets_nothing() -> None:
    assert kept("x = 1<CURSOR>\n", "\ny = 2") == ""


def test_it_stops_where_the_line_goes_on_already() -> None:
    assert kept("total = <CURSOR> + tax\n", "price + tax and more") == "price + tax"


def test_a_bracket_of_its_own_is_not_where_the_line_goes_on() -> None:
    assert kept("print(<CURSOR>):\n", "len(items):") is None


def test_a_block_ends_before_the_first_shallower_line() -> None:
    text = "    x = 1\n    return x\n\n\ndef g"
    assert kept("def f():\n    <CURSOR>\n", text, multiline=True) == "    x = 1\n    return x"


def test_a_shallower_line_is_known_by_its_first_word() -> None:
    cut = StreamCut(context_at("def f():\n    <CURSOR>\n", multiline=True))

    assert cut.kept_length("    x = 1\n") is None
    assert cut.kept_length("    x = 1\nclass") is None
    assert cut.kept_length("    x = 1\nclass A") == len("    x = 1")


def test_the_block_s_closer_comes_with_it() -> None:
    text = "\n  return 1;\n}\n\nfunction g"
    marked = "function f() {<CURSOR>\n"
    assert kept(marked, text, "javascript", multiline=True) == "\n  return 1;\n}"


def test_a_blank_line_does_not_end_a_body() -> None:
    text = "    x = 1\n\n    return x\n"
    assert kept("def f():\n    <CURSOR>\n", text, multiline=True) is None


def test_a_blank_line_ends_statements_of_the_top_level() -> None:
    assert kept("<CURSOR>\n", "x = 1\ny = 2\n\nz = 3", multiline=True) == "x = 1\ny = 2"


def test_it_stops_at_the_line_that_follows_the_cursor() -> None:
    marked = "def f():\n    <CURSOR>\n    return compute(total)\n"
    text = "    total = 1\n    return compute(total)\n    more"
    assert kept(marked, text, multiline=True) == "    total = 1"


def test_it_stops_when_lines_repeat_themselves() -> None:
    assert kept("<CURSOR>\n", "import os\n" * 5, multiline=True) == "import os"


def test_it_stops_when_words_repeat_themselves() -> None:
    assert kept("x = <CURSOR>\n", "self.name." * 30) == ""


def test_it_stops_at_a_special_token() -> None:
    assert kept("x = <CURSOR>\n", "1<|fim_middle|>2") == "1"


def test_it_stops_at_a_closing_fence() -> None:
    assert kept("x = <CURSOR>\n", "compute(1)```\nSo") == "compute(1)"


def test_a_fence_around_everything_is_read_through() -> None:
    assert kept("x = <CURSOR>\n", "```python\ncompute(1)\n```") == "```python\ncompute(1)"


def test_a_thought_is_read_through() -> None:
    text = "<think>one\ntwo\n</think>compute(1)\ny"
    assert kept("x = <CURSOR>\n", text) == "<think>one\ntwo\n</think>compute(1)"


@pytest.mark.parametrize("max_lines", [1, 3])
def test_there_are_at_most_so_many_lines(max_lines: int) -> None:
    text = "".join(f"    a_{n} = load({n})\n" for n in "abcdef")
    found = kept("def f():\n    <CURSOR>\n", text, multiline=True, max_lines=max_lines)

    assert found is not None
    assert found.count("\n") == max_lines - 1


def test_a_very_long_line_is_cut() -> None:
    found = kept("x = <CURSOR>\n", "".join(f"{n}+" for n in range(1500)))

    assert found is not None
    assert len(found) <= 4096


PIECES = st.lists(
    st.sampled_from(
        ["x", " ", "    ", "\n", "return a", "\n    ", "}", ")", "if a:", "```", "<|", "\r\n", '"']
    ),
    max_size=30,
)


@settings(max_examples=150, deadline=None)
@given(PIECES, st.booleans(), st.sampled_from(["python", "javascript", "plaintext"]))
def test_how_the_text_comes_in_pieces_does_not_matter_much(
    pieces: list[str], multiline: bool, language_id: str
) -> None:
    """Whatever comes, what is kept is a beginning of it, and the answer never changes."""
    cut = StreamCut(context_at("def f():\n    <CURSOR>\n", language_id, multiline=multiline))
    text, answer = "", None
    for piece in pieces:
        text += piece
        length = cut.kept_length(text)
        assert answer is None or length == answer
        assert length is None or 0 <= length <= len(text)
        answer = length
