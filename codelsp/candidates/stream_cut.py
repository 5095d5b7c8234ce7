"""``StreamCut``: says, while a model writes, when all that is wanted has come.

Every token that is not decoded is time saved, so this is asked for each; the work is that of the
new characters only.  What is kept is then judged by the steps of ``clean``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from codelsp.candidates.block import MOST_LINES, Block, Judgement
from codelsp.candidates.brackets import lexis_of, scan
from codelsp.candidates.duplicates import is_same_line
from codelsp.candidates.repetition import lines_before_loop, loop_in_line
from codelsp.candidates.residue import MOST_CHARS, may_have_fences, preamble_length
from codelsp.candidates.surroundings import (
    indentation,
    is_blank_line,
    is_telling,
    language,
    solid_below,
)

if TYPE_CHECKING:
    from codelsp.context.completion_context import CompletionContext

_LOOP_WINDOW_CHARS = 240
_LOOP_EVERY_CHARS = 48
_LEAST_TELLING_CHARS = 12


class StreamCut:
    """Watches one generation; ``max_lines`` bounds a block."""

    def __init__(self, context: CompletionContext, max_lines: int = MOST_LINES) -> None:
        self._context = context
        self._owns_line = is_blank_line(context)
        before = context.line_prefix
        if self._owns_line and context.dropped_indentation:
            before = ""
        self._before = before
        self._block = Block.at(context, None if self._owns_line else before, max_lines)
        self._below = next(iter(solid_below(context)), "")
        self._rest = context.line_suffix.strip()
        self._has_fences = may_have_fences(context)
        self._marks = [
            mark
            for mark in ("<|", "```")
            if mark not in context.prefix and not (mark == "```" and self._has_fences)
        ]
        self._lines: list[str] = []
        self._text_start: int | None = None
        self._line_start = 0
        self._n_seen = 0
        self._n_loop_checked = 0
        self._last_end = 0
        self._is_judged = False
        self._kept: int | None = None

    def kept_length(self, text_so_far: str) -> int | None:
        """Return None to go on, or how many characters to keep and stop generating now.

        ``text_so_far`` is all that has been written; each call's begins with the last one's.
        """
        if self._kept is None and len(text_so_far) > self._n_seen:
            self._kept = self._cut(text_so_far)
            self._n_seen = len(text_so_far)
        return self._kept

    def _cut(self, text: str) -> int | None:
        if self._text_start is None:
            self._text_start = preamble_length(text, may_have_fences=self._has_fences)
            if self._text_start is None:
                return None
            self._line_start = self._last_end = self._n_seen = self._text_start
        kept = self._cut_at_line_end(text)
        if kept is None:
            kept = self._cut_in_line(text)
        if kept is None and len(text) > MOST_CHARS:
            kept = MOST_CHARS
        return kept

    def _cut_at_line_end(self, text: str) -> int | None:
        """Judge every line that has come to its end."""
        while (end := text.find("\n", max(self._n_seen, self._line_start))) >= 0:
            self._n_seen = end
            line = text[self._line_start : end].rstrip("\r")
            kept = self._take_line(line, self._line_start + len(line))
            if kept is not None:
                return kept
            self._line_start = end + 1
            self._is_judged = False
        return None

    def _take_line(self, line: str, end: int) -> int | None:
        is_first = not self._lines
        whole = self._before + line if is_first else line
        self._lines.append(whole)
        if not self._context.multiline:
            is_ended = bool(line.strip()) or not self._owns_line
            return end if is_ended else None
        if is_first and not self._owns_line:
            self._block.begin(whole)
        else:
            judgement = self._block.judge(whole)
            if judgement is Judgement.REFUSED:
                return self._last_end
            if judgement is Judgement.LAST:
                return end
        if self._is_next_line(whole, is_first=is_first):
            return self._last_end
        n_before_loop = lines_before_loop(self._lines[-12:]) if is_telling(line) else None
        if n_before_loop is not None:
            return self._end_of_line(text_lines=len(self._lines[:-12]) + n_before_loop)
        if line.strip():
            self._last_end = end
        return None

    def _end_of_line(self, text_lines: int) -> int:
        lengths = [len(line) for line in self._lines[:text_lines]]
        if not lengths:
            return 0
        length = sum(lengths) + len(lengths) - 1 - len(self._before)
        return (self._text_start or 0) + length

    def _is_next_line(self, line: str, *, is_first: bool) -> bool:
        """Whether a whole line is the one below the cursor, which ends the gap to be filled."""
        if not self._below or (is_first and not self._owns_line):
            return False
        if not is_same_line(line, self._below):
            return False
        is_long = len(line.strip()) >= _LEAST_TELLING_CHARS and is_telling(line)
        is_alike = indentation(line) == indentation(self._below)
        return is_long or (is_alike and is_telling(line) and self._block.n_lines > 1)

    def _cut_in_line(self, text: str) -> int | None:
        for mark in self._marks:
            place = text.find(mark, max(self._n_seen - len(mark), self._text_start or 0))
            if place >= 0:
                return place
        if self._context.multiline:
            kept = self._judge_partial(text)
            if kept is not None:
                return kept
        elif self._repeats_rest(text):
            return len(text.rstrip())
        if len(text) - self._n_loop_checked >= _LOOP_EVERY_CHARS:
            self._n_loop_checked = len(text)
            window = max(self._line_start, len(text) - _LOOP_WINDOW_CHARS)
            loop = loop_in_line(text[window:])
            if loop is not None:
                return max(self._last_end, window + loop)
        return None

    def _judge_partial(self, text: str) -> int | None:
        """Judge the line being written, as soon as its indentation and first word are known."""
        if self._is_judged or (not self._lines and not self._owns_line):
            return None
        partial = text[self._line_start :]
        if not self._lines:
            partial = self._before + partial
        if not self._block.is_decided(partial):
            return None
        self._is_judged = True
        return self._last_end if self._block.would_refuse(partial) else None

    def _repeats_rest(self, text: str) -> bool:
        """Whether the text has come to where the line goes on already."""
        if not self._rest or not text.rstrip().endswith(self._rest):
            return False
        lexis = lexis_of(language(self._context))
        if lexis is None:
            return len(self._rest) > 1
        head = text.rstrip()[: -len(self._rest)]
        return len(self._rest) > 1 and not scan(head, lexis).openers
