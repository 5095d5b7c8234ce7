"""The first moments over stdio: answer ``initialize`` before pygls is imported.

Importing pygls takes most of a start-up, and the editor waits for one message only.  So the
first messages are read straight from standard input; whatever comes after ``initialize`` is
handed on, byte for byte.

Architecture invariant: nothing in this module's imports loads pygls or lsprotocol.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from codelsp.editor.frames import FrameParser, frame
from codelsp.editor.greeting import Greeting, greet
from codelsp.editor.lifecycle import Json, Lifecycle, Phase, Refusal, parse_message

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_CHUNK_BYTES = 65536


@dataclass
class Opening:
    """How a session over stdio began."""

    parser: FrameParser = field(default_factory=FrameParser)
    lifecycle: Lifecycle = field(default_factory=Lifecycle)
    greeting: Greeting | None = None
    """None if the client left before it said ``initialize``."""
    pending: list[bytes] = field(default_factory=list)
    """Messages that arrived together with ``initialize``."""


class FdPipe:
    """Standard input and output as plain descriptors; no buffer for a thread to hold at exit."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self.read_fd = read_fd
        self._write_fd = write_fd
        self.on_broken: Callable[[], None] = ignore
        """Called when the editor no longer reads."""

    def read(self) -> bytes:
        """Wait for some bytes; none mean the end."""
        try:
            return os.read(self.read_fd, _CHUNK_BYTES)
        except OSError:
            return b""

    def write(self, data: bytes) -> None:
        """Write all of ``data``; an editor that has gone is no error."""
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._write_fd, view) :]
        except OSError:
            self.on_broken()

    def close(self) -> None:
        """Close the output."""
        with contextlib.suppress(OSError):
            os.close(self._write_fd)


def ignore() -> None:
    """Nobody asked to know."""


def take_over_stdio() -> FdPipe:
    """Return standard input and output, and let nobody else write to the protocol's output.

    What any library prints goes to standard error from now on.
    """
    write_fd = os.dup(sys.__stdout__.fileno() if sys.__stdout__ else 1)
    with contextlib.suppress(OSError):
        os.dup2(2, 1)
    read_fd = sys.__stdin__.fileno() if sys.__stdin__ else 0
    for fd in (read_fd, write_fd):
        with contextlib.suppress(OSError, AttributeError):
            os.set_blocking(fd, True)
    return FdPipe(read_fd, write_fd)


def open_session(pipe: FdPipe, overrides: Mapping[str, object]) -> Opening:
    """Read and answer messages until ``initialize`` is answered, or the client is gone."""
    opening = Opening()
    while opening.greeting is None and opening.lifecycle.phase is not Phase.OVER:
        data = pipe.read()
        if not data:
            break
        opening.pending = list(opening.parser.feed(data))
        while opening.pending and opening.greeting is None:
            _take(opening, opening.pending.pop(0), pipe, overrides)
    return opening


def _take(opening: Opening, body: bytes, pipe: FdPipe, overrides: Mapping[str, object]) -> None:
    message = parse_message(body)
    admitted = opening.lifecycle.admit(message) if isinstance(message, dict) else message
    if isinstance(admitted, Refusal):
        _send(pipe, admitted.as_json())
    elif admitted is not None:
        opening.greeting = greet(admitted.get("params"), overrides)
        if "id" in admitted:
            result = opening.greeting.result
            _send(pipe, {"jsonrpc": "2.0", "id": admitted["id"], "result": result})


def _send(pipe: FdPipe, message: Json) -> None:
    pipe.write(frame(json.dumps(message, separators=(",", ":")).encode("ascii")))
