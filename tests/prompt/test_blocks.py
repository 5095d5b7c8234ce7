"""Blocks: the same text, borders on lines, and none moved by typing."""

from __future__ import annotations

import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from codelsp.prompt.blocks import blocks_from_end, blocks_from_start

LINES = st.lists(st.sampled_from(["", "    ", "x = 1", "    return foo(bar)", "# é", "}"]))
TEXTS = LINES.map("\n".join)
CODE = "".join(f"def function_{n}(argument):\n    return {n}\n\n" for n in range(60))


@given(TEXTS, st.integers(1, 40))
def test_blocks_are_the_whole_text_cut_before_lines_with_text(text: str, size: int) -> None:
    for cut in (blocks_from_start, blocks_from_end):
        blocks = cut(text, size)

        assert "".join(blocks) == text
        assert all(blocks)
        for before, after in pairwise(blocks):
            assert before.endswith("\n")
            assert after.split("\n")[0].strip()


def test_blocks_are_about_as_long_as_asked_for() -> None:
    for cut in (blocks_from_start, blocks_from_end):
        lengths = [len(block) for block in cut(CODE, 200)]

        assert max(lengths) < 300
        assert sum(length < 100 for length in lengths) <= 1


def test_typing_changes_the_last_block_only() -> None:
    before = blocks_from_start(CODE, 200)
    after = blocks_from_start(CODE + "x = fo", 200)

    assert after[: len(before) - 1] == before[:-1]


def test_what_is_cut_off_the_start_of_a_suffix_leaves_later_blocks_alone() -> None:
    whole = blocks_from_end(CODE, 200)

    assert blocks_from_end(CODE[30:], 200)[1:] == whole[1:]


def test_a_text_without_line_ends_is_one_block() -> None:
    assert blocks_from_start("x" * 5000) == ["x" * 5000]
    assert blocks_from_end("x" * 5000) == ["x" * 5000]


def test_blank_lines_are_never_cut_apart() -> None:
    text = "a\n" + "\n" * 50 + "b\n"

    assert blocks_from_start(text, 10) == [re.match("a\n+", text)[0], "b\n"]  # type: ignore[index]  # it matches
