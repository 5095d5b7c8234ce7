"""Code as it comes from a model: highlighted on a terminal, plain in a pipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.live import Live
from rich.syntax import Syntax

if TYPE_CHECKING:
    from rich.console import Console

_FRAMES_PER_SECOND = 12


class StreamedCode:
    """A text and the answer that grows after it.

    Args:
        console: Where to show it.
        text: What the answer goes on from.
        language: An LSP id, for the colors.
    """

    def __init__(self, console: Console, text: str, language: str) -> None:
        self._console, self._text, self._language = console, text, language
        self.answer = ""
        self._live: Live | None = None
        if console.is_terminal:
            self._live = Live(
                console=console, refresh_per_second=_FRAMES_PER_SECOND, vertical_overflow="visible"
            )

    def __enter__(self) -> StreamedCode:
        if self._live is not None:
            self._live.start()
        else:
            self._console.out(self._text, end="", highlight=False)
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is None:
            self._console.out("", highlight=False)
            return
        self._live.update(self._drawn())
        self._live.stop()

    def add(self, piece: str) -> None:
        """Show more of the answer."""
        self.answer += piece
        if self._live is not None:
            self._live.update(self._drawn())
        else:
            self._console.out(piece, end="", highlight=False)
            self._console.file.flush()

    def _drawn(self) -> Syntax:
        return Syntax(
            self._text + self.answer, self._language, word_wrap=True, background_color="default"
        )
