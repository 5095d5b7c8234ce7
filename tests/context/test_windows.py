"""Windows move in big steps, so that the head of a prompt survives typing."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelsp.context.windows import prefix_start, suffix_end
from codelsp.document.edit import replace
from codelsp.document.snapshot import DocumentSnapshot

WINDOW = 600
CODE = "".join(
    f"def function_{n}(argument):\n    value = argument + {n}\n    return value * 2\n\n\n"
    for n in range(60)
)


def document(text: str) -> DocumentSnapshot:
    return DocumentSnapshot.of("untitled:a.py", "python", 1, text)


LINES = st.lists(
    st.sampled_from(["", "x = 1", "    return foo(bar)", "class A:", "y" * 150, "z" * 900, "\t}"]),
    min_size=1,
    max_size=80,
)


@given(LINES, st.sampled_from(["\n", "\r\n", "\r"]), st.data(), st.integers(1, 700))
@settings(deadline=None)
def test_windows_hold_whole_lines_and_no_more_than_asked_for(
    lines: list[str], line_end: str, data: st.DataObject, window: int
) -> None:
    text = document(line_end.join(lines))
    offset = data.draw(st.integers(0, len(text.text)))
    line = text.line_at(offset)

    start, end = prefix_start(text, offset, window), suffix_end(text, offset, window)

    assert offset - window <= start <= offset <= end <= offset + window
    if offset - text.line_start(line) <= window:
        assert start == text.line_start(text.line_at(start))
    next_line = text.line_start(line + 1) if line + 1 < text.n_lines else len(text.text)
    if next_line - offset <= window and end < len(text.text):
        assert end == text.line_start(text.line_at(end))


@given(st.integers(0, len(CODE)), st.text("abc (\n", min_size=200, max_size=200))
@settings(max_examples=50, deadline=None)
def test_typing_200_characters_moves_the_prefix_window_at_most_once(
    offset: int, typed: str
) -> None:
    text = document(CODE)
    starts = []
    for character in typed:
        text = replace(text, offset, offset, character)
        offset += 1
        starts.append(prefix_start(text, offset, 2 * WINDOW))

    assert sum(a != b for a, b in pairwise(starts)) <= 1


@given(st.integers(0, len(CODE)), st.text("abc (\n", min_size=100, max_size=100))
@settings(max_examples=50, deadline=None)
def test_typing_never_changes_what_the_suffix_window_holds(offset: int, typed: str) -> None:
    text = document(CODE)
    suffixes = set()
    for character in typed:
        text = replace(text, offset, offset, character)
        offset += 1
        suffixes.add(text.text[offset : suffix_end(text, offset, WINDOW)])

    assert len(suffixes) == 1


def test_typing_over_a_closing_bracket_keeps_the_end_of_the_suffix() -> None:
    text = document(CODE)
    offset = CODE.index("argument)", 1000) + len("argument")

    ends = {suffix_end(text, offset + step, WINDOW) for step in range(3)}

    assert len(ends) == 1


def test_an_edit_further_up_leaves_the_window_on_the_same_line() -> None:
    offset = 2500
    before = document(CODE)
    after = replace(before, 0, 0, "import os\n")

    start_before = prefix_start(before, offset, WINDOW)
    start_after = prefix_start(after, offset + 10, WINDOW)

    assert before.text[start_before:offset] == after.text[start_after : offset + 10]


def test_a_window_begins_where_a_definition_does() -> None:
    text = document(CODE)

    for offset in range(1000, 2500, 37):
        assert text.text.startswith("def ", prefix_start(text, offset, WINDOW))


def test_half_a_window_is_always_left() -> None:
    text = document(CODE)

    for offset in range(WINDOW, len(CODE), 11):
        assert offset - prefix_start(text, offset, WINDOW) >= WINDOW // 4


def test_a_short_document_is_seen_whole() -> None:
    text = document("x = 1\ny = 2\n")

    assert (prefix_start(text, 8, WINDOW), suffix_end(text, 8, WINDOW)) == (0, 12)


@pytest.mark.parametrize("offset", [1_000_000, 1_999_999])
def test_a_line_of_two_megabytes_is_cut_at_steady_places(offset: int) -> None:
    text = document("x" * 2_000_000)

    starts = {prefix_start(text, offset - typed, WINDOW) for typed in range(100)}

    assert len(starts) <= 2
    assert suffix_end(text, offset, WINDOW) <= offset + WINDOW
