"""Comments and strings: a text that begins in one must not leave it by accident."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from codelsp.candidates.frame import Frame
from codelsp.candidates.surroundings import (
    after_on_line,
    before_on_line,
    cut_text,
    is_blank_line,
    language,
)
from codelsp.document.syntax import TextKind

if TYPE_CHECKING:
    from codelsp.candidates.candidate import Candidate
    from codelsp.context.completion_context import CompletionContext

_STEP = "stay_in_kind"
_QUOTE = re.compile(r"[\"'`]")
_BLANK = re.compile(r"(?m)^[ \t]+$")
_DOC_QUOTES = ('"""', "'''")


def stay_in_kind(candidate: Candidate, context: CompletionContext) -> Candidate:
    """Keep comment text in its comment and string text in its string.

    A text that begins with a new line below a comment has ended the comment on purpose.
    """
    if context.text_kind is TextKind.COMMENT or _is_in_open_comment(context):
        return _stay_in_comment(candidate, context)
    # A string that is not closed yet is none to the syntax tree.
    if context.text_kind is not TextKind.CODE or _QUOTE.search(context.line_prefix):
        return _stay_in_string(candidate, context)
    return candidate


def _is_in_open_comment(context: CompletionContext) -> bool:
    """Whether a block comment begins on the line and does not end: no comment to the tree."""
    ends = language(context).block_comment
    if ends is None or ends[0] not in context.line_prefix:
        return False
    frame_or_none = Frame.of(context)
    return frame_or_none is None and ends[1] not in context.line_prefix.rpartition(ends[0])[2]


def _stay_in_comment(candidate: Candidate, context: CompletionContext) -> Candidate:
    mark = language(context).line_comment
    before = before_on_line(candidate, context)
    if mark and mark in before:
        return _stay_in_line_comment(candidate, mark, before)
    ends = language(context).block_comment
    if ends is None:
        return candidate
    place = candidate.text.find(ends[1])
    if place < 0:
        return candidate
    below = context.query.document.text[candidate.end : candidate.end + 2000]
    opens, closes = below.find(ends[0]), below.find(ends[1])
    if closes >= 0 and (opens < 0 or closes < opens):
        return _cut_or_drop(candidate, place, "the comment is closed already")
    return _cut_or_drop(candidate, place + len(ends[1]), "the comment ends")


def _stay_in_line_comment(candidate: Candidate, mark: str, before: str) -> Candidate:
    if mark in candidate.text.partition("\n")[0] and not before.split(mark, 1)[1].strip():
        return candidate.dropped(_STEP, "a comment in a comment")
    if candidate.text.startswith("\n"):
        return candidate
    lines = candidate.text.split("\n")
    n_kept = next(
        (number for number, line in enumerate(lines) if number and not _is_comment(line, mark)),
        len(lines),
    )
    if n_kept == len(lines):
        return candidate
    return _cut_or_drop(candidate, len("\n".join(lines[:n_kept])), "code after a comment")


def _is_comment(line: str, mark: str) -> bool:
    return line.lstrip().startswith(mark)


def _stay_in_string(candidate: Candidate, context: CompletionContext) -> Candidate:
    frame = Frame.of(context)
    quote = frame.quote if frame else None
    if frame is None or quote is None:
        return candidate
    if not frame.is_in_long_string:
        return _stay_on_line(candidate, frame)
    if quote not in _DOC_QUOTES or candidate.text.count(quote) % 2 == 0:
        return candidate
    document = context.query.document
    if document.text.count(quote, candidate.end) % 2 == 0:
        return candidate
    place = candidate.text.find(quote)
    kept = candidate.text[:place].rstrip()
    if after_on_line(candidate, context).strip().startswith(quote):
        return candidate
    return _cut_or_drop(candidate, len(kept), "the string is closed already")


def _stay_on_line(candidate: Candidate, frame: Frame) -> Candidate:
    """Cut a string that cannot go on below at its line's end, unless the text closes it there."""
    first, _, more = candidate.text.partition("\n")
    if more and frame.scanned(first).quote is not None:
        return _cut_or_drop(candidate, len(first), "the string ends with its line")
    return candidate


def _cut_or_drop(candidate: Candidate, length: int, reason: str) -> Candidate:
    if not candidate.text[:length].strip():
        return candidate.dropped(_STEP, reason)
    return cut_text(candidate, _STEP, reason, length)


def extend_selected(candidate: Candidate, context: CompletionContext) -> Candidate:
    """Drop a candidate that does not go on from the entry chosen in the editor's popup."""
    selected = context.query.selected
    if selected is None:
        return candidate
    text = context.query.document.text
    if candidate.start <= selected.start:
        shown = candidate.text[len(text[candidate.start : selected.start]) :]
    else:
        shown = text[selected.start : candidate.start] + candidate.text
    if shown.startswith(selected.text) and len(shown) > len(selected.text):
        return candidate
    return candidate.dropped("extend_selected", "it does not go on from the popup's entry")


def trim_end(candidate: Candidate, context: CompletionContext) -> Candidate:
    """Take white space off the end, and off blank lines within."""
    text = candidate.text
    if "\n" in text and context.text_kind is not TextKind.STRING:
        text = _BLANK.sub("", text) if is_blank_line(context) else _trimmed_below(text)
    if not after_on_line(candidate, context).strip() or "\n" in text[len(text.rstrip()) :]:
        text = text.rstrip()
    if text == candidate.text:
        return candidate
    return candidate.changed("trim_end", "white space", text=text)


def _trimmed_below(text: str) -> str:
    first, _, more = text.partition("\n")
    return first + "\n" + _BLANK.sub("", more)
