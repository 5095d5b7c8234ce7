"""Parses the document as it would be: syntax errors around the cursor may not grow.

A line that is still being written is no error.  What the text leaves open (a bracket, the header
of a block) is closed for the trial, and only for it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from codelsp.candidates.brackets import CLOSER_OF
from codelsp.candidates.frame import Frame
from codelsp.candidates.suffix_fit import Cover, best_cover, fit_suffix, uncovered
from codelsp.candidates.surroundings import (
    WINDOW_CHARS,
    after_on_line,
    before_on_line,
    cut_text,
    indentation,
    language,
    line_end,
    line_start,
)
from codelsp.context.once import once
from codelsp.document.syntax import TextKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from codelsp.candidates.candidate import Candidate
    from codelsp.context.completion_context import CompletionContext

_STEP = "check_syntax"
_AROUND_CHARS = 120
_MOST_REPAIRS = 3
_TOO_MANY = 1_000_000
_UNCHECKED_STYLES = frozenset(("prose", "tags"))
_HEADER = re.compile(r".*[^:\s]:[ \t]*(?:#[^\n]*)?")
_NEXT_LINE = re.compile(r"(?:[ \t]*(?:\r\n|\n|\r))+([ \t]*)(?=\S)")


def check_syntax(candidate: Candidate, context: CompletionContext) -> Candidate:
    """Keep a text after which the document parses no worse; try repairs; else drop it."""
    if context.tree is None or language(context).style in _UNCHECKED_STYLES:
        return candidate
    if context.text_kind is TextKind.COMMENT and "\n" not in candidate.text:
        return candidate
    trial = _trial_of(context)
    left = trial.errors(candidate)
    if left == 0 or left <= trial.errors_before:
        return replace(candidate, errors_left=left)
    for repaired in _repairs(candidate, context):
        left = trial.errors(repaired)
        if left <= trial.errors_before:
            return replace(repaired, errors_left=left)
    return candidate.dropped(_STEP, "the document would have more syntax errors")


def prepare(context: CompletionContext) -> None:
    """Count now the errors there are, whatever the candidate is."""
    if context.tree is not None and language(context).style not in _UNCHECKED_STYLES:
        _ = _trial_of(context).errors_before


class _Trial:
    """Counts the syntax errors around the cursor with a candidate in place."""

    def __init__(self, context: CompletionContext) -> None:
        self._context = context
        self._frame = Frame.of(context)
        # What is missing before a statement is noted at the end of the one above it.
        end = line_start(context)
        above = context.query.document.text[max(0, end - WINDOW_CHARS) : end]
        self._start = max(0, end - len(above) + len(above.rstrip()) - 1)
        self._before: int | None = None
        self._known: dict[tuple[int, str], int] = {}

    @property
    def errors_before(self) -> int:
        """Errors around the cursor as the document stands."""
        tree = self._context.tree
        if self._before is None and tree is not None:
            around = (self._start, line_end(self._context) + _AROUND_CHARS)
            self._before = tree.error_count(*around)
        return self._before or 0

    def errors(self, candidate: Candidate) -> int:
        """Return the errors around the cursor with ``candidate`` in place, its end closed.

        What seems to be open may be closed further below than the frame looks; then the text as
        it is has the fewest.
        """
        closing = self._closing(candidate)
        left = self._errors(candidate, closing)
        if left and closing:
            left = min(left, self._errors(candidate, ""))
        return left

    def _errors(self, candidate: Candidate, closing: str) -> int:
        probe = candidate.text + after_on_line(candidate, self._context) + closing
        key = (candidate.start, probe)
        if key not in self._known:
            self._known[key] = self._counted(*key)
        return self._known[key]

    def _counted(self, start: int, probe: str) -> int:
        tree = self._context.tree
        around = (self._start, start + len(probe) + _AROUND_CHARS)
        found = (
            None
            if tree is None
            else tree.errors_with(start, line_end(self._context), probe, around)
        )
        # Without a tree the text has changed the meaning of all that follows: an open string can.
        return _TOO_MANY if found is None else found

    def _closing(self, candidate: Candidate) -> str:
        """Return what would close all that the candidate's end leaves open."""
        text = candidate.text + after_on_line(candidate, self._context)
        closing = ""
        if self._frame is not None:
            n_covered = candidate.end - self._context.offset
            fit = self._frame.after(candidate.text, max(n_covered, 0))
            missing = fit.missing
            if after_on_line(candidate, self._context).strip():
                # The line goes on: what it leaves open, the text should have closed.
                missing = missing[: len(self._frame.before().missing)]
            closing = "".join(CLOSER_OF[opener] for opener in missing)
        last = text.rpartition("\n")[2]
        if "\n" not in text:
            last = before_on_line(candidate, self._context) + last
        if language(self._context).id == "python" and not closing and _HEADER.fullmatch(last):
            return " pass" if not self._has_body(last) else ""
        return closing

    def _has_body(self, header: str) -> bool:
        """Whether the lines below are already deeper than ``header``."""
        text, start = self._context.query.document.text, line_end(self._context)
        below = _NEXT_LINE.match(text, start)
        return below is not None and len(below.group(1)) > len(indentation(header))


