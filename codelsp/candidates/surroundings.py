"""What stands around the cursor, line by line, in windows small enough for every keystroke."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from codelsp.context.once import once
from codelsp.document.languages import language_of

if TYPE_CHECKING:
    from codelsp.candidates.candidate import Candidate
    from codelsp.context.completion_context import CompletionContext
    from codelsp.document.languages import Language

WINDOW_CHARS = 3000
"""How far above and below the cursor the steps look."""

_LEAST_WORD_CHARS = 3
_LINE_END = re.compile(r"\r\n|\n|\r")
_CLOSERS_ONLY = re.compile(r"[\s)\]}>;,]*")
_WORD = re.compile(r"\w")


def split_lines(text: str) -> list[str]:
    """Return the lines of ``text`` as LSP counts them, without their ends."""
    return _LINE_END.split(text)


def language(context: CompletionContext) -> Language:
    """Return the language of the document."""
    document = context.query.document
    return language_of(document.language_id, document.uri)


def line_start(context: CompletionContext) -> int:
    """Return the offset at which the cursor's line begins."""
    return context.offset - len(context.line_prefix)


def line_end(context: CompletionContext) -> int:
    """Return the offset at which the cursor's line ends, its line end excluded."""
    return context.offset + len(context.line_suffix)


def is_blank_line(context: CompletionContext) -> bool:
    """Whether the cursor's line holds nothing but whitespace, so that it is the candidate's."""
    return not context.line_prefix.strip() and not context.line_suffix.strip()


def before_on_line(candidate: Candidate, context: CompletionContext) -> str:
    """Return what stands on the cursor's line before the candidate's range."""
    return context.line_prefix[: candidate.start - line_start(context)]


def after_on_line(candidate: Candidate, context: CompletionContext) -> str:
    """Return what stands on the cursor's line after the candidate's range."""
    return context.line_suffix[candidate.end - context.offset :]


@once
def lines_above(context: CompletionContext) -> list[str]:
    """Return whole lines above the cursor's line, nearest first."""
    text, end = context.query.document.text, line_start(context)
    start = max(0, end - WINDOW_CHARS)
    lines = split_lines(text[start:end])[:-1]
    if start > 0:
        lines = lines[1:]
    return lines[::-1]


@once
def lines_below(context: CompletionContext) -> list[str]:
    """Return whole lines below the cursor's line, nearest first."""
    text, start = context.query.document.text, line_end(context)
    end = min(len(text), start + WINDOW_CHARS)
    lines = split_lines(text[start:end])[1:]
    if end < len(text):
        lines = lines[:-1]
    return lines


@once
def solid_above(context: CompletionContext) -> list[str]:
    """Return those of ``lines_above`` with something on them."""
    return [line for line in lines_above(context) if line.strip()]


@once
def solid_below(context: CompletionContext) -> list[str]:
    """Return those of ``lines_below`` with something on them."""
    return [line for line in lines_below(context) if line.strip()]


def indentation(line: str) -> str:
    """Return the whitespace that ``line`` begins with."""
    return line[: len(line) - len(line.lstrip(" \t"))]


def width(whitespace: str, tab_size: int) -> int:
    """Return the columns that ``whitespace`` takes."""
    columns = 0
    for character in whitespace:
        columns += tab_size - columns % tab_size if character == "\t" else 1
    return columns


def is_only_closers(line: str) -> bool:
    """Whether ``line`` holds nothing but closing brackets and their punctuation."""
    return _CLOSERS_ONLY.fullmatch(line) is not None


def is_telling(line: str) -> bool:
    """Whether ``line`` says enough for a repeat of it to be a mistake, not a habit of code."""
    return len(_WORD.findall(line)) >= _LEAST_WORD_CHARS


def cut_text(candidate: Candidate, step: str, reason: str, n_chars: int) -> Candidate:
    """Return the candidate with the first ``n_chars`` characters of its text.

    Its log-probabilities are cut in proportion, as the tokens' lengths are not kept.
    """
    whole = max(len(candidate.text), 1)
    n_kept = -(-len(candidate.log_probs) * n_chars // whole)
    return candidate.changed(
        step, reason, text=candidate.text[:n_chars], log_probs=candidate.log_probs[:n_kept]
    )
