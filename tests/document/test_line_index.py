"""Lines, and the index that moves along with edits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codelsp.document.line_index import LineIndex, LineStarts
from codelsp.document.snapshot import DocumentSnapshot


def naive_starts(text: str) -> list[int]:
    starts = [0]
    for place, character in enumerate(text, start=1):
        if character == "\n" or (character == "\r" and text[place : place + 1] != "\n"):
            starts.append(place)
    return starts


@pytest.mark.parametrize(
    ("text", "starts"),
    [
        pytest.param("", [0], id="empty"),
        pytest.param("\n", [0, 1], id="a line end alone"),
        pytest.param("a\r\n\r\nb", [0, 3, 5], id="CRLF twice"),
        pytest.param("\r\r\n\n\r", [0, 1, 3, 4, 5], id="all of them together"),
        pytest.param("\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029", [0], id="what is no line end"),
    ],
)
def test_lines_end_at_lf_crlf_and_cr_only(text: str, starts: list[int]) -> None:
    assert list(LineIndex.of(text).starts) == starts


# Enough lines for several chunks, as edits inside one chunk are the easy case.
long_texts = st.builds(
    lambda unit, times, rest: unit * times + rest,
    st.text(alphabet="a\n\r", max_size=6),
    st.integers(0, 300),
    st.text(alphabet="ab\n\r\x0c", max_size=10),
)


@given(text=long_texts, new=st.text(alphabet="a\n\r", max_size=400), data=st.data())
def test_an_index_after_an_edit_equals_one_made_from_scratch(
    text: str, new: str, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    after = text[:start] + new + text[end:]

    index = LineIndex.of(text).after_edit(after, start, end, start + len(new))

    assert list(index.starts) == naive_starts(after)
    assert index == LineIndex.of(after)
    assert index.starts.longest == LineIndex.of(after).starts.longest


@given(text=long_texts, data=st.data())
def test_typing_within_lines_moves_those_below(text: str, data: st.DataObject) -> None:
    index = LineIndex.of(text)
    for _ in range(4):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(start + 3, len(text))))
        typed = data.draw(st.text(alphabet="ab", max_size=2))
        text = text[:start] + typed + text[end:]

        index = index.after_edit(text, start, end, start + len(typed))

        assert list(index.starts) == naive_starts(text)
        assert index.starts.longest == LineIndex.of(text).starts.longest


@given(text=long_texts, data=st.data())
def test_every_offset_is_found_on_its_line(text: str, data: st.DataObject) -> None:
    index = LineIndex.of(text)
    offset = data.draw(st.integers(0, len(text)))

    line = index.line_at(offset)

    assert line == max(n for n, start in enumerate(naive_starts(text)) if start <= offset)


def test_thousands_of_edits_keep_the_index_right() -> None:
    text, index = "", LineIndex.of("")
    for number in range(2_000):
        place = number * 7919 % (len(text) + 1)
        text = text[:place] + "x\n" + text[place:]
        index = index.after_edit(text, place, place, place + 2)

    assert list(index.starts) == naive_starts(text)
    assert len(index) == 2_001


def test_starts_are_a_sequence() -> None:
    starts = LineStarts.of([0, 3, 5])

    assert starts[-1] == 5
    assert starts[1:] == [3, 5]
    assert starts != [0, 3, 5]
    with pytest.raises(IndexError, match="line 3 of 3"):
        starts[3]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_line_s_text_is_without_its_end(end: str) -> None:
    document = DocumentSnapshot.of("file:///a", "python", 1, f"ab{end}{end}c")

    assert [document.line_text(line) for line in range(document.n_lines)] == ["ab", "", "c"]


def test_lone_surrogates_stay_and_pairs_are_joined() -> None:
    document = DocumentSnapshot.of("file:///a", "python", 1, "\ude0b\ud83d\ude0b\ud83d")

    assert document.text == "\ude0b😋\ud83d"
