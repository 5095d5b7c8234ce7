"""Docstrings and documentation comments: the form from syntax, a hole for each sentence."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codelsp.context.indentation import indentation_of
from codelsp.document.languages import language_of
from codelsp.drafts.docstring_styles import DocstringStyle, begins_line, style_of
from codelsp.drafts.draft import Draft, Hole, sentence
from codelsp.drafts.phrases import about, condition_of, summary_of, third_person
from codelsp.errors import DraftError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from codelsp.document.functions import Function
    from codelsp.document.signatures import Parameter
    from codelsp.document.snapshot import DocumentSnapshot

    Pieces = Iterator[str | Hole]

_LITERAL_TYPES = (
    (r"-?\d[\d_.]*", "number"),
    (r"""["'`].*""", "string"),
    (r"true|false", "boolean"),
    (r"\[.*", "Array"),
    (r"\{.*", "Object"),
)


@dataclass(frozen=True)
class _Facts:
    """What is known of the function to be described."""

    function: Function
    body: str
    following: str
    """What closes the docstring, with the code that follows it, as the model sees it."""

    def summary(self) -> Hole:
        return sentence(summary_of(self.function), self.following, self.function.name)

    def about(self, parameter: Parameter) -> Hole:
        return sentence(about(parameter), self.following, parameter.name)

    def result(self) -> Hole:
        is_whether = self.function.return_type in ("bool", "boolean")
        fallback = "Whether it is so." if is_whether else "The result."
        return sentence(fallback, self.following, self.function.return_type)

    def condition(self, exception: str, mark: str) -> str | Hole:
        """Return when an exception is raised: a condition of the code, or words for it."""
        condition = condition_of(exception, self.body)
        if condition:
            return f"If {mark}{condition}{mark}."
        return sentence("If it fails.", self.following, exception)


def docstring_draft(
    document: DocumentSnapshot, function: Function, others: Sequence[DocumentSnapshot] = ()
) -> Draft:
    """Return the draft of a docstring for ``function`` of ``document``, in the style of the file.

    Args:
        document: Where the function stands.
        function: Of ``SyntaxTree.function_at``.
        others: Other open documents, whose style counts where the file has none.

    Raises:
        DraftError: it has a docstring already, there is no place for one, or its language has
            no docstrings that we know.
    """
    if function.docstring is not None:
        raise DraftError(f"`{function.qualified_name}` has a docstring already.")
    style = style_of(document, others)
    if style is None:
        name = language_of(document.language_id, document.uri).name
        raise DraftError(f"There is no docstring style for {name}.")
    if style.is_inside:
        return _inside(document, function, style)
    if not begins_line(document, function):
        raise DraftError(
            f"`{function.qualified_name}` begins in the middle of a line, where no comment fits;"
            " put it on a line of its own."
        )
    return _before(document, function, style)


def _inside(document: DocumentSnapshot, function: Function, style: DocstringStyle) -> Draft:
    """Return a draft that begins the body, as Python's docstrings do."""
    text, place = document.text, function.signature_end
    unit = indentation_of(document, near=function.start).unit
    indentation = function.indentation + unit
    end = document.line_end(document.line_at(place))
    is_one_line = bool(text[place : function.body_start].strip(" \t") == "" and place != end)
    if is_one_line and document.line_at(function.body_start) == document.line_at(place):
        end, closing = function.body_start, f'"""\n{indentation}'
    else:
        place, closing = end, '"""'
        first = document.line_at(function.body_start)
        if function.body_start > place:
            line = document.line_text(first)
            indentation = line[: len(line) - len(line.lstrip(" \t"))] or indentation
    following = f'\n{indentation}"""' if closing == '"""' else f"\n{indentation}{closing}"
    facts = _Facts(function, _body(document, function), following)
    pieces = list(_PYTHON[style.sections](facts, indentation, unit))
    is_short = len(pieces) == 1
    lines = [f'\n{indentation}"""', *pieces]
    lines.append(closing if is_short else f"\n{indentation}{closing}")
    return _draft(document, function, place, end, lines)


def _before(document: DocumentSnapshot, function: Function, style: DocstringStyle) -> Draft:
    """Return a draft of a comment that stands before the function."""
    indentation = function.indentation
    lead = f"\n{indentation}{style.lead}"
    closing = f"\n{indentation}{style.closing}" if style.closing else ""
    following = f"{closing}\n{indentation}"
    facts = _Facts(function, _body(document, function), following)
    pieces: list[str | Hole] = [style.opening]
    if style.opening and style.closing:
        pieces.append(f"{lead} ")
    elif not style.opening:
        pieces[0] = f"{style.lead} "
    pieces.extend(
        piece.replace("\n", lead) if isinstance(piece, str) else piece
        for piece in _COMMENTS[style.sections](facts, style)
    )
    pieces.append(following)
    place = function.docstring_place
    return _draft(document, function, place, place, pieces)


def _draft(
    document: DocumentSnapshot,
    function: Function,
    start: int,
    end: int,
    pieces: Sequence[str | Hole],
) -> Draft:
    what = "docstring" if language_of(document.language_id).id == "python" else "documentation"
    title = f"{what} of {function.qualified_name}"
    return Draft(title, document, start, end, tuple(_joined(pieces)))


def _joined(pieces: Sequence[str | Hole]) -> Pieces:
    """Yield the pieces with texts that stand side by side made one, without blanks at line ends."""
    text = ""
    for piece in pieces:
        if isinstance(piece, str):
            text += piece
            continue
        yield re.sub(r"[ \t]+(?=\n)", "", text)
        text = ""
        yield piece
    yield re.sub(r"[ \t]+(?=\n)", "", text)


def _body(document: DocumentSnapshot, function: Function) -> str:
    return document.text[function.body_start : function.body_end]