@once
def _trial_of(context: CompletionContext) -> _Trial:
    return _Trial(context)


def _repairs(candidate: Candidate, context: CompletionContext) -> Iterator[Candidate]:
    """Yield variants of ``candidate`` that may parse, the likeliest first."""
    found = 0
    for repaired in _variants(candidate, context):
        if repaired.text.strip() and found < _MOST_REPAIRS:
            found += 1
            yield repaired


def _variants(candidate: Candidate, context: CompletionContext) -> Iterator[Candidate]:
    yield from _without_prefix(candidate, context)
    yield from _other_covers(candidate, context)
    text = candidate.text
    if text.rstrip().endswith(","):
        yield _cut_back(candidate, context, "without its last comma", text.rindex(","))
    if "\n" in text.strip():
        end = text.rstrip().rfind("\n")
        yield _cut_back(candidate, context, "without its last line", end)
        first = text.find("\n", len(text) - len(text.lstrip()))
        if first != end:
            yield _cut_back(candidate, context, "its first line alone", first)


def _cut_back(
    candidate: Candidate, context: CompletionContext, reason: str, n_chars: int
) -> Candidate:
    """Return the candidate cut, fitted anew, without white space at its end."""
    n_kept = len(candidate.text[:n_chars].rstrip())
    return fit_suffix(cut_text(uncovered(candidate), _STEP, reason, n_kept), context)


def _without_prefix(candidate: Candidate, context: CompletionContext) -> Iterator[Candidate]:
    """Yield the text without a repeat of what stands before it on the line."""
    before = before_on_line(candidate, context).lstrip()
    if len(before.strip()) > 1 and candidate.text.lstrip().startswith(before.rstrip()):
        text = candidate.text.lstrip()[len(before.rstrip()) :]
        text = text.lstrip(" \t") if before != before.rstrip() else text
        yield candidate.changed(_STEP, "without a repeat of the line's beginning", text=text)


def _other_covers(candidate: Candidate, context: CompletionContext) -> Iterator[Candidate]:
    """Yield the text with another part of the line's rest replaced."""
    rest = context.line_suffix
    if not rest.strip():
        return
    whole = len(rest.rstrip())
    best = best_cover(candidate.text, rest, Frame.of(context))
    for cover in (best, Cover(0, is_overlap=False, balance=None)):
        if cover.n_chars != len(candidate.covered) and cover.n_chars <= whole:
            yield candidate.changed(
                _STEP,
                f"{cover.n_chars} characters right of the cursor replaced",
                end=context.offset + cover.n_chars,
                covered=rest[: cover.n_chars],
            )
