"""A request's JSON, field by field: checked, with defaults, and what nobody asked for is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from codelsp.errors import EngineRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class RequestError(EngineRefusedError):
    """A request that cannot be served as it is.

    Args:
        message: What is wrong and what to do.
        status: HTTP's.
        kind: The type of the error, as llama.cpp's server calls it.
    """

    def __init__(
        self, message: str, status: int = 400, kind: str = "invalid_request_error", **more: object
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.more = more


class Fields:
    """The fields of a request; each is read once, by name."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self._body = body
        self._known: set[str] = set()

    def any(self, name: str, default: Any = None) -> Any:
        """Return the field as it is; null means it is not there."""
        self._known.add(name)
        value = self._body.get(name)
        return default if value is None else value

    def flag(self, name: str, *, default: bool) -> bool:
        """Return a boolean."""
        value = self.any(name, default)
        if not isinstance(value, bool):
            raise RequestError(f"`{name}` must be true or false, not {_shown(value)}.")
        return value

    def text(self, name: str, default: str = "") -> str:
        """Return a text."""
        value = self.any(name, default)
        if not isinstance(value, str):
            raise RequestError(f"`{name}` must be a text, not {_shown(value)}.")
        return value

    def whole(self, name: str, default: int, *, least: int, most: int) -> int:
        """Return a whole number between two bounds, both allowed."""
        value = self.any(name, default)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise RequestError(
                f"`{name}` must be a whole number from {least} to {most}, not {_shown(value)}."
            )
        return value

    def number(self, name: str, default: float, *, least: float, most: float) -> float:
        """Return a number between two bounds, both allowed."""
        value = self.any(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise RequestError(f"`{name}` must be a number, not {_shown(value)}.")
        if not least <= value <= most:
            raise RequestError(f"`{name}` must be from {least:g} to {most:g}, not {value:g}.")
        return float(value)

    def texts(self, name: str, most: int = 64) -> tuple[str, ...]:
        """Return texts; one alone may stand without a list."""
        value = self.any(name, [])
        value = [value] if isinstance(value, str) else value
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise RequestError(f"`{name}` must be a text or a list of texts.")
        if len(value) > most:
            raise RequestError(f"`{name}` has {len(value)} texts; {most} are allowed.")
        return tuple(each for each in value if each)

    def wholes(self, name: str) -> tuple[int, ...]:
        """Return whole numbers."""
        value = self.any(name, [])
        if not isinstance(value, list) or not all(type(each) is int for each in value):
            raise RequestError(f"`{name}` must be a list of whole numbers.")
        return tuple(value)

    def ignore(self, names: Iterable[str]) -> None:
        """Take note of fields that have no meaning here, and need none."""
        self._known.update(names)

    def unknown(self) -> tuple[str, ...]:
        """Return the names of the fields that nobody has read."""
        return tuple(sorted(name for name in self._body if name not in self._known))


def _shown(value: object) -> str:
    """Return a wrong value, short: it may be anything."""
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."  # noqa: PLR2004  # a line's worth
