"""Text of documents, made fit to be sent: it can spell anything, and must mean nothing; pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def without_lone_surrogates(text: str) -> str:
    """Return ``text`` with U+FFFD for each half of a character, which no engine accepts."""
    return _LONE_SURROGATE.sub("\ufffd", text)


def broken_at_special_tokens(text: str, spellings: Iterable[str]) -> list[str]:
    """Cut ``text`` inside every place that spells a special token.

    Each part tokenized by itself cannot become that token, and the parts put together are
    ``text``.  Needed where a vocabulary lists its special tokens as ordinary ones, so that an
    engine recognizes them even in plain text.
    """
    longest_first = sorted((s for s in spellings if len(s) > 1), key=len, reverse=True)
    if not longest_first:
        return [text]
    parts, start = [], 0
    for match in re.finditer("|".join(map(re.escape, longest_first)), text):
        parts.append(text[start : match.start() + 1])
        start = match.start() + 1
    parts.append(text[start:])
    return [part for part in parts if part]


def grammar_for_prefix(prefix: str) -> str:
    """Return a GBNF grammar for text that begins with ``prefix`` and is free after it.

    GBNF: https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md
    """
    return f'root ::= "{_gbnf_escaped(prefix)}" [^\\x00]*'


def _gbnf_escaped(text: str) -> str:
    named = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\", '"': '\\"'}
    return "".join(
        named.get(char) or (char if " " <= char <= "~" else f"\\U{ord(char):08X}") for char in text
    )
