"""First step: what a chat model or a leaking template leaves around the code."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from codelsp.candidates.surroundings import cut_text, language

if TYPE_CHECKING:
    from codelsp.candidates.candidate import Candidate
    from codelsp.context.completion_context import CompletionContext

_NEAR_CHARS = 2000
MOST_CHARS = 4000
"""Longest text; a very long one has crashed an editor."""

_THOUGHT = re.compile(r"\A\s*<think>.*?(?:</think>\s*|\Z)", re.DOTALL)
_SPECIAL = re.compile(
    r"<\|[a-zA-Z_][\w ▁-]{1,40}\|>"
    r"|<\uff5c[^\n\uff5c]{1,40}\uff5c>"
    r"|<(?:fim|file|repo)[_-]?(?:prefix|middle|suffix|pad|sep|name)>"
    r"|<(?:PRE|SUF|MID|EOT|END)>|\[(?:PREFIX|SUFFIX|MIDDLE)\]"
    r"|<EOT>|<\|?end\u2581of\u2581sentence\|?>|</?s>(?=\s*\Z)"
)
_THOUGHT_MARK = "<think>"
_OPENING_FENCE = re.compile(r"\A\s*(?:```|~~~)[\w+#.-]*[ \t]*\n")
_FENCE = re.compile(r"(?:^|\n)[ \t]*(?:```|~~~)")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u2028\u2029\ufeff\ufffd\ud800-\udfff]")


def strip_residue(candidate: Candidate, context: CompletionContext) -> Candidate:
    """Take out thoughts, fences, special tokens' spellings and control characters; cap the length.

    A document may spell special tokens itself (it may be about them): a spelling that it holds
    near the cursor is text, and stays.
    """
    candidate = _without_thought(candidate)
    candidate = _without_special(candidate, context)
    if not may_have_fences(context):
        candidate = _without_fences(candidate)
    control = _CONTROL.search(candidate.text)
    if control:
        candidate = cut_text(candidate, "residue", "a control character", control.start())
    if len(candidate.text) > MOST_CHARS:
        end = candidate.text.rfind("\n", 0, MOST_CHARS)
        if end <= 0:
            return candidate.dropped("residue", f"a line of more than {MOST_CHARS} characters")
        candidate = cut_text(candidate, "residue", f"more than {MOST_CHARS} characters", end)
    return candidate


def may_have_fences(context: CompletionContext) -> bool:
    """Whether a fence is text here: in prose, or where the document has them already."""
    above = context.prefix[-_NEAR_CHARS:]
    return language(context).style == "prose" or "```" in above or "~~~" in above


def preamble_length(text: str, *, may_have_fences: bool) -> int | None:
    """Return how much of ``text`` is a thought or the line of an opening fence.

    None while that cannot be said yet, because more has to come.
    """
    head = text.lstrip()
    if head.startswith(_THOUGHT_MARK):
        thought = _THOUGHT.match(text)
        return thought.end() if thought and "</think>" in thought.group() else None
    if head and _THOUGHT_MARK.startswith(head):
        return None
    if may_have_fences or not head.startswith(("`", "~")):
        return 0
    if "\n" not in head:
        return None
    fence = _OPENING_FENCE.match(text)
    return fence.end() if fence else 0


def _without_thought(candidate: Candidate) -> Candidate:
    thought = _THOUGHT.match(candidate.text)
    if thought is None:
        return candidate
    # The probabilities of a thought say nothing of the code after it.
    kept = replace(candidate, log_probs=())
    return kept.changed("residue", "a thought", text=candidate.text[thought.end() :])


def _without_special(candidate: Candidate, context: CompletionContext) -> Candidate:
    if "<" not in candidate.text and "[" not in candidate.text:
        return candidate
    for special in _SPECIAL.finditer(candidate.text):
        if special.group() not in context.prefix and special.group() not in context.suffix:
            return cut_text(candidate, "residue", "a special token's spelling", special.start())
    return candidate


def _without_fences(candidate: Candidate) -> Candidate:
    if "```" not in candidate.text and "~~~" not in candidate.text:
        return candidate
    opening = _OPENING_FENCE.match(candidate.text)
    if opening:
        candidate = candidate.changed(
            "residue", "a Markdown fence", text=candidate.text[opening.end() :]
        )
    fence = _FENCE.search(candidate.text)
    if fence is None:
        return candidate
    return cut_text(candidate, "residue", "a Markdown fence", fence.start())
