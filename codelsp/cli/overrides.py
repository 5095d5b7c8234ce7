"""``--set key=value`` on the command line, as a layer of settings."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from codelsp.errors import SettingsError
from codelsp.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable

PLACE = "command line"
_TEXTS = frozenset(each.name for each in dataclasses.fields(Settings) if each.type == "str")


def parse_overrides(pairs: Iterable[str]) -> dict[str, Any]:
    """Return ``key=value`` texts as values: JSON where it is JSON, else the text itself.

    Raises:
        SettingsError: a text without ``=``.
    """
    overrides: dict[str, Any] = {}
    for pair in pairs:
        key, sign, text = pair.partition("=")
        if not sign or not key.strip():
            raise SettingsError(f"--set {pair}: expected KEY=VALUE, as in --set multiline=never")
        value = _value_of(text)
        # A key of digits, a model called 7: text all the same.
        is_text = key.strip() in _TEXTS and not isinstance(value, str)
        overrides[key.strip()] = text if is_text else value
    return overrides


def _value_of(text: str) -> Any:  # whatever JSON holds
    try:
        return json.loads(text)
    except ValueError:
        return text
