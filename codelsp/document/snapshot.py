"""One version of one document, frozen."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from codelsp.document.line_index import LineIndex

_SURROGATE_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")


@dataclass(frozen=True)
class DocumentSnapshot:
    """A document at one version; ``version`` is the editor's number and never goes back.

    ``text`` may hold lone surrogates (an editor may send them), but never a high one followed by
    a low one: those are one character.  The text stays out of ``repr``, and so out of logs.
    """

    uri: str
    language_id: str
    version: int
    text: str = field(repr=False)
    lines: LineIndex = field(repr=False, compare=False)

    @classmethod
    def of(cls, uri: str, language_id: str, version: int, text: str) -> DocumentSnapshot:
        """Return a snapshot of ``text``, with its lines counted."""
        text = join_surrogates(text)
        return cls(uri, language_id, version, text, LineIndex.of(text))

    @property
    def n_lines(self) -> int:
        """The number of lines; an empty document has one."""
        return len(self.lines)

    def line_at(self, offset: int) -> int:
        """Return the number of the line that holds ``offset``."""
        return self.lines.line_at(offset)

    def line_start(self, line: int) -> int:
        """Return the offset at which ``line`` begins."""
        return self.lines.starts[line]

    def line_end(self, line: int) -> int:
        """Return the offset at which ``line`` ends, its line end excluded."""
        if line + 1 >= len(self.lines):
            return len(self.text)
        end = self.lines.starts[line + 1]
        return end - 2 if self.text.startswith("\r\n", end - 2) else end - 1

    def line_text(self, line: int) -> str:
        """Return the text of ``line``, its line end excluded."""
        return self.text[self.line_start(line) : self.line_end(line)]

    def whole_lines(self, start: int, end: int, most: int) -> tuple[int, int]:
        """Return the span of the lines that ``start`` to ``end`` touches, line ends included.

        ``most`` is how many lines that may be; the first ones then.
        """
        first = self.line_at(start)
        following = min(self.line_at(max(end - 1, start)), first + most - 1) + 1
        stop = self.line_start(following) if following < self.n_lines else len(self.text)
        return self.line_start(first), stop


def join_surrogates(text: str) -> str:
    """Return ``text`` with every high surrogate that precedes a low one joined with it."""
    if text.isascii():
        return text
    return _SURROGATE_PAIR.sub(
        lambda pair: pair[0].encode("utf-16-le", "surrogatepass").decode("utf-16-le"), text
    )
