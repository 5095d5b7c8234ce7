"""Worth: what is shown takes the place of the user's Tab key, so it has to be worth a glance."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from codelsp.candidates.surroundings import before_on_line, line_end, line_start
from codelsp.context.completion_context import Trigger

if TYPE_CHECKING:
    from codelsp.candidates.candidate import Candidate
    from codelsp.context.completion_context import CompletionContext

_CLOSERS = re.compile(r"[\s)\]}>\"'`;,:]*")
_LONG_WORD = re.compile(r"[\w+/-]{12}")
_LEAST_CLOSERS = 3
_LEAST_CHARS = 2
_WINDOW_CHARS = 20_000

_SECRETS = {
    "an access key": re.compile(
        r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}"
        r"|\bglpat-[\w-]{20,}|\bxox[abprs]-[\w-]{10,}|\bsk-(?:[a-z]+-)?[A-Za-z0-9_-]{20,}"
        r"|\bAIza[\w-]{35}\b|\bhf_[A-Za-z]{30,}|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}"
    ),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"),
    "a URL with a password": re.compile(
        r"\b[a-z][a-z0-9+.-]*://[^\s/:@'\"{$<]+:[^\s/@'\"{$<]+@", re.IGNORECASE
    ),
    "a password": re.compile(
        r"(?:password|passwd|secret|api_?key|auth_?token|access_?token)['\"]?\s*[:=]\s*"
        r"['\"][^\s'\"{$<]*(?=[^'\"]*\d)(?=[^'\"]*[A-Za-z])[^\s'\"{$<]{12,}['\"]",
        re.IGNORECASE,
    ),
    "an e-mail address": re.compile(
        r"\b[\w.+-]+@(?!(?:[\w-]+\.)*(?:example|test|invalid|localhost)\b)[\w-]+(?:\.[\w-]+)+\b"
    ),
}


def drop_worthless(candidate: Candidate, context: CompletionContext) -> Candidate:
    """Drop what is blank, what is there already, and what is no shorter to accept than to type."""
    text = candidate.text
    if not text.strip():
        return candidate.dropped("drop_worthless", "nothing but white space")
    there = context.query.document.text[candidate.start : candidate.end]
    if text == there:
        return candidate.dropped("drop_worthless", "it stands there already")
    if context.query.trigger is Trigger.INVOKED:
        return candidate
    new = _new_part(text, there)
    visible = "".join(new.split())
    if _CLOSERS.fullmatch(new) and len(visible) < _LEAST_CLOSERS:
        return candidate.dropped("drop_worthless", "closing brackets that are sooner typed")
    if len(visible) < _LEAST_CHARS:
        return candidate.dropped("drop_worthless", "one character is sooner typed")
    return candidate


def drop_secrets(candidate: Candidate, context: CompletionContext) -> Candidate:
    """Drop what looks like somebody's key, password or address, learned with the training data.

    What the user's own document says near the cursor may be said again.
    """
    text = candidate.text
    if "@" not in text and "BEGIN" not in text and not _LONG_WORD.search(text):
        return candidate
    whole = before_on_line(candidate, context)[-200:] + text
    n_before = len(whole) - len(text)
    for what, pattern in _SECRETS.items():
        for found in pattern.finditer(whole):
            if found.end() > n_before and not _is_known(found.group(), context):
                return candidate.dropped("drop_secrets", f"it looks like {what}")
    return candidate


def _new_part(text: str, there: str) -> str:
    """Return what ``text`` adds to the text ``there`` that it replaces."""
    length = len(there)
    while length and not text.endswith(there[len(there) - length :]):
        length -= 1
    return text[: len(text) - length]


def _is_known(secret: str, context: CompletionContext) -> bool:
    text = context.query.document.text
    above = text[max(0, context.offset - _WINDOW_CHARS) : line_start(context)]
    below = text[line_end(context) : context.offset + _WINDOW_CHARS]
    return secret in above or secret in below
