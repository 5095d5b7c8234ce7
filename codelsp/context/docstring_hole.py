"""A Python function around the place of its docstring.

That is what a model is shown to write the docstring, or to tell how well one fits.

Architecture invariant: pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codelsp.context.indentation import indentation_of

if TYPE_CHECKING:
    from codelsp.document.functions import Function
    from codelsp.document.snapshot import DocumentSnapshot

_OPENING = re.compile(r"""[rRuU]?(\"""|'''|"|')""")


@dataclass(frozen=True)
class DocstringHole:
    """A document without one docstring: ``before``, the hole, ``after`` are the whole text."""

    before: str
    """Up to the opening quotes and with them."""
    docstring: str
    """What stands between the quotes; empty if there is none yet."""
    after: str
    """From the closing quotes on."""
    start: int
    """Where in the document ``before`` ends in what was there: the end of the signature, or the
    docstring's first quote."""
    end: int
    opening: str
    """What stands between ``start`` and the hole: quotes, a line end and indentation if need be."""
    closing: str
    """What stands between the hole and ``end``."""

    def around(self, function: Function) -> tuple[str, str]:
        """Return the signature up to the hole, and what follows it up to the function's end."""
        body = self.after[len(self.closing) :][: max(0, function.end - self.end)]
        return self.before[function.start :], self.closing + body


def docstring_hole(document: DocumentSnapshot, function: Function) -> DocstringHole | None:
    """Return the place of the docstring of ``function``; None where none can stand.

    Args:
        document: Python.
        function: Of ``SyntaxTree.functions``.
    """
    text = document.text
    if function.docstring is not None:
        there = function.docstring
        quotes = _OPENING.match(there.text)
        if quotes is None:
            return None
        opening, closing = quotes[0], quotes[1]
        inner = there.text[len(opening) : len(there.text) - len(closing)]
        start, end = there.start, there.end
        before, after = text[:start] + opening, closing + text[end:]
        return DocstringHole(before, inner, after, start, end, opening, closing)
    place = function.signature_end
    if not function.has_body or document.line_at(function.body_start) == document.line_at(place):
        return None
    # A comment may stand behind the signature, so that it begins on the line after.
    place = document.line_end(document.line_at(place))
    line = document.line_text(document.line_at(function.body_start))
    indentation = line[: len(line) - len(line.lstrip(" \t"))]
    if not indentation.startswith(function.indentation):
        indentation = function.indentation + indentation_of(document, near=function.start).unit
    opening, closing = f'\n{indentation}"""', '"""'
    before, after = text[:place] + opening, closing + text[place:]
    return DocstringHole(before, "", after, place, place, opening, closing)
