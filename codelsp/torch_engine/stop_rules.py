"""Where a generation is to end by its text: a line, a statement, a block; pure.

They are asked for each token in the loop, so that nothing is decoded that nobody will see.
"""

from __future__ import annotations

from typing import Protocol

_CLOSERS = {")": "(", "]": "[", "}": "{"}
_QUOTES = "\"'`"


class StopRule(Protocol):
    """Watches a text that grows."""

    def kept_length(self, text: str) -> int | None:
        """Return None to go on, or how many characters to keep and stop.

        ``text`` is all that has been written; each call's begins with the last one's.
        """


class LineStop:
    """Ends before the first line end that follows some text."""

    def __init__(self) -> None:
        self._seen = 0

    def kept_length(self, text: str) -> int | None:
        """Return where the line ends, once it does."""
        while (end := text.find("\n", self._seen)) >= 0:
            self._seen = end + 1
            if text[:end].strip():
                return end
        self._seen = len(text)
        return None


class StatementStop:
    """Ends before the first line end outside brackets and strings that follows some text.

    Brackets opened before the cursor are not known: one more closer than openers is theirs.
    A string in single quotes or double quotes ends with its line, one in triple quotes does not.
    """

    def __init__(self) -> None:
        self._seen = 0
        self._open: list[str] = []
        self._quote = ""

    def kept_length(self, text: str) -> int | None:
        """Return where the statement ends, once it does."""
        while self._seen < len(text):
            char = text[self._seen]
            if char == "\n" and not self._open and len(self._quote) < len('"""'):
                before = text[: self._seen]
                if before.strip() and not before.endswith("\\"):
                    return self._seen
            length = self._length_of(text, char)
            if length == 0:
                return None  # More characters have to come before it is clear what this is.
            self._seen += length
        return None

    def _length_of(self, text: str, char: str) -> int:
        """Take note of what stands at the place seen last; return its length, 0 if unclear."""
        if self._quote:
            return self._length_in_string(text, char)
        if char in _QUOTES:
            beginning = text[self._seen : self._seen + 3]
            if len(beginning) < len('"""') and beginning == char * len(beginning):
                return 0
            if beginning[:2] == char * 2 and beginning[2] != char:
                return 2  # An empty string.
            self._quote = beginning if beginning == char * 3 else char
            return len(self._quote)
        if char in _CLOSERS.values():
            self._open.append(char)
        elif char in _CLOSERS and self._open:
            self._open.pop()
        return 1

    def _length_in_string(self, text: str, char: str) -> int:
        if char == "\\":
            return 2 if self._seen + 1 < len(text) else 0
        here = text[self._seen : self._seen + len(self._quote)]
        if here == self._quote:
            self._quote = ""
            return len(here)
        if self._quote.startswith(here) and len(here) < len(self._quote):
            return 0
        if char == "\n" and len(self._quote) == 1:
            self._quote = ""
        return 1


class BlockStop:
    """Ends before the first line that is indented less than ``n_indent`` columns.

    Blank lines belong to no block, and the first line is where the cursor stands.
    """

    def __init__(self, n_indent: int) -> None:
        self._n_indent = n_indent
        self._line_start = 0

    def kept_length(self, text: str) -> int | None:
        """Return where the block ends, once a line shows that it does."""
        while True:
            if self._line_start and self._is_outside(text[self._line_start :]):
                return len(text[: self._line_start].rstrip())
            end = text.find("\n", self._line_start)
            if end < 0:
                return None
            self._line_start = end + 1

    def _is_outside(self, line: str) -> bool:
        line = line.split("\n", 1)[0]
        code = line.lstrip(" \t")
        if not code:
            return False
        columns = len(line[: len(line) - len(code)].expandtabs(4))
        return columns < self._n_indent


class Several:
    """The first of several rules to speak."""

    def __init__(self, rules: list[StopRule]) -> None:
        self._rules = rules

    def kept_length(self, text: str) -> int | None:
        """Return the shortest length that a rule says."""
        said = [rule.kept_length(text) for rule in self._rules]
        return min((length for length in said if length is not None), default=None)
