"""What names and conditions say by themselves, as words: ``max_size`` is "The max size."."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codelsp.document.functions import Function
    from codelsp.document.signatures import Parameter

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_QUESTIONS = {"is": "it is", "has": "it has", "can": "it can", "should": "it should"}
_CONDITION = re.compile(
    r"(?:el(?:se\s*)?)?if\s*(?:\((?P<braced>.+)\)\s*\{?|(?P<plain>[^({].*?):)\s*"
)
_MOST_CONDITION_CHARS = 60


def words_of(name: str) -> list[str]:
    """Return the words of an identifier, in lower case; abbreviations stay whole."""
    return [word.lower() if not word.isupper() else word for word in _WORD.findall(name)]


def summary_of(function: Function) -> str:
    """Return what a function does, as far as its name says it."""
    words = words_of(function.name)
    is_maker = function.name in ("__init__", "constructor", function.owner.rpartition(".")[2])
    if is_maker and function.owner:
        return f"Create a new {function.owner.rpartition('.')[2]}."
    if not words:
        return f"{function.name}."
    if words[0] in _QUESTIONS and len(words) > 1:
        return f"Return whether {_QUESTIONS[words[0]]} {' '.join(words[1:])}."
    return _sentence(words)


def third_person(function: Function) -> str:
    """Return what a function does, to stand behind its name: "parses line."."""
    words = words_of(function.name) or ["does"]
    first = words[0].lower()
    if first in _QUESTIONS:
        return f"reports whether {_QUESTIONS[first]} {' '.join(words[1:])}.".replace(" .", ".")
    ending = "es" if first.endswith(("s", "x", "ch", "sh", "z", "o")) else "s"
    if re.search(r"[^aeiou]y$", first):
        first, ending = first[:-1], "ies"
    return " ".join([first + ending, *words[1:]]) + "."


def about(parameter: Parameter) -> str:
    """Return what a parameter is, as far as its name says it."""
    words = words_of(parameter.name)
    if not words:
        return "The argument."
    if words[0] in _QUESTIONS and len(words) > 1:
        return f"Whether {_QUESTIONS[words[0]]} {' '.join(words[1:])}."
    if parameter.type.removeprefix("Optional") in ("bool", "boolean"):
        return f"Whether to {' '.join(words)}."
    if parameter.form == "rest":
        return f"More {' '.join(words)}."
    if parameter.form == "keywords":
        return "Further named arguments."
    return f"The {' '.join(words)}."


def condition_of(exception: str, text: str) -> str:
    """Return under which condition ``text``, a function's body, raises ``exception``.

    Empty where no ``if`` stands right above it.
    """
    lines = [line.strip() for line in re.split(r"\r\n|\n|\r", text)]
    lines = [line for line in lines if line]
    wanted = re.compile(rf"(?:raise|throw)\s+(?:new\s+)?{re.escape(exception)}\b")
    for above, line in pairwise(lines):
        if wanted.match(line) and (found := _CONDITION.fullmatch(above)) is not None:
            condition: str = (found["braced"] or found["plain"]).strip()
            if len(condition) <= _MOST_CONDITION_CHARS and "`" not in condition:
                return condition
    return ""


def _sentence(words: list[str]) -> str:
    first = words[0] if words[0].isupper() else words[0].capitalize()
    return " ".join([first, *words[1:]]) + "."
