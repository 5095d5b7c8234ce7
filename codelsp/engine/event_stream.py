"""Bytes as they come off a socket, to lines, events and text; pure.

Servers send a generation as server-sent events (WHATWG HTML, section 9.2) or as one JSON value
a line.  A chunk may end anywhere: inside a line, a line end or a character.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field

_LONGEST_LINE_BYTES = 16 * 1024 * 1024


@dataclass
class LineSplitter:
    """Cuts a stream of bytes into lines; line ends are LF, CRLF and CR."""

    _rest: bytes = b""
    _skips_line_feed: bool = False

    def feed(self, chunk: bytes) -> list[str]:
        """Return the lines that ``chunk`` completes.

        Raises:
            ValueError: a line is longer than any answer can be (16 MiB).
        """
        if not chunk:
            return []
        if self._skips_line_feed:
            # The CR that ended the last chunk was the first half of a CRLF.
            chunk = chunk.removeprefix(b"\n")
        self._skips_line_feed = chunk.endswith(b"\r")
        text = (self._rest + chunk).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, self._rest = text.split(b"\n")
        if len(self._rest) > _LONGEST_LINE_BYTES:
            raise ValueError(f"a line of more than {_LONGEST_LINE_BYTES} bytes")
        # Whole lines only are decoded, so that no character is ever cut in half.
        return [line.decode("utf-8", "replace") for line in lines]

    def end(self) -> list[str]:
        """Return the last line, if it had no line end."""
        rest, self._rest = self._rest, b""
        return [rest.decode("utf-8", "replace")] if rest else []


@dataclass(frozen=True)
class ServerEvent:
    """One server-sent event."""

    data: str
    name: str = ""


@dataclass
class EventParser:
    """Lines to server-sent events; comments and fields of no interest are skipped."""

    _data: list[str] = field(default_factory=list)
    _name: str = ""

    def feed(self, line: str) -> ServerEvent | None:
        """Return the event that ``line`` completes, if it does."""
        if not line:
            return self.end()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "error":
            # llama.cpp reports a failure inside the stream as a field of its own.
            self._data.append(value)
            self._name = "error"
        elif name == "event":
            self._name = value
        return None

    def end(self) -> ServerEvent | None:
        """Return the event that has been read so far: some servers forget the last blank line."""
        event = ServerEvent("\n".join(self._data), self._name) if self._data else None
        self._data, self._name = [], ""
        return event


class TextAssembler:
    """Bytes of tokens to text: a character that several tokens share comes out whole, once."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def add(self, token_bytes: bytes) -> str:
        """Return the text that is complete now; a cut character at the very end never is."""
        return self._decoder.decode(token_bytes)
