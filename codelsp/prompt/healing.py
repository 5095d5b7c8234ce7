"""Token healing: what of the prefix is taken out, for the engine to write again.

A cursor often stands where no token ends: after ``self.na`` the model has seen ``.name`` as one
token, and a prompt that ends with the tokens of ``.na`` is unlike all it has read.  So the last
token that may be incomplete is taken out of the prompt, and the engine is made to begin with it.

What may be incomplete follows from the pre-tokenizers of byte-level models (the Qwen2 and GPT-2
expressions): a word with one character before it (a space, a dot, an underscore), a run of
punctuation with the space before it, and a single space, which belongs to the word after it.

Architecture invariant: pure.
"""

from __future__ import annotations

import re

_MAX_WORD = 16
"""Characters; a longer run of letters is several tokens, of which only the last is healed."""
_MAX_PUNCTUATION = 4
_MAX_LINE = 200
"""Characters; who is further in a line than this has the model begin at the cursor."""

_LETTERS = re.compile(r"[^\W\d_]+\Z")
_PUNCTUATION = re.compile(r" ?[^\w\s]+\Z")
_LAST_HUMP = re.compile(r"[A-Z][a-z]*\Z")
_UNSAYABLE = re.compile("[\x00\ud800-\udfff]")
"""What no grammar can ask an engine to write."""


def healed_end(prefix: str) -> str:
    """Return the end of ``prefix`` to be written again; empty where a token surely ends.

    Nothing before the last line start is ever taken.
    """
    line = _last_line(prefix)[-64:]
    if not line:
        return ""
    healed = _word_end(line) or _punctuation_end(line) or _space_end(line)
    return "" if _UNSAYABLE.search(healed) else healed


def line_so_far(prefix: str) -> str:
    """Return what a model that begins with the cursor's line has written of it: the end of prefix.

    The indentation is not part of it, save for its last character: that one is in a token with the
    first word.  Empty where there is nothing but indentation, and in lines of great length.
    """
    line = _last_line(prefix)
    text = line.lstrip(" \t")
    if not text or len(text) > _MAX_LINE or "\0" in text:
        return ""
    return line[len(line) - len(text) - 1 :] if len(text) < len(line) else line


def _last_line(prefix: str) -> str:
    return prefix[max(prefix.rfind("\n"), prefix.rfind("\r")) + 1 :]


def _word_end(line: str) -> str:
    letters = _LETTERS.search(line)
    if letters is None:
        # An underscore begins the word after it: ``some_`` goes on as ``_name``.
        return "_" if line.endswith("_") else ""
    word = letters[0]
    hump = _LAST_HUMP.search(word)
    if hump and hump.start() > 0 and (word[hump.start() - 1].islower() or len(hump[0]) > 1):
        return hump[0][-_MAX_WORD:]
    if len(word) > _MAX_WORD:
        return word[-_MAX_WORD:]
    before = line[letters.start() - 1] if letters.start() else ""
    return before + word if not before.isdigit() else word


def _punctuation_end(line: str) -> str:
    run = _PUNCTUATION.search(line)
    if run is None:
        return ""
    return run[0] if len(run[0]) <= _MAX_PUNCTUATION else run[0][-1]


def _space_end(line: str) -> str:
    return line[-1] if line[-1] in " \t" else ""
