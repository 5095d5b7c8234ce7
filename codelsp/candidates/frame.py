"""``Frame``: the brackets and quotes that are open at the cursor, and those that close below it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codelsp.candidates.brackets import (
    CLOSER_OF,
    OPENER_OF,
    Balance,
    Bracket,
    Lexis,
    Scan,
    balance,
    lexis_of,
    scan,
    skipped,
)
from codelsp.candidates.surroundings import (
    WINDOW_CHARS,
    indentation,
    is_blank_line,
    language,
    line_end,
)
from codelsp.context.once import once
from codelsp.document.syntax import TextKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from codelsp.context.completion_context import CompletionContext

_LINE_END = re.compile(r"\r\n|\n|\r")
_HEADER = re.compile(r"\s*(?:async|def|class|if|elif|for|while|with|match|case|func|fn|function)\b")
_SOLID_LINE = re.compile(r"(?:^|[\n\r])([ \t]*)([^\s])")
_TOP_LEVEL_LINE = re.compile(r"\n(?!(?:public|private|protected|signals)\b)(?=[^\s)\]}{#/*])")


@dataclass(frozen=True)
class Frame:
    """What a candidate has to fit into, as far as brackets go."""

    lexis: Lexis
    openers: tuple[Bracket, ...]
    """Brackets open at the cursor, innermost last."""
    quote: str | None
    """The quote of the string that the cursor stands in."""
    columns: int | None
    """How deep the cursor's line is; None where the candidate owns it."""
    rest: str
    """Text from the cursor to the end of its line."""
    closers_below: tuple[Bracket, ...]
    """What the lines below close."""

    @classmethod
    def of(cls, context: CompletionContext) -> Frame | None:
        """Return the frame of ``context``; None in prose and comments, where nothing need fit."""
        return _frame_of(context)

    @classmethod
    def read(cls, context: CompletionContext) -> Frame | None:
        """Return the frame of ``context``, read from its document; ``of`` remembers it."""
        lexis = lexis_of(language(context))
        if lexis is None or context.text_kind is TextKind.COMMENT:
            return None
        window, above = _above(context, lexis)
        is_in_string = context.text_kind in {TextKind.STRING, TextKind.DOCSTRING}
        if above.is_comment or (is_in_string and above.quote is None):
            return None
        openers = [Bracket(each, _columns_at(window, place)) for each, place in above.openers]
        below, is_cut = _below(context)
        closers = [
            Bracket(each, _columns_at(below, place, is_first=True))
            for each, place in scan(below, lexis).closers
        ]
        if is_cut:
            closers += _closers_out_of_sight(window, above, closers, below)
        is_blank = is_blank_line(context)
        columns = None if is_blank else _columns(indentation(context.line_prefix))
        rest = context.line_suffix[:WINDOW_CHARS]
        return cls(lexis, tuple(openers), above.quote, columns, rest, tuple(closers))

    @property
    def is_in_long_string(self) -> bool:
        """Whether the cursor stands in a string that may have several lines."""
        return self.quote is not None and self.quote in self.lexis.multiline_quotes

    def before(self) -> Balance:
        """Return how the brackets fit as they stand."""
        return self.after("", 0)

    def scanned(self, text: str) -> Scan:
        """Return what ``text`` does when it stands at the cursor."""
        return scan(text, self.lexis, self.quote)

    def after(self, text: str, n_covered: int, scanned: Scan | None = None) -> Balance:
        """Return how the brackets fit with ``text`` for the first ``n_covered`` characters right.

        Args:
            text: what stands at the cursor then.
            n_covered: how much of the line's rest it replaces.
            scanned: what ``scanned(text)`` has said.
        """
        done = scanned or self.scanned(text)
        stack, n_unknown = self._stack_after(text, done)
        rest = scan(self.rest[n_covered:], self.lexis, done.quote)
        closers = [Bracket(bracket) for bracket, _ in rest.closers]
        closers += _after_openers([bracket for bracket, _ in rest.openers], self.closers_below)
        is_broken = done.is_broken or rest.is_broken
        if rest.quote is not None and rest.quote not in self.lexis.multiline_quotes:
            is_broken = is_broken or bool(rest.quote_start or self.rest[n_covered:])
        fit = balance(stack, closers, is_broken=is_broken)
        return Balance(fit.missing, fit.excess + n_unknown, fit.is_broken)

    def _stack_after(self, text: str, done: Scan) -> tuple[list[Bracket], int]:
        """Return what is open after ``text``, and how many of its closers close nothing known."""
        stack = list(self.openers)
        n_unknown = 0
        for closer, _ in done.closers:
            if any(opener.text == OPENER_OF[closer] for opener in stack):
                skipped(stack, Bracket(closer))
                stack.pop()
            else:
                n_unknown += 1
        first_line = text.find("\n") if "\n" in text else len(text)
        for opener, place in done.openers:
            is_on_line = self.columns is not None and place <= first_line
            stack.append(Bracket(opener, self.columns if is_on_line else _columns_at(text, place)))
        return stack, n_unknown


