"""A terminal with a real editor in it: keys go in, and the screen is looked at.

``pyte`` is the terminal; nothing here knows any editor.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from typing import TYPE_CHECKING

import pyte

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

PATIENCE_SECONDS = 60.0
ESCAPE = "\x1b"
_SLICE_SECONDS = 0.05
_NOT_FOR_PYTE = re.compile(
    rb"\x1bP.*?\x1b\\|\x1b\[[<=>][0-9;]*[a-zA-Z]|\x1b\[\?[0-9;]*[mnu]", re.DOTALL
)
_UNFINISHED = re.compile(rb"\x1b(?:P.*|\[[0-9;<=>?]*)?$", re.DOTALL)


class Terminal:
    """An editor's process and its screen, 100 columns wide and 30 rows high."""

    def __init__(self, command: Sequence[str], folder: Path, env: Mapping[str, str]) -> None:
        self.screen = _Screen(100, 30)
        self._stream = pyte.ByteStream(self.screen)
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=folder,
            env={**env, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
            start_new_session=True,
            # Emacs opens the terminal by its name, so it must be the session's own.
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509  # no threads
        )
        os.close(slave)
        self.screen.answer = self.type
        self._unfinished = b""

    def type(self, keys: str) -> None:
        """Press keys, as the bytes that a terminal sends for them."""
        os.write(self._master, keys.encode())

    def press(self, *keys: str) -> None:
        """Press keys one by one, looking at the screen between them."""
        for key in keys:
            self.type(key)
            self.look(_SLICE_SECONDS)

    def look(self, seconds: float) -> bool:
        """Take in what the editor draws within ``seconds``; whether it drew anything."""
        readable, _, _ = select.select([self._master], [], [], seconds)
        if not readable:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:  # the editor has ended
            return False
        self._stream.feed(self._without_queries(data))
        return bool(data)

    def _without_queries(self, data: bytes) -> bytes:
        """Leave out what pyte would show or stumble over; it may come in two parts."""
        data = _NOT_FOR_PYTE.sub(b"", self._unfinished + data)
        begun = _UNFINISHED.search(data)
        self._unfinished = begun.group() if begun else b""
        return data[: len(data) - len(self._unfinished)]

    @property
    def lines(self) -> list[str]:
        """What stands on the screen, without blanks at the ends of lines."""
        return [line.rstrip() for line in self.screen.display]

    @property
    def cursor_line(self) -> str:
        """The line of the screen that the cursor is in."""
        return self.lines[self.screen.cursor.y]

    def wait_for(
        self, condition: Callable[[], object], what: str, seconds: float = PATIENCE_SECONDS
    ) -> None:
        """Wait until the screen is as it should be; on failure the screen is in the message."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline or self.process.poll() is not None:
                shown = "\n".join(self.lines)
                raise AssertionError(f"not seen: {what}; the screen:\n{shown}")
            self.look(_SLICE_SECONDS)

    def shows_line(self, line: str, seconds: float = 0.0) -> bool:
        """Whether some line reads ``line`` within ``seconds``, apart from blanks around it."""
        deadline = time.monotonic() + seconds
        while not (is_there := any(each.strip() == line for each in self.lines)):
            if time.monotonic() > deadline:
                break
            self.look(_SLICE_SECONDS)
        return is_there

    def wait_for_line(self, line: str) -> None:
        """Wait until some line of the screen reads ``line``, apart from blanks around it."""
        self.wait_for(lambda: self.shows_line(line), f"the line {line!r}")

    def wait_for_text(self, text: str) -> None:
        """Wait until ``text`` stands somewhere on the screen."""
        self.wait_for(lambda: any(text in each for each in self.lines), f"the text {text!r}")

    def wait_without(self, text: str) -> None:
        """Wait until ``text`` stands nowhere on the screen."""
        self.wait_for(
            lambda: not any(text in each for each in self.lines), f"a screen without {text!r}"
        )

    def close(self) -> None:
        """End the editor, and whatever it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGHUP)
        deadline = time.monotonic() + 5
        while self.process.poll() is None and time.monotonic() < deadline:
            self.look(_SLICE_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self._master)


class _Screen(pyte.Screen):
    """A screen that answers when the editor asks the terminal what it is."""

    answer: Callable[[str], None]

    def write_process_input(self, data: str) -> None:
        self.answer(data)


@contextlib.contextmanager
def terminal(command: Sequence[str], folder: Path, env: Mapping[str, str]) -> Iterator[Terminal]:
    """Start an editor in a terminal of its own, and end it."""
    opened = Terminal(command, folder, env)
    try:
        yield opened
    finally:
        opened.close()
