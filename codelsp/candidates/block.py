"""Where a block ends, decided line by line, so that it can be asked while a model writes.

The rule: text ends before the first line that is less indented than its block, unless that line
closes the block.  A blank line ends it only between definitions and statements of the top level.
"""

from __future__ import annotations

import re
from copy import copy
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from codelsp.candidates.surroundings import indentation, is_only_closers, language, width

if TYPE_CHECKING:
    from codelsp.context.completion_context import CompletionContext

MOST_LINES = 24
"""Lines of the longest block that is shown."""

_END_WORD = re.compile(r"\s*(?:end|fi|done|esac|until\b.*|</[\w:.-]+>)[\s;,)]*")
_CONTINUES = re.compile(
    r"\s*(?:[)\]}]|(?:else|elif|elsif|elseif|except|finally|catch|rescue|ensure|then|when|case"
    r"|default|end|fi|done|esac|until|in)\b|</)"
)
_REOPENS = re.compile(r".*(?:[:({\[]|\b(?:then|do|else|begin|in))\s*")
_DEFINITION = re.compile(
    r"\s*(?:@|(?:(?:async|export|default|pub(?:\([^)]*\))?|public|private|protected|internal"
    r"|static|final|abstract|override|unsafe|const)\s+)*"
    r"(?:def|class|function|func|fn|fun|impl|struct|enum|interface|trait|type|module|namespace"
    r"|record|object|sub|macro)\b)"
)
_JUDGED = re.compile(r"[ \t]*(?:\w+[^\w\s]|\w+[ \t]|[^\w\s)\]}<])")


class Judgement(Enum):
    """What becomes of a line."""

    TAKEN = "taken"
    LAST = "last"
    """Taken, and nothing after it."""
    REFUSED = "refused"


@dataclass
class Block:
    """The block that a text fills, as far as it is known."""

    tab_size: int
    header_width: int | None
    """Columns of the cursor's line, where the text goes on in it; None where the text owns it."""
    max_lines: int = MOST_LINES
    n_lines: int = 0
    _width: int | None = field(default=None, init=False)
    _is_open: bool = field(default=False, init=False)
    _is_definition: bool = field(default=False, init=False)
    _is_after_blank: bool = field(default=False, init=False)

    @classmethod
    def at(cls, context: CompletionContext, before: str | None, max_lines: int) -> Block:
        """Return the block at the cursor.

        Args:
            context: what the candidates are judged against.
            before: what stands on the line before the text; None if the text owns the line.
            max_lines: how many lines there may be.
        """
        tab_size = max(context.indentation.tab_size, 1)
        # In prose every line stands for itself.
        if language(context).style == "prose":
            max_lines = min(max_lines, 8)
        header = None if before is None else width(indentation(before), tab_size)
        return cls(tab_size, header, max_lines)

    def is_decided(self, partial: str) -> bool:
        """Whether enough of a line is there to judge it."""
        return _JUDGED.match(partial) is not None

    def judge(self, line: str) -> Judgement:
        """Return what becomes of ``line``, and remember it."""
        if not line.strip():
            self._is_after_blank = self.n_lines > 0
            return Judgement.TAKEN
        found = self._judged(line, width(indentation(line), self.tab_size))
        self._is_after_blank = False
        if found is Judgement.REFUSED:
            return found
        self.n_lines += 1
        return Judgement.LAST if self.n_lines >= self.max_lines else found

    def would_refuse(self, partial: str) -> bool:
        """Whether the line that begins with ``partial`` will be refused; forgets the question."""
        return copy(self).judge(partial) is Judgement.REFUSED

    def begin(self, rest_of_line: str) -> None:
        """Take the end of the cursor's line."""
        if rest_of_line.strip():
            self.n_lines += 1

    def _judged(self, line: str, columns: int) -> Judgement:
        if self.header_width is not None:
            return self._judged_below_header(line, columns, self.header_width)
        if self._width is None:
            self._width = columns
            self._is_definition = _DEFINITION.match(line) is not None
            return Judgement.LAST if _closes(line) else Judgement.TAKEN
        if columns < self._width:
            return Judgement.LAST if _closes(line) else Judgement.REFUSED
        if columns > self._width:
            self._is_open = True
        elif self._is_after_blank and (self._width == 0 or self._is_definition):
            return Judgement.REFUSED
        return Judgement.TAKEN

    def _judged_below_header(self, line: str, columns: int, header: int) -> Judgement:
        if columns > header:
            self._is_open = True
            return Judgement.TAKEN
        if columns < header:
            is_closer = not self._is_open and _closes(line)
            return Judgement.LAST if is_closer else Judgement.REFUSED
        if _CONTINUES.match(line):
            goes_on = not self._is_open or _REOPENS.fullmatch(line)
            return Judgement.TAKEN if goes_on else Judgement.LAST
        is_sibling = not self._is_open and not (self._is_after_blank and header == 0)
        return Judgement.TAKEN if is_sibling else Judgement.REFUSED


def _closes(line: str) -> bool:
    return is_only_closers(line) or _END_WORD.fullmatch(line) is not None
