"""Values that a parameter may be given in a test, as far as its type or its name says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from codelsp.document.signatures import Parameter

_BY_TYPE: Mapping[str, Sequence[tuple[str, str]]] = {
    "python": (
        (r"bool", "True"),
        (r"int", "1"),
        (r"float|complex", "1.0"),
        (r"str", '"text"'),
        (r"bytes", 'b"bytes"'),
        (r"(?:list|List|Sequence|Iterable|Collection)\b.*", "[]"),
        (r"(?:dict|Dict|Mapping|MutableMapping)\b.*", "{}"),
        (r"(?:set|Set)\b.*", "set()"),
        (r"(?:tuple|Tuple)\b.*", "()"),
        (r"Path", 'Path("file")'),
        (r".*\bNone\b.*|Optional\b.*", "None"),
    ),
    "javascript": (
        (r"number", "1"),
        (r"string", "'text'"),
        (r"boolean", "true"),
        (r".*\[\]|(?:Readonly)?Array<.*", "[]"),
        (r"Map<.*", "new Map()"),
        (r"Set<.*", "new Set()"),
        (r"(?:Record<.*|\{.*|object)", "{}"),
    ),
    "java": (
        (r"int|short|byte|Integer", "1"),
        (r"long|Long", "1L"),
        (r"double|Double", "1.0"),
        (r"float|Float", "1.0f"),
        (r"boolean|Boolean", "true"),
        (r"char|Character", "'a'"),
        (r"String|CharSequence", '"text"'),
        (r"(?:List|Collection|Iterable)<.*", "java.util.List.of()"),
        (r"Map<.*", "java.util.Map.of()"),
        (r"Set<.*", "java.util.Set.of()"),
    ),
}
_TEXTS = re.compile(
    r"(?:^|_)(?:name|text|path|key|line|word|string|url|title|label|s)$", re.IGNORECASE
)
_FLAGS = re.compile(r"^(?:is|has|can|should)(?:_|[A-Z])")
_MANY = re.compile(r".*(?:s|list|items|values)$", re.IGNORECASE)
_NAMED: Mapping[str, tuple[str, str, str, str]] = {
    "python": ("True", '"text"', "[1, 2, 3]", "1"),
    "javascript": ("true", "'text'", "[1, 2, 3]", "1"),
    "java": ("null", "null", "null", "null"),
}
"""For a flag, a text, several things and anything else, by the name of the parameter."""


def usual_value(parameter: Parameter, family: str) -> str:
    """Return a value for ``parameter`` in a language of ``family`` (of ``Framework``)."""
    told = parameter.type.strip().strip("\"'")
    for pattern, value in _BY_TYPE[family]:
        if told and re.fullmatch(pattern, told):
            return value
    flag, text, many, other = _NAMED[family]
    if told:
        return "None" if family == "python" else other if family == "java" else "{}"
    if _FLAGS.match(parameter.name):
        return flag
    if _TEXTS.search(parameter.name):
        return text
    return many if _MANY.fullmatch(parameter.name) else other
