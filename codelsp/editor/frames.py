"""Frames of the base protocol: ``Content-Length: N``, an empty line, N bytes of JSON.

No input and no output in here: bytes are fed in, whole bodies come out.  A client that counts
wrongly loses the message it miscounted and no later one: after anything that is not a header
the parser looks for the next ``Content-Length``.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 256 * 1024 * 1024
"""A longer body is taken for a wrong header; no editor sends a document of this size."""
_MAX_HEADER_BYTES = 8 * 1024
_LENGTH = re.compile(rb"content-length:[ \t]*(\d{1,12})[ \t]*$", re.IGNORECASE)


def frame(body: bytes) -> bytes:
    """Return ``body`` with its header, ready to be sent."""
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


class FrameParser:
    """Turns a stream of bytes into bodies, whatever the pieces it arrives in."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._length: int | None = None
        self._is_in_body = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take ``data``, and yield each body that is now complete."""
        self._buffer += data
        while True:
            if not self._is_in_body and not self._read_header():
                return
            if self._length is None or len(self._buffer) < self._length:
                return
            body = bytes(self._buffer[: self._length])
            del self._buffer[: self._length]
            self._length, self._is_in_body = None, False
            yield body

    def _read_header(self) -> bool:
        """Take header lines off the buffer; return whether a body is to be read next."""
        while (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end]).rstrip(b"\r")
            del self._buffer[: end + 1]
            if line:
                self._note_header(line)
            elif self._length is not None:
                self._is_in_body = True
                return True
        if len(self._buffer) > _MAX_HEADER_BYTES:
            # A body longer than was said: only its end can hold the next header's beginning.
            del self._buffer[:-_MAX_HEADER_BYTES]
        return False

    def _note_header(self, line: bytes) -> None:
        # The header is searched for, not matched at the start of the line, because what is left
        # of a body longer than was said stands on the same line.
        match = _LENGTH.search(line)
        if match is None:
            if not line.lower().startswith(b"content-type:"):
                logger.warning("skipped %d bytes that are no header", len(line))
            return
        length = int(match.group(1))
        if length > MAX_BODY_BYTES:
            logger.warning("skipped a header that announces %d bytes", length)
            return
        self._length = length
