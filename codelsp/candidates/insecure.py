"""Suggestions that are insecure: what models have learned from a great many who wrote it so.

A suggestion is looked at as text, in well under a millisecond; a linter, which knows where data
comes from, finds more, and finds it in the whole file.

Architecture invariant: pure.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from codelsp.candidates.insecure_rules import RULES
from codelsp.candidates.surroundings import language
from codelsp.document.syntax import TextKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from codelsp.candidates.candidate import Candidate
    from codelsp.candidates.insecure_rules import Rule
    from codelsp.context.completion_context import CompletionContext

STEP = "flag_insecure"
_BEFORE_CHARS = 400
"""Read of the text before: what makes a call dangerous may stand on the line above."""
_MOST_CHARS = 4_000


def flag_insecure(candidate: Candidate, context: CompletionContext) -> Candidate:
    """Flag what is known to be insecure; whether it is then hidden is the settings' affair."""
    reasons = insecurities(candidate, context)
    if not reasons:
        return candidate
    return candidate.flagged(STEP, "; ".join(reasons))


def insecurities(candidate: Candidate, context: CompletionContext) -> tuple[str, ...]:
    """Return why ``candidate`` makes the code insecure, nothing if it does not.

    What stands there already, and what is a comment, does not count.
    """
    known = language(context)
    rules = RULES.get(known.id, ())
    if not rules or context.text_kind in (TextKind.COMMENT, TextKind.DOCSTRING):
        return ()
    text = context.query.document.text
    before = text[max(0, candidate.start - _BEFORE_CHARS) : candidate.start]
    whole = before + candidate.text[:_MOST_CHARS]
    found = _found(rules, whole, len(before), known.line_comment or "")
    return tuple(dict.fromkeys(found))


def _found(rules: tuple[Rule, ...], whole: str, n_before: int, line_comment: str) -> Iterator[str]:
    lowered = whole.lower()
    for rule in rules:
        if rule.hint not in lowered:
            continue
        for match in _compiled(rule.pattern).finditer(whole):
            if match.end() > n_before and not _is_comment(whole, match.start(), line_comment):
                yield rule.reason
                break


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    """Return a pattern, compiled when a text first has its word: together they take 30 ms."""
    return re.compile(pattern, re.IGNORECASE)


def _is_comment(whole: str, place: int, line_comment: str) -> bool:
    line = whole[whole.rfind("\n", 0, place) + 1 : place].lstrip()
    return bool(line_comment) and line.startswith(line_comment)