# Python.


def _google(facts: _Facts, indentation: str, unit: str) -> Pieces:
    function = facts.function
    entry = f"\n{indentation}{unit}"
    yield facts.summary()
    if function.parameters:
        yield f"\n\n{indentation}Args:"
    for parameter in function.parameters:
        yield f"{entry}{_starred(parameter)}: "
        yield facts.about(parameter)
    if _has_result(function):
        yield f"\n\n{indentation}{'Yields' if function.is_generator else 'Returns'}:{entry}"
        yield facts.result()
    if function.raises:
        yield f"\n\n{indentation}Raises:"
    for exception in function.raises:
        yield f"{entry}{exception}: "
        yield facts.condition(exception, "`")


def _numpy(facts: _Facts, indentation: str, unit: str) -> Pieces:
    function = facts.function
    line, entry = f"\n{indentation}", f"\n{indentation}{unit}"
    yield facts.summary()
    if function.parameters:
        yield f"\n{line}Parameters{line}----------"
    for parameter in function.parameters:
        told = f" : {parameter.type}" if parameter.type else ""
        told += ", optional" if parameter.default and told else ""
        yield f"{line}{_starred(parameter)}{told}{entry}"
        yield facts.about(parameter)
    if _has_result(function):
        name = "Yields" if function.is_generator else "Returns"
        told = function.return_type or "object"
        yield f"\n{line}{name}{line}{'-' * len(name)}{line}{told}{entry}"
        yield facts.result()
    if function.raises:
        yield f"\n{line}Raises{line}------"
    for exception in function.raises:
        yield f"{line}{exception}{entry}"
        yield facts.condition(exception, "`")


def _sphinx(facts: _Facts, indentation: str, unit: str) -> Pieces:  # noqa: ARG001  # one of three
    function = facts.function
    line = f"\n{indentation}"
    yield facts.summary()
    if function.parameters or function.raises or _has_result(function):
        yield "\n"
    for parameter in function.parameters:
        yield f"{line}:param {parameter.name}: "
        yield facts.about(parameter)
    if _has_result(function):
        yield f"{line}:{'yields' if function.is_generator else 'returns'}: "
        yield facts.result()
    for exception in function.raises:
        yield f"{line}:raises {exception}: "
        yield facts.condition(exception, "``")


def _starred(parameter: Parameter) -> str:
    return {"rest": "*", "keywords": "**"}.get(parameter.form, "") + parameter.name


def _has_result(function: Function) -> bool:
    return function.gives_value or function.is_generator


# Comments; a line feed is followed by the comment's lead, and everything else by a blank first.


def _tags(facts: _Facts, style: DocstringStyle) -> Pieces:
    """Yield a comment with ``@param`` and its like: JSDoc, Javadoc, Doxygen."""
    function, mark = facts.function, style.mark
    yield f"{mark}brief " if style.has_brief else ""
    yield facts.summary()
    if function.parameters or function.raises or _has_result(function):
        yield "\n"
    for number, parameter in enumerate(function.parameters):
        yield f"\n {mark}param {_tagged(parameter, number, style)}"
        yield facts.about(parameter)
    if _has_result(function):
        told = _braced(function.return_type) if style.has_types and function.return_type else ""
        yield f"\n {mark}{style.returns} {told}"
        yield facts.result()
    for exception in function.raises:
        name = _braced(exception) if style.is_jsdoc else f"{exception} "
        yield f"\n {mark}throws {name}"
        yield facts.condition(exception, "`")


def _tagged(parameter: Parameter, number: int, style: DocstringStyle) -> str:
    if not style.is_jsdoc:
        return f"{parameter.name} "
    name = parameter.name
    if not re.fullmatch(r"[\w$]+", name):
        name = "options" if number == 0 else f"options{number}"
    if not style.has_types:
        return f"{name} - "
    told = parameter.type or _type_of_literal(parameter)
    told = "..." + (told or "*") if parameter.form == "rest" else told
    shown = f"[{name}={parameter.default}]" if parameter.default else name
    return f"{_braced(told) if told else ''}{shown} - "


def _type_of_literal(parameter: Parameter) -> str:
    if parameter.name.startswith("{"):
        return "Object"
    for pattern, told in _LITERAL_TYPES:
        if re.fullmatch(pattern, parameter.default):
            return told
    return ""


def _braced(told: str) -> str:
    return f"{{{told}}} "


def _go(facts: _Facts, style: DocstringStyle) -> Pieces:  # noqa: ARG001  # one of three
    yield f"{facts.function.name} "
    name = facts.function.name
    yield sentence(third_person(facts.function), facts.following, name, is_whole=False)


def _rust(facts: _Facts, style: DocstringStyle) -> Pieces:
    function = facts.function
    yield facts.summary()
    if style.has_arguments and function.parameters:
        yield "\n\n # Arguments\n"
        for parameter in function.parameters:
            yield f"\n * `{parameter.name}` - "
            yield facts.about(parameter)
    if re.match(r"(?:\w+::)*Result\b", function.return_type):
        yield "\n\n # Errors\n\n "
        yield sentence("Returns an error if it fails.", facts.following, "error")
    if re.search(r"\bpanic!\s*\(|\bunreachable!\s*\(", facts.body):
        yield "\n\n # Panics\n\n "
        yield sentence("Panics if it cannot go on.", facts.following, "panics")


_PYTHON: dict[str, Callable[[_Facts, str, str], Pieces]] = {
    "google": _google,
    "numpy": _numpy,
    "sphinx": _sphinx,
}
_COMMENTS: dict[str, Callable[[_Facts, DocstringStyle], Pieces]] = {
    "tags": _tags,
    "go": _go,
    "rust": _rust,
}
