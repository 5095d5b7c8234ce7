"""The first line of a longer candidate: the second thing to offer."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from codelsp.candidates.brackets import CLOSER_OF
from codelsp.candidates.surroundings import cut_text

if TYPE_CHECKING:
    from codelsp.candidates.candidate import Candidate

_FIRST_LINE = re.compile(r"\s*[^\r\n]+")
_MARKS = re.compile(r"[()\[\]{}\"'`]")
_QUOTES = "\"'`"


def first_line(candidate: Candidate) -> Candidate | None:
    """Return ``candidate``, cleaned, without its second and later lines; None if it has one only.

    Where the text begins with a line end, the line after it is the first.
    The text right of the cursor stays replaced if the first line has what it says.
    """
    found = _FIRST_LINE.match(candidate.text)
    if found is None or found.end() == len(candidate.text):
        return None
    length = len(found.group().rstrip())
    line = cut_text(candidate, "first_line", "its first line alone", length)
    if candidate.covered and not _says(line.text, candidate.covered):
        line = replace(line, end=line.end - len(candidate.covered), covered="")
    return replace(line, errors_left=None, score=None)


def _says(text: str, covered: str) -> bool:
    """Whether ``text`` closes, or repeats, what ``covered`` closes."""
    wanted = _closed(covered)
    if not wanted:
        return covered.strip() in text
    return _closed(text)[: len(wanted)] == wanted


def _closed(text: str) -> list[str]:
    """Return what ``text`` closes that it has not opened; a lone quote closes."""
    opened: list[str] = []
    closed: list[str] = []
    for mark in _MARKS.findall(text):
        if mark in CLOSER_OF:
            opened.append(CLOSER_OF[mark])
        elif mark in opened:
            del opened[opened.index(mark) :]
        elif mark in _QUOTES and text.count(mark) % 2 == 0:
            opened.append(mark)
        else:
            closed.append(mark)
    return closed
