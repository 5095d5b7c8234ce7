"""Frames: whole bodies come out, whatever goes in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codelsp.editor.frames import MAX_BODY_BYTES, FrameParser, frame


def bodies(*pieces: bytes) -> list[bytes]:
    parser = FrameParser()
    return [body for piece in pieces for body in parser.feed(piece)]


@given(st.lists(st.binary(min_size=1, max_size=60), max_size=5), st.integers(1, 40))
def test_bodies_arrive_whole_however_the_bytes_are_split(sent: list[bytes], size: int) -> None:
    stream = b"".join(frame(body) for body in sent)
    pieces = [stream[start : start + size] for start in range(0, len(stream), size)]

    assert bodies(*pieces) == sent


def test_several_bodies_in_one_piece() -> None:
    assert bodies(frame(b"one") + frame(b"two")) == [b"one", b"two"]


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(b"content-length: 2\r\n\r\n", id="lower case"),
        pytest.param(b"Content-Length:2\r\n\r\n", id="no blank"),
        pytest.param(b"Content-Length: 2\n\n", id="bare line feeds"),
        pytest.param(b"Content-Type: x\r\nContent-Length: 2\r\n\r\n", id="type first"),
        pytest.param(b"Content-Length: 2\r\nContent-Type: x\r\n\r\n", id="type last"),
        pytest.param(b"garbage\r\n\r\nContent-Length: 2\r\n\r\n", id="after garbage"),
        pytest.param(b"\r\n\r\nContent-Length: 2\r\n\r\n", id="after empty lines"),
        pytest.param(b"Content-Length: -3\r\n\r\nContent-Length: 2\r\n\r\n", id="negative before"),
        pytest.param(b"Content-Length: x\r\n\r\nContent-Length: 2\r\n\r\n", id="no number before"),
    ],
)
def test_headers_may_look_odd(header: bytes) -> None:
    assert bodies(header + b"{}") == [b"{}"]


def test_a_length_too_short_costs_one_message() -> None:
    stream = b'Content-Length: 5\r\n\r\n{"long": 1}' + frame(b"next")

    assert bodies(stream) == [b'{"lon', b"next"]


def test_a_length_too_long_costs_the_messages_it_swallows() -> None:
    stream = b"Content-Length: 30\r\n\r\n{}" + frame(b"swallowed") + frame(b"next")

    assert bodies(stream)[-1] == b"next"


def test_a_length_beyond_reason_is_no_length() -> None:
    stream = b"Content-Length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1) + frame(b"next")

    assert bodies(stream) == [b"next"]


def test_an_endless_line_does_not_fill_the_memory() -> None:
    parser = FrameParser()

    for _ in range(100):
        assert list(parser.feed(b"x" * 10_000)) == []
    assert len(parser._buffer) < 20_000
    assert list(parser.feed(b"\n" + frame(b"next"))) == [b"next"]
