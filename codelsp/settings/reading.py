"""Layers of settings in, ``Settings`` and problems out.

Keys may be written as editors like them: ``max_tokens``, ``maxTokens``, ``codelsp.maxTokens``,
or nested, ``{"suggestIn": {"comments": "off"}}``.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from codelsp.settings.declaration import Scope, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from dataclasses import Field

_FIELDS: Mapping[str, Field[Any]] = {field.name: field for field in fields(Settings)}
_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

EDITOR_KEYS = frozenset(
    {
        "trace_server",
        "server_command",
        "server_path",
        "server_args",
        "server_python",
        "server_package",
        "server_folder",
    }
)
"""Keys that editor extensions keep in the same section for themselves; not ours to judge."""


@dataclass(frozen=True)
class Problem:
    """A setting that was not taken, where it stood, and what to do."""

    place: str
    key: str
    message: str

    def __str__(self) -> str:
        """Return one line for a person."""
        return ": ".join(filter(None, (self.place, self.key, self.message)))


@dataclass(frozen=True)
class Layer:
    """Settings from one place."""

    place: str
    """Where they stand, as a person would look for it: a file's path, "editor", "command line"."""
    values: Mapping[str, Any]
    is_workspace: bool = False
    """Whether the place belongs to the workspace, and so perhaps to a stranger."""
    skips_defaults: bool = False
    """Whether a default says nothing: VS Code sends all settings, chosen or not."""


class _WrongValueError(ValueError):
    """A value that does not fit its setting; the message says what would."""


def read_settings(layers: Sequence[Layer]) -> tuple[Settings, tuple[Problem, ...]]:
    """Return the settings that ``layers``, least important first, make together, and problems."""
    chosen: dict[str, object] = {}
    problems: list[Problem] = []
    for layer in layers:
        for key, value in _flattened(layer.values):
            try:
                chosen.update(_added(_taken(key, value, layer), chosen, layer))
            except _WrongValueError as error:  # noqa: PERF203  # the next key is still read
                problems.append(Problem(layer.place, key, str(error)))
    return replace(Settings(), **chosen), tuple(problems)  # type: ignore[arg-type]  # checked


def camel_case(name: str) -> str:
    """Return a key as VS Code writes it: ``max_tokens`` becomes ``maxTokens``."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def snake_case(key: str) -> str:
    """Return a key as the declaration writes it, from any spelling of it."""
    return _WORD_START.sub("_", key).replace("-", "_").replace(".", "_").lower()


def _flattened(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield keys as the declaration writes them, with their values, nested objects unfolded."""
    for key, value in values.items():
        name = prefix + snake_case(str(key)).removeprefix("" if prefix else "codelsp_")
        if isinstance(value, dict):
            yield from _flattened(value, "" if name == "codelsp" else f"{name}_")
        else:
            yield name, value


def _taken(key: str, value: object, layer: Layer) -> dict[str, object]:
    """Return what ``key`` sets, nothing for keys and values that are to be passed over.

    Raises:
        _WrongValueError: no such key, not allowed there, or a value that does not fit.
    """
    if key in EDITOR_KEYS or value is None:
        return {}
    field = _FIELDS.get(key)
    if field is None:
        raise _WrongValueError(f"no such setting{_similar_key(key)}")
    if layer.is_workspace and field.metadata["scope"] is Scope.USER:
        raise _WrongValueError(
            "a workspace may not set this; put it into your own settings instead"
        )
    checked = _checked(value, field)
    return {} if layer.skips_defaults and checked == field.default else {key: checked}


def _added(
    taken: dict[str, object], chosen: Mapping[str, object], layer: Layer
) -> dict[str, object]:
    """Return ``taken``; what a workspace excludes comes on top of what the user excludes."""
    own, theirs = chosen.get("exclude", ()), taken.get("exclude")
    if layer.is_workspace and isinstance(own, tuple) and isinstance(theirs, tuple):
        return {**taken, "exclude": (*own, *theirs)}
    return taken


def _similar_key(key: str) -> str:
    import difflib  # only when something is wrong

    similar = difflib.get_close_matches(key, _FIELDS, n=1)
    return f"; did you mean {similar[0]}?" if similar else ""


def _checked(value: object, field: Field[Any]) -> object:
    converted = _CONVERTERS[str(field.type)](value)
    choices = field.metadata["choices"]
    if choices and converted not in choices:
        raise _WrongValueError(f"{converted!r} is none of {', '.join(choices)}")
    pattern = field.metadata["pattern"]
    if pattern and not re.fullmatch(pattern, str(converted)):
        raise _WrongValueError(f"{converted!r} does not fit: {field.metadata['help']}")
    between = field.metadata["between"]
    if between is not None and not between[0] <= converted <= between[1]:
        raise _WrongValueError(f"{converted} is not between {between[0]} and {between[1]}")
    return converted


def _as_bool(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise _WrongValueError(f"expected true or false, not {_named(value)}")


def _as_int(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)  # Lua and JavaScript have one kind of number.
    raise _WrongValueError(f"expected a whole number, not {_named(value)}")


def _as_float(value: object) -> float:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if is_number and math.isfinite(value):  # type: ignore[arg-type]  # a number, as just seen
        return float(value)  # type: ignore[arg-type, unused-ignore]  # likewise
    raise _WrongValueError(f"expected a number, not {_named(value)}")


def _as_str(value: object) -> str:
    if isinstance(value, str):
        return value
    raise _WrongValueError(f"expected a text, not {_named(value)}")


def _as_texts(value: object) -> tuple[str, ...]:
    if isinstance(value, (list, tuple)) and all(isinstance(entry, str) for entry in value):
        return tuple(value)
    raise _WrongValueError(f"expected a list of texts, not {_named(value)}")


def _named(value: object) -> str:
    """Return what kind of value this is; the value itself only where it cannot be a secret."""
    if isinstance(value, (bool, int, float)):
        return str(value).lower()
    return {"str": "a text", "list": "a list", "tuple": "a list"}.get(
        type(value).__name__, type(value).__name__
    )


_CONVERTERS: Mapping[str, Any] = {
    "bool": _as_bool,
    "int": _as_int,
    "float": _as_float,
    "str": _as_str,
    "tuple[str, ...]": _as_texts,
}
