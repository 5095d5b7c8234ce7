"""In which style a document writes its docstrings."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from codelsp.document.languages import language_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from codelsp.document.functions import Function
    from codelsp.document.snapshot import DocumentSnapshot

_READ_CHARS = 200_000
"""Read of each document, so that a generated file of megabytes costs nothing."""


@dataclass(frozen=True)
class DocstringStyle:
    """How docstrings are written."""

    name: str
    sections: str
    """``google``, ``numpy``, ``sphinx``, ``tags``, ``go`` or ``rust``."""
    is_inside: bool = False
    """Whether it stands in the body."""
    opening: str = ""
    lead: str = ""
    """What begins every line but the first and the last."""
    closing: str = ""
    mark: str = "@"
    """What begins a tag."""
    returns: str = "return"
    has_brief: bool = False
    is_jsdoc: bool = False
    has_types: bool = False
    """Whether tags tell types."""
    has_arguments: bool = False
    """Of Rust: whether there is a section for them."""


_INSIDE = {
    name: DocstringStyle(name, name, is_inside=True) for name in ("google", "numpy", "sphinx")
}
_BLOCK = DocstringStyle("block", "tags", opening="/**", lead=" *", closing=" */")
_JSDOC = replace(_BLOCK, name="JSDoc", returns="returns", is_jsdoc=True, has_types=True)
_TSDOC = replace(_JSDOC, name="TSDoc", has_types=False)
_JAVADOC = replace(_BLOCK, name="Javadoc")
_DOXYGEN = replace(_BLOCK, name="Doxygen")
_GO = DocstringStyle("Go", "go", lead="//")
_RUST = DocstringStyle("Rust", "rust", lead="///")
_BY_LANGUAGE: Mapping[str, DocstringStyle] = {
    "python": _INSIDE["google"],
    "javascript": _JSDOC,
    "javascriptreact": _JSDOC,
    "typescript": _TSDOC,
    "typescriptreact": _TSDOC,
    "java": _JAVADOC,
    "c": _DOXYGEN,
    "cpp": _DOXYGEN,
    "go": _GO,
    "rust": _RUST,
}
"""What each language gets where its documents show nothing else."""

_MARKS_OF_PYTHON = {
    "numpy": re.compile(r"(?m)^[ \t]*(?:Parameters|Returns|Yields|Raises)[ \t]*\r?\n[ \t]*-{4,}"),
    "sphinx": re.compile(
        r"(?m)^[ \t]*(?:[rRuU]?(?:\"{3}|'{3}))?[ \t]*:(?:param|returns?|raises?|r?type)\b[^:\n]*:"
    ),
    "google": re.compile(r"(?m)^[ \t]*(?:Args|Arguments|Returns|Yields|Raises):[ \t]*\r?$"),
}
_TRIPLE_SLASH = re.compile(r"(?m)^[ \t]*///(?!<)")
_DOC_BLOCK = re.compile(r"(?m)^[ \t]*/\*\*")
_BACKSLASH_TAG = re.compile(r"(?m)^[ \t]*(?:\*|///)[ \t]*\\(?:param|return|brief)\b")
_AT_TAG = re.compile(r"(?m)^[ \t]*(?:\*|///|/\*\*)[ \t]*@(?:param|return|brief)\b")
_BRIEF = re.compile(r"[@\\]brief\b")
_UNTYPED = re.compile(r"@param\s+[\w$\[]")
_TYPED = re.compile(r"@param\s+\{")
_RUST_ARGUMENTS = re.compile(r"(?m)^[ \t]*/// # (?:Arguments|Parameters)\b")


def can_be_documented(document: DocumentSnapshot, function: Function) -> bool:
    """Whether there is a docstring to write for ``function``, and a place for it."""
    usual = _BY_LANGUAGE.get(language_of(document.language_id, document.uri).id)
    if usual is None or function.docstring is not None:
        return False
    return function.has_body if usual.is_inside else begins_line(document, function)


def begins_line(document: DocumentSnapshot, function: Function) -> bool:
    """Whether nothing stands before ``function`` on its line, so that a comment may."""
    line_start = document.line_start(document.line_at(function.start))
    return not document.text[line_start : function.start].strip()


def style_of(
    document: DocumentSnapshot, others: Sequence[DocumentSnapshot] = ()
) -> DocstringStyle | None:
    """Return the style of ``document``: as it shows, as ``others`` of its language show, or usual.

    None for a language that has no docstrings that we know.
    """
    language = language_of(document.language_id, document.uri).id
    usual = _BY_LANGUAGE.get(language)
    if usual is None:
        return None
    alike = (each for each in others if language_of(each.language_id, each.uri).id == language)
    for shown in (document, *alike):
        style = _shown(shown.text[:_READ_CHARS], usual)
        if style is not None:
            return style
    return usual


def _shown(text: str, usual: DocstringStyle) -> DocstringStyle | None:
    """Return the style that ``text`` shows; None if it shows none."""
    if usual.is_inside:
        counts = {name: len(mark.findall(text)) for name, mark in _MARKS_OF_PYTHON.items()}
        best = max(counts, key=lambda name: counts[name])
        return _INSIDE[best] if counts[best] else None
    if usual.sections == "rust":
        return replace(usual, has_arguments=True) if _RUST_ARGUMENTS.search(text) else None
    if usual.is_jsdoc:
        typed, untyped = len(_TYPED.findall(text)), len(_UNTYPED.findall(text))
        return replace(usual, has_types=typed > untyped) if typed or untyped else None
    return _doxygen(text, usual) if usual.name == "Doxygen" else None


def _doxygen(text: str, usual: DocstringStyle) -> DocstringStyle | None:
    n_lines, n_blocks = len(_TRIPLE_SLASH.findall(text)), len(_DOC_BLOCK.findall(text))
    has_backslash = len(_BACKSLASH_TAG.findall(text)) > len(_AT_TAG.findall(text))
    if not n_lines and not n_blocks:
        return None
    style = replace(usual, mark="\\" if has_backslash else "@", has_brief=bool(_BRIEF.search(text)))
    # Of "///" every line counts, of a block only the first.
    return replace(style, opening="", lead="///", closing="") if n_lines > n_blocks else style
