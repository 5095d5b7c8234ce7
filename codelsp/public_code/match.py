"""Whether a suggestion, with the text before it, copies public code word by word.

Runs of tokens are looked up one by one; hits that follow each other closely, as they do in a copy,
are one stretch.  A stretch counts from a length on that nobody writes by chance, and if a good part
of it is the suggestion's: what the user has typed is the user's affair.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codelsp.public_code.tokens import RUN_TOKENS, run_hashes, token_hash, tokens_of, words_of

if TYPE_CHECKING:
    from codelsp.public_code.index import PublicCodeIndex, Source

LEAST_TOKENS = 32
"""Of a stretch, between the ends of its outermost hits."""
LEAST_CHARS = 100
LEAST_OWN_TOKENS = 3
"""Of a stretch, surely the suggestion's; hits lie up to a window apart, so it may go on."""
LEAST_SUGGESTED_TOKENS = 6
"""Of the suggestion: less is a word or two, and nobody's."""
LEAST_HITS = 2
"""Of the same repository; one alone may be chance."""
CHARS_BEFORE = 400
"""Before the suggestion, that are looked at."""


@dataclass(frozen=True)
class PublicMatch:
    """A stretch of text that stands in a public repository."""

    source: Source
    n_tokens: int
    n_chars: int


def find_match(index: PublicCodeIndex, before: str, text: str) -> PublicMatch | None:
    """Return the longest stretch that ends in ``text`` and stands in public code.

    Any copy of 64 tokens and more is found (two windows more than ``LEAST_TOKENS``); shorter ones
    down to ``LEAST_TOKENS`` often.

    Args:
        index: Of public code.
        before: The document up to the suggestion; the nearest 400 characters count.
        text: The suggestion.
    """
    before = before[-CHARS_BEFORE:]
    # A word that begins before the suggestion and ends in it is the suggestion's.
    n_own = len(words_of(text))
    if n_own < LEAST_SUGGESTED_TOKENS:
        return None
    words = words_of(before + text)
    n_before = len(words) - n_own
    # The last run of a stretch that counts reaches into the suggestion; of most suggestions none
    # of these is known, and nothing else need be looked up.
    reaching = max(0, n_before + LEAST_OWN_TOKENS - RUN_TOKENS)
    if not _hits(index, [*map(token_hash, words[reaching:])]):
        return None
    tokens = tokens_of(before + text)
    hits = _hits(index, tokens.hashes)
    best: PublicMatch | None = None
    for stretch in _stretches(hits, index.shape.window):
        first, last = stretch[0][0], stretch[-1][0] + RUN_TOKENS - 1
        source, n_hits = Counter(source for _, source in stretch).most_common(1)[0]
        n_tokens, n_chars = last - first + 1, tokens.ends[last] - tokens.starts[first]
        if (
            n_tokens >= LEAST_TOKENS
            and n_chars >= LEAST_CHARS
            and last + 1 - max(first, n_before) >= LEAST_OWN_TOKENS
            and n_hits >= LEAST_HITS
            and (best is None or n_tokens > best.n_tokens)
        ):
            best = PublicMatch(source, n_tokens, n_chars)
    return best


def _hits(index: PublicCodeIndex, hashes: list[int]) -> list[tuple[int, Source]]:
    """Return the known ones of the runs of tokens, each with the number of its first token."""
    found = ((number, index.source_of(run)) for number, run in enumerate(run_hashes(hashes)))
    return [(number, source) for number, source in found if source is not None]


def _stretches(hits: list[tuple[int, Source]], window: int) -> list[list[tuple[int, Source]]]:
    """Return ``hits`` in groups whose members are no further apart than hits of one copy can be."""
    groups: list[list[tuple[int, Source]]] = []
    for hit in hits:
        if groups and hit[0] - groups[-1][-1][0] <= window:
            groups[-1].append(hit)
        else:
            groups.append([hit])
    return groups
