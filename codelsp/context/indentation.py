"""How a document is indented: read from its text, unless the editor says so.

Only lines that go deeper than the one above count, and those below an opened block count more: so
continuation lines aligned to a bracket, and the stars of block comments, decide nothing.

Architecture invariant: pure; a few hundred lines are read, however long the document is.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from codelsp.context.completion_context import Indentation
from codelsp.document.languages import language_of
from codelsp.document.latest import Latest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from codelsp.document.snapshot import DocumentSnapshot

_HEAD_LINES = 200
_NEAR_LINES = 50
_MAX_CHARS = 20_000
"""Read of each sample: a line of 2 MB must cost nothing."""

_OPENERS = (":", "{", "(", "[", "then", "do", "->", "=>", "begin")
_LINE_END = re.compile(r"\r\n|\n|\r")
_UNITS = (2, 3, 4, 8)
_AFTER_OPENER = 4
"""How much more a step counts below an opened block."""

_Counts = tuple[int, "Mapping[int, int]"]

_WIDTHS = {
    **dict.fromkeys(
        (
            "javascript", "javascriptreact", "typescript", "typescriptreact", "json", "jsonc",
            "html", "css", "scss", "less", "yaml", "ruby", "lua", "vue", "svelte", "xml",
            "dart", "scala", "elixir", "markdown", "toml", "graphql", "proto", "terraform",
            "clojure", "ocaml", "haskell", "shellscript", "r",
        ),
        2,
    ),
}  # fmt: skip
_TAB_LANGUAGES = frozenset({"go", "makefile"})
_DEFAULT_WIDTH = 4


def indentation_of(
    document: DocumentSnapshot,
    tab_size: int | None = None,
    insert_spaces: bool | None = None,  # noqa: FBT001  # as the editor's option is called
    near: int = 0,
) -> Indentation:
    """Return how ``document`` is indented.

    Args:
        document: What to look at.
        tab_size: The editor's option: columns of a tab, and of a level made of spaces.
        insert_spaces: The editor's option: spaces instead of tabs.
        near: An offset; lines around it are looked at besides the first ones.
    """
    width = tab_size if tab_size and tab_size > 0 else None
    if insert_spaces is True and width:
        return Indentation(" " * width, width)
    language = language_of(document.language_id, document.uri).id
    tabs, steps = 0, Counter[int]()
    for number, sample in enumerate(_samples(document, near)):
        more_tabs, more_steps = _counted((document.uri, number), sample)
        tabs += more_tabs
        steps.update(more_steps)
    unit = _unit(tabs, steps, language, width)
    if insert_spaces is False:
        unit = "\t"
    elif insert_spaces and unit == "\t":
        unit = " " * _width_of(language)
    return Indentation(unit, width or (_width_of(language) if unit == "\t" else len(unit)))


def _unit(tabs: int, steps: Counter[int], language: str, width: int | None) -> str:
    spaces = sum(steps.values())
    if tabs > spaces:
        return "\t"
    if spaces:
        # Of two that are as frequent the smaller: the other is likely to be two levels.
        return " " * max(steps, key=lambda step: (steps[step], -step))
    if language in _TAB_LANGUAGES:
        return "\t"
    return " " * (width or _width_of(language))


def _width_of(language: str) -> int:
    return _WIDTHS.get(language, _DEFAULT_WIDTH)


def _samples(document: DocumentSnapshot, near: int) -> Iterator[str]:
    """Return the text of the first lines, and of those around ``near``, in whole blocks.

    Of the last the line at ``near`` is left out: it is being typed.
    """
    head = min(_HEAD_LINES, document.n_lines - 1)
    yield document.text[: min(document.line_start(head) or _MAX_CHARS, _MAX_CHARS)]
    middle = document.line_at(min(near, len(document.text)))
    first = max(middle - middle % _NEAR_LINES - _NEAR_LINES, head)
    last = min(first + 2 * _NEAR_LINES, document.n_lines - 1)
    if last > first:
        start = document.line_start(first)
        stop = min(document.line_start(last), start + _MAX_CHARS)
        below = middle + 1
        # Where the cursor is in the first sample, its line is above all of these.
        end = max(document.line_start(middle), start)
        rest = document.line_start(below) if below < document.n_lines else stop
        yield document.text[start : min(end, stop)] + document.text[max(rest, start) : stop]


_known: Latest[tuple[str, int], tuple[str, _Counts]] = Latest(16)


def _counted(key: tuple[str, int], text: str) -> _Counts:
    """Return ``_count`` of ``text``, which a keystroke seldom changes.

    It is compared with the last one: to look it up by its hash takes longer.

    Args:
        key: Of the document, and of the sample in it.
        text: The sample.
    """
    known = _known.get(key)
    if known is None or known[0] != text:
        known = _known.put(key, (text, _count(text)))
    return known[1]


def _count(text: str) -> _Counts:
    """Return the weight of steps made of tabs, and of steps of so many spaces."""
    tabs = 0
    steps: Counter[int] = Counter()
    previous, weight = "", 1
    for line in _LINE_END.split(text):
        solid = line.lstrip(" \t")
        if not solid or solid.startswith(("*", "#", "//", "--")):
            continue
        lead = line[: len(line) - len(solid)]
        if len(lead) > len(previous) and lead.startswith(previous):
            step = lead[len(previous) :]
            if "\t" in step:
                tabs += weight
            elif len(step) in _UNITS:
                steps[len(step)] += weight
        previous = lead
        weight = _AFTER_OPENER if solid.rstrip().endswith(_OPENERS) else 1
    return tabs, steps