@once
def _frame_of(context: CompletionContext) -> Frame | None:
    return Frame.read(context)


def _after_openers(openers: list[str], closers: tuple[Bracket, ...]) -> list[Bracket]:
    """Return the ``closers`` that are left when ``openers`` have taken theirs."""
    left = []
    for closer in closers:
        if openers and openers[-1] == OPENER_OF[closer.text]:
            openers.pop()
        else:
            left.append(closer)
    return left


def _above(context: CompletionContext, lexis: Lexis) -> tuple[str, Scan]:
    """Return text before the cursor and what it opens, from a place where no string is open.

    Where that place is cannot be known without reading the whole document; so several are tried,
    until the scanner and the syntax tree agree on what the cursor stands in.
    """
    for window, quote in _beginnings(context, lexis):
        above = scan(window, lexis, quote)
        is_on_line = len(window) - above.quote_start <= len(context.line_prefix)
        is_in_string = context.text_kind in {TextKind.STRING, TextKind.DOCSTRING}
        # The tree does not see a string that the user has not closed yet.
        if above.quote is None:
            is_likely = not is_in_string
        else:
            is_likely = is_on_line or is_in_string or context.tree is None
        if is_likely:
            return window, above
    line = context.line_prefix[-WINDOW_CHARS:]
    return line, scan(line, lexis)


def _beginnings(context: CompletionContext, lexis: Lexis) -> Iterator[tuple[str, str | None]]:
    """Yield texts that end at the cursor, and the quote that each may begin in, best first."""
    text, offset, tree = context.query.document.text, context.offset, context.tree
    start = max(0, offset - WINDOW_CHARS)
    window = text[start:offset]
    tops = [match.end() for match in _TOP_LEVEL_LINE.finditer(window)]
    if tops and (tree is None or tree.text_kind_at(start + tops[-1]) is TextKind.CODE):
        yield window[tops[-1] :], None
    scopes = tree.scopes_at(offset) if tree else ()
    functions = [scope.start for scope in scopes if scope.kind == "function"]
    if functions and functions[-1] >= start:
        yield text[functions[-1] : offset], None
    for top in reversed(tops[-2:]):
        yield window[top:], None
    if start > 0:
        first_line = _LINE_END.search(window)
        window = window[first_line.end() :] if first_line else window
    yield window, None
    for quote in lexis.multiline_quotes:
        yield window, quote


def _below(context: CompletionContext) -> tuple[str, bool]:
    """Return the lines below up to the next top-level statement, and whether they were cut."""
    text, start = context.query.document.text, line_end(context)
    window = text[start : start + WINDOW_CHARS]
    top = _TOP_LEVEL_LINE.search(window)
    if top:
        return window[: top.start()], False
    return window, start + WINDOW_CHARS < len(text)


def _closers_out_of_sight(
    window: str, above: Scan, closers: list[Bracket], below: str
) -> list[Bracket]:
    """Return the closers that must stand further below than was looked.

    A bracket of a line above is still open below the cursor if the next line is deeper than that
    line; but what is deeper than a header may be its body.
    """
    cursor_line = _line_start(window, len(window))
    is_closed = _is_closed_below(window[cursor_line:], below)
    unclosed = [
        _Unclosed(opener, _columns_at(window, place), window, place)
        for opener, place in above.openers
        if is_closed or place < cursor_line
    ]
    stack: list[Bracket] = [*unclosed]
    for closer in closers:
        skipped(stack, closer)
        del stack[-1:]
    found = _SOLID_LINE.search(below)
    columns = _columns(found.group(1)) if found else 0
    return [
        Bracket(CLOSER_OF[opener.text])
        for opener in reversed(stack)
        if columns > (opener.columns or 0)
        and not (isinstance(opener, _Unclosed) and opener.is_in_header)
    ]


@dataclass(frozen=True)
class _Unclosed(Bracket):
    """An opener with its place in the window."""

    window: str = ""
    place: int = 0

    @property
    def is_in_header(self) -> bool:
        line_start = _line_start(self.window, self.place)
        return self.text == "(" and _HEADER.match(self.window, line_start) is not None


def _line_start(text: str, place: int) -> int:
    return max(text.rfind("\n", 0, place), text.rfind("\r", 0, place)) + 1


def _columns_at(text: str, place: int, *, is_first: bool = False) -> int | None:
    """Return how deep the line of ``place`` is; with ``is_first`` None if more stands before it."""
    before = text[_line_start(text, place) : place]
    return None if is_first and before.strip() else _columns(indentation(before))


def _is_closed_below(line: str, below: str) -> bool:
    """Whether a line below closes what ``line`` opens: the first that is no deeper does."""
    columns = _columns(indentation(line))
    for found in _SOLID_LINE.finditer(below):
        if _columns(found.group(1)) <= columns:
            return found.group(2) in OPENER_OF and _columns(found.group(1)) == columns
    return False


def _columns(whitespace: str) -> int:
    return len(whitespace.expandtabs(4))
