"""Texts as tokens, and hashes of runs of them: what is compared with public code.

Tokens are words, numbers and single marks, the same in every language; white space is none, so that
neither indentation nor line breaks hide a copy.  Names count as they are: code that is renamed
throughout is no verbatim copy.

A run's hash is a polynomial in the hashes of its tokens, modulo 2^64, mixed by the finalizer of
SplitMix64 (Steele, Lea, Flood 2014).  ``training/public_code.py`` does the same sums with numpy.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

RUN_TOKENS = 16
"""Tokens of a run: shorter ones are idioms that everybody writes."""
MASK = (1 << 64) - 1
FACTOR = 0x9E3779B97F4A7C15
MIX_ONE, MIX_TWO = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_TOKEN = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class Tokens:
    """The tokens of a text, and where they stand in it."""

    hashes: list[int]
    """64 bits each."""
    starts: list[int]
    ends: list[int]


def words_of(text: str) -> list[str]:
    """Return the tokens of ``text`` as they are written."""
    return _TOKEN.findall(text)


def tokens_of(text: str) -> Tokens:
    """Return the tokens of ``text``."""
    hashes, starts, ends = [], [], []
    for found in _TOKEN.finditer(text):
        hashes.append(token_hash(found.group()))
        starts.append(found.start())
        ends.append(found.end())
    return Tokens(hashes, starts, ends)


@lru_cache(maxsize=4096)
def token_hash(token: str) -> int:
    """Return the hash of one token, 64 bits."""
    encoded = token.encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(encoded, digest_size=8).digest(), "little")


def run_hashes(hashes: list[int]) -> list[int]:
    """Return the hash of each run of ``RUN_TOKENS`` tokens, by the number of its first token."""
    n_runs = len(hashes) - RUN_TOKENS + 1
    if n_runs <= 0:
        return []
    value = 0
    for token in hashes[:RUN_TOKENS]:
        value = (value * FACTOR + token) & MASK
    leading = pow(FACTOR, RUN_TOKENS - 1, 1 << 64)
    runs = [mixed(value)]
    for first, last in zip(hashes, hashes[RUN_TOKENS:], strict=False):
        value = ((value - first * leading) * FACTOR + last) & MASK
        runs.append(mixed(value))
    return runs


def mixed(value: int) -> int:
    """Return ``value`` with every bit depending on every other."""
    value = ((value ^ (value >> 30)) * MIX_ONE) & MASK
    value = ((value ^ (value >> 27)) * MIX_TWO) & MASK
    return value ^ (value >> 31)
