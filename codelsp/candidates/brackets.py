"""Brackets and quotes, read by a small scanner that knows each language's strings and comments.

A syntax tree cannot say which bracket of an unfinished line is the missing one; a stack can.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from codelsp.document.languages import Language

CLOSER_OF = {"(": ")", "[": "]", "{": "}"}
OPENER_OF = {closer: opener for opener, closer in CLOSER_OF.items()}

_MULTILINE_QUOTES = frozenset(("rust", "shellscript", "php", "ruby", "elixir", "julia", "perl"))
_NO_APOSTROPHE = frozenset(("rust", "clojure", "ocaml", "haskell", "latex", "scheme", "lisp"))
_NO_PARENTHESES = frozenset(("shellscript",))


@dataclass(frozen=True)
class Lexis:
    """How a language writes strings, comments and brackets, as one pattern."""

    pattern: re.Pattern[str]
    quotes: tuple[str, ...]
    openers: frozenset[str]
    multiline_quotes: frozenset[str]


@dataclass
class Scan:
    """What a piece of text does to the brackets around it.

    ``closers`` close what was opened before the piece; ``openers`` are open after it.  Both are
    characters with their places.
    """

    closers: list[tuple[str, int]] = field(default_factory=list)
    openers: list[tuple[str, int]] = field(default_factory=list)
    quote: str | None = None
    """The quote of a string that is open at the end."""
    quote_start: int = -1
    is_comment: bool = False
    """Whether the end stands in a comment."""
    is_broken: bool = False
    """Whether a string was not closed on its line."""


def lexis_of(language: Language) -> Lexis | None:
    """Return the lexis of ``language``; None for prose and markup, whose brackets say nothing."""
    return None if language.style in {"prose", "tags"} else _lexis(language)


@lru_cache(maxsize=64)
def _lexis(language: Language) -> Lexis:
    quotes = tuple(
        quote for quote in language.quotes if quote != "'" or language.id not in _NO_APOSTROPHE
    )
    multiline = frozenset(
        quote
        for quote in quotes
        if len(quote) > 1 or quote == "`" or language.id in _MULTILINE_QUOTES
    )
    parts = []
    if language.block_comment:
        start, end = map(re.escape, language.block_comment)
        parts.append(rf"(?P<block>{start}(?:(?!{end})[\s\S])*(?P<block_end>{end})?)")
    if language.line_comment:
        border = r"(?<!\S)" if language.line_comment in {"#", ".."} else ""
        if language.id == "python":
            border = ""
        parts.append(rf"(?P<line>{border}{re.escape(language.line_comment)}[^\n\r]*)")
    for number, quote in enumerate(quotes):
        q = re.escape(quote)
        body = rf"(?:\\[\s\S]|(?!{q})[^\\{'' if quote in multiline else chr(10) + chr(13)}])*"
        parts.append(rf"(?P<string{number}>{q}{body}(?P<end{number}>{q})?)")
    if "'" not in quotes:
        parts.append(r"(?P<character>'(?:\\[^\n]|[^'\\\n])')")
    parts.append(r"(?P<bracket>[()\[\]{}])")
    # Runs of what begins none of these are taken in one step: ten times faster than one by one.
    marks = [*quotes, language.line_comment or "", *(language.block_comment or ())[:1], "'()[]{}"]
    dull = "".join(sorted({re.escape(each) for mark in marks for each in mark}))
    parts = [f"[^{dull}]+", *parts, r"[\s\S]"]
    openers = "[{" if language.id in _NO_PARENTHESES else "([{"
    return Lexis(re.compile("|".join(parts)), quotes, frozenset(openers), multiline)


def scan(text: str, lexis: Lexis, quote: str | None = None) -> Scan:
    """Return what ``text`` does; ``quote`` is that of the string it begins in."""
    found = Scan()
    place = 0
    if quote is not None:
        place = _string_end(text, quote, lexis)
        if place < 0:
            found.quote, found.quote_start = quote, 0
            return found
        if not text.endswith(quote, 0, place):
            found.is_broken = True
    for token in lexis.pattern.finditer(text, place):
        if token.lastgroup is not None:
            _take(found, token, lexis)
    return found


def _take(found: Scan, token: re.Match[str], lexis: Lexis) -> None:
    kind = token.lastgroup or ""
    if kind == "bracket":
        _take_bracket(found, token.group(), token.start(), lexis)
    elif kind.startswith("string"):
        _take_string(found, token, lexis)
    elif kind in {"block", "line"}:
        is_open = kind == "line" or token.group("block_end") is None
        found.is_comment = is_open and token.end() == len(token.string)


def _take_bracket(found: Scan, bracket: str, place: int, lexis: Lexis) -> None:
    opener = OPENER_OF.get(bracket, bracket)
    if opener not in lexis.openers:
        return
    if bracket in CLOSER_OF:
        found.openers.append((bracket, place))
    elif found.openers and found.openers[-1][0] == opener:
        found.openers.pop()
    elif any(open_one == opener for open_one, _ in found.openers):
        # An opener in between was never closed; it is no longer of interest.
        while found.openers.pop()[0] != opener:
            pass
    else:
        found.closers.append((bracket, place))


def _take_string(found: Scan, token: re.Match[str], lexis: Lexis) -> None:
    number = int((token.lastgroup or "string0")[len("string") :])
    if token.group(f"end{number}") is not None:
        return
    if token.end() == len(token.string):
        found.quote, found.quote_start = lexis.quotes[number], token.start()
    else:
        found.is_broken = True


def _string_end(text: str, quote: str, lexis: Lexis) -> int:
    """Return where the string that ``text`` begins in ends, or -1 if it does not."""
    place = 0
    while place < len(text):
        if text[place] == "\\":
            place += 2
        elif text.startswith(quote, place):
            return place + len(quote)
        elif text[place] in "\n\r" and quote not in lexis.multiline_quotes:
            return place
        else:
            place += 1
    return -1


@dataclass(frozen=True)
class Balance:
    """How well the brackets before a place and those after it fit."""

    missing: tuple[str, ...]
    """Openers that nothing closes, innermost first."""
    excess: int
    """Closers that close nothing."""
    is_broken: bool
    """Whether a string is left open on its line."""

    @property
    def cost(self) -> int:
        """A number that is 0 when all fits; an open string is the worst."""
        return len(self.missing) + self.excess + 2 * self.is_broken


@dataclass(frozen=True)
class Bracket:
    """A bracket, and how deep its line is; for a closer that does not begin its line, None."""

    text: str
    columns: int | None = None


def balance(
    openers: Iterable[Bracket], closers: Iterable[Bracket], *, is_broken: bool = False
) -> Balance:
    """Return how ``closers``, in order, fit ``openers``, whose last is the innermost.

    A closer that skips an opener leaves it missing its own; one that begins its line skips what
    is deeper.  One that has no opener closes a bracket further out than was looked, so that all
    inside are missing theirs.
    """
    stack = list(openers)
    missing: list[Bracket] = []
    excess = 0
    for closer in closers:
        missing += skipped(stack, closer)
        if not stack:
            excess += 1
        else:
            stack.pop()
    missing += reversed(stack)
    return Balance(tuple(each.text for each in missing), excess, is_broken)


def skipped(stack: list[Bracket], closer: Bracket) -> list[Bracket]:
    """Take what ``closer`` skips off ``stack``, so that its opener is the last, and return it."""
    taken: list[Bracket] = []
    while stack and _is_deeper(stack[-1], closer):
        taken.append(stack.pop())
    while stack and stack[-1].text != OPENER_OF[closer.text]:
        taken.append(stack.pop())
    return taken


def _is_deeper(opener: Bracket, closer: Bracket) -> bool:
    if closer.columns is None or opener.columns is None:
        return False
    return opener.columns > closer.columns
