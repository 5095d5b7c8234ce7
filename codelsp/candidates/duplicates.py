"""Copies: of the lines that follow the cursor, and of those above it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from codelsp.candidates.surroundings import (
    after_on_line,
    before_on_line,
    cut_text,
    indentation,
    is_blank_line,
    is_only_closers,
    is_telling,
    solid_above,
    solid_below,
)
from codelsp.document.syntax import TextKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codelsp.candidates.candidate import Candidate
    from codelsp.context.completion_context import CompletionContext

LEAST_FUZZY_CHARS = 40
"""Shorter lines are the same only if every character is."""
_MOST_EDITS = 0.05
_LEAST_TELLING_CHARS = 12
_LEAST_UNIQUE_CHARS = 24
_MOST_LINES = 12
_LEAST_WORDS = 2
_WORDS = re.compile(r"\w+")
_DIGITS = re.compile(r"\d+")
_WAITS_FOR_A_VALUE = re.compile(r"\s*\S.*(?:\w|[^=!<>]=)[ \t]+")
_SPACE = re.compile(r"\s+")


def drop_following_lines(candidate: Candidate, context: CompletionContext) -> Candidate:
    """Drop a candidate that is the next lines; cut one that runs into them.

    A line between two others that is like neither stays: filling a gap is what is wanted.
    """
    below = solid_below(context)[:_MOST_LINES]
    if not below:
        return candidate
    before, after = before_on_line(candidate, context), after_on_line(candidate, context)
    lines = (before + candidate.text + after).split("\n")
    solid = [number for number, line in enumerate(lines) if line.strip()]
    if not solid:
        return candidate
    texts = [lines[number] for number in solid]
    if _is_copy(texts, below, is_exact=True) and (len(texts) > 1 or not _is_habit(texts[0])):
        return candidate.dropped("drop_following_lines", "the next lines say it already")
    for index in range(1, len(texts)):
        if _is_copy(texts[index:], below) or _runs_into(texts[index:], below):
            kept = "\n".join(lines[: solid[index]]).rstrip("\n")[len(before) :]
            if not kept.strip():
                return candidate.dropped("drop_following_lines", "the next lines say it already")
            return cut_text(
                candidate, "drop_following_lines", "runs into the next lines", len(kept)
            )
    return candidate


def drop_echo(candidate: Candidate, context: CompletionContext) -> Candidate:
    """Drop a candidate that says again what the lines above have just said.

    If only its first lines do, and they are whole lines, the rest stays.
    """
    above = solid_above(context)
    before = before_on_line(candidate, context)
    candidate = _without_repeated_beginning(candidate, context, before)
    lines = (before + candidate.text + after_on_line(candidate, context)).split("\n")
    solid = [number for number, line in enumerate(lines) if line.strip()]
    for length in range(min(len(solid), len(above), _MOST_LINES), 0, -1):
        echoed = [lines[number].rstrip() for number in solid[:length]]
        if echoed != [line.rstrip() for line in reversed(above[:length])]:
            continue
        if not any(_is_echo(line) for line in echoed) or _is_custom(above, length):
            continue
        if length == len(solid) or not is_blank_line(context) or before:
            return candidate.dropped("drop_echo", "the lines above say it already")
        kept = "\n".join(lines[solid[length] :])
        return _tail_of(candidate, kept)
    return candidate


def _without_repeated_beginning(
    candidate: Candidate, context: CompletionContext, before: str
) -> Candidate:
    """Take off what stands on the line before the text already: ``return`` after ``return``.

    After an opening bracket or an operator the same name may well come again.
    """
    head = before.strip()
    if context.text_kind is not TextKind.CODE or not _WAITS_FOR_A_VALUE.fullmatch(before):
        return candidate
    text = candidate.text.lstrip(" \t")
    if not text.startswith(head) or text[len(head) : len(head) + 1].strip():
        return candidate
    rest = text[len(head) :].lstrip(" \t")
    return candidate.changed("drop_echo", "the line's beginning is there already", text=rest)


def is_same_line(one: str, other: str) -> bool:
    """Whether two lines say the same, white space aside; long ones may differ in a few characters.

    Lines that differ in a digit are a series, not copies.
    """
    first, second = _SPACE.sub(" ", one.strip()), _SPACE.sub(" ", other.strip())
    if first == second:
        return True
    if min(len(first), len(second)) < LEAST_FUZZY_CHARS:
        return False
    if _DIGITS.findall(first) != _DIGITS.findall(second):
        return False
    most = int(_MOST_EDITS * max(len(first), len(second)))
    return edit_distance(first, second, most) <= most


def edit_distance(one: str, other: str, most: int) -> int:
    """Return the Levenshtein distance, or ``most + 1`` if it is larger.

    Only a band around the diagonal is computed (Ukkonen 1985).
    """
    if abs(len(one) - len(other)) > most:
        return most + 1
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        low, high = max(1, i - most), min(len(other), i + most)
        diagonal, row[low - 1] = row[low - 1], i if low == 1 else most + 1
        for j in range(low, high + 1):
            above = row[j] if j < i + most else most + 1
            cost = min(diagonal + (left != other[j - 1]), row[j - 1] + 1, above + 1)
            diagonal, row[j] = row[j], cost
        if min(row[low - 1 : high + 1]) > most:
            return most + 1
    return min(row[-1], most + 1)


def _is_copy(texts: Sequence[str], below: Sequence[str], *, is_exact: bool = False) -> bool:
    """Whether ``texts`` are the lines ``below``; the last may be only the beginning of its line."""
    if len(texts) > len(below) or all(map(is_only_closers, texts)):
        return False
    *whole, last = texts
    if not all(_is_same(one, other, is_exact=is_exact) for one, other in zip(whole, below)):  # noqa: B905
        return False
    if _is_same(last, below[len(whole)], is_exact=is_exact):
        return bool(whole) or _stands_alike(last, below[0])
    return bool(whole) and below[len(whole)].strip().startswith(last.strip())


def _is_same(one: str, other: str, *, is_exact: bool) -> bool:
    return one.split() == other.split() if is_exact else is_same_line(one, other)


def _runs_into(texts: Sequence[str], below: Sequence[str]) -> bool:
    """Whether ``texts`` begin with the line ``below``, and that line is not one of many."""
    first = texts[0].strip()
    if len(first) < _LEAST_TELLING_CHARS or not is_telling(first):
        return len(texts) > len(below) and _is_copy(texts[: len(below)], below)
    return is_same_line(first, below[0])


def _stands_alike(one: str, other: str) -> bool:
    """Whether two equal lines also stand at the same depth, if they are too short to tell."""
    is_long = len(one.strip()) >= _LEAST_UNIQUE_CHARS
    return is_long or indentation(one).expandtabs(4) == indentation(other).expandtabs(4)


def _is_habit(line: str) -> bool:
    """Whether such a line is often written twice on purpose, as ``0,`` and ``pass`` are."""
    return len(_WORDS.findall(line)) < _LEAST_WORDS


def _is_custom(above: Sequence[str], length: int) -> bool:
    """Whether the lines above repeat themselves already, so that once more may be right."""
    return len(above) >= 2 * length and above[:length] == above[length : 2 * length]


def _is_echo(line: str) -> bool:
    return is_telling(line) and not is_only_closers(line)


def _tail_of(candidate: Candidate, kept: str) -> Candidate:
    share = len(kept) / max(len(candidate.text), 1)
    n_kept = -int(-len(candidate.log_probs) * share // 1)
    log_probs = candidate.log_probs[len(candidate.log_probs) - n_kept :]
    shortened = replace(candidate, log_probs=log_probs)
    return shortened.changed("drop_echo", "its first lines stand above already", text=kept)
