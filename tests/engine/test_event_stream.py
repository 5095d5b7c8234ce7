from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codelsp.engine.event_stream import EventParser, LineSplitter, ServerEvent, TextAssembler


def lines_of(chunks: list[bytes]) -> list[str]:
    splitter = LineSplitter()
    return [line for chunk in chunks for line in splitter.feed(chunk)] + splitter.end()


def events_of(text: str) -> list[ServerEvent]:
    parser = EventParser()
    return [event for line in text.split("\n") if (event := parser.feed(line)) is not None]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_at_each_of_the_three_line_ends(end: str) -> None:
    assert lines_of([f"a{end}b{end}".encode()]) == ["a", "b"]


@given(
    st.lists(st.sampled_from(["data: é漢🙂", "", ": comment", "x\u2028y"]), max_size=6), st.data()
)
def test_lines_are_the_same_wherever_the_network_cuts_them(
    lines: list[str], data: st.DataObject
) -> None:
    end = data.draw(st.sampled_from(["\n", "\r\n", "\r"]))
    stream = "".join(line + end for line in lines).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    bounds = list(zip([0, *cuts], [*cuts, len(stream)], strict=True))

    assert lines_of([stream[start:stop] for start, stop in bounds]) == lines


def test_a_last_line_without_a_line_end_is_a_line() -> None:
    assert lines_of([b"a\nb"]) == ["a", "b"]


def test_a_line_that_never_ends_is_refused() -> None:
    splitter = LineSplitter()
    splitter.feed(b"x" * 16 * 1024 * 1024)

    with pytest.raises(ValueError, match="a line of more than"):
        splitter.feed(b"x")


def test_an_event_ends_at_an_empty_line_and_joins_its_data() -> None:
    assert events_of("data: a\ndata: b\n\n") == [ServerEvent("a\nb")]


def test_comments_and_unknown_fields_are_skipped() -> None:
    assert events_of(": ping\n\nid: 7\nretry: 3\ndata:x\n\n") == [ServerEvent("x")]


def test_an_error_is_told_apart_as_an_event_and_as_a_field() -> None:
    assert events_of("event: error\ndata: e\n\n") == [ServerEvent("e", "error")]
    assert events_of('error: {"code":500}\n\n') == [ServerEvent('{"code":500}', "error")]


def test_a_name_holds_for_its_own_event_only() -> None:
    first, second = events_of("event: error\ndata: e\n\ndata: x\n\n")

    assert (first.name, second.name) == ("error", "")


@given(st.text(max_size=20), st.integers(1, 4))
def test_characters_cut_between_tokens_come_out_whole(text: str, length: int) -> None:
    raw = text.encode()
    assembler = TextAssembler()
    tokens = [raw[i : i + length] for i in range(0, len(raw), length)]

    assert "".join(assembler.add(token) for token in tokens) == text


def test_a_character_that_was_never_finished_is_not_shown() -> None:
    assert TextAssembler().add("é".encode()[:1]) == ""
