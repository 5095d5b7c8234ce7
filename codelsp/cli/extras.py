"""What to install for a command whose packages are not there."""

from __future__ import annotations

import re
from importlib import metadata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_OF_COMMAND = {
    "corpus": "train",
    "tokenizer": "train",
    "train": "train",
    "export": "train",
    "evaluate": "evaluate",
    "interact": "interact",
    "adapt": "torch,train,evaluate",
}
"""The extras that a command is made for; others are torch's."""
_ORDER = ("torch", "train", "evaluate", "interact", "cluster")
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)[^;]*;.*\bextra\s*==\s*['\"]([^'\"]+)['\"]")


def advice(module: str, arguments: Sequence[str]) -> str | None:
    """Return what to say where ``module`` cannot be imported; None if it is no package of ours.

    Args:
        module: Its full name.
        arguments: Of the command line.
    """
    package = _normal(module.partition(".")[0])
    packages = _packages()
    extras = [extra for extra in _ORDER if package in packages.get(extra, ())]
    if not extras:
        return None
    words = [word for word in arguments if not word.startswith("-")]
    wanted = next((_OF_COMMAND[word] for word in words if word in _OF_COMMAND), "torch")
    named = wanted if set(wanted.split(",")) & set(extras) else extras[0]
    return f"this needs {package}, which is not installed: pip install 'codelsp[{named}]'"


def _packages() -> dict[str, set[str]]:
    """Return the packages of each extra."""
    found: dict[str, set[str]] = {}
    for line in metadata.requires("codelsp") or ():
        match = _REQUIREMENT.match(line)
        if match is not None:
            found.setdefault(match[2], set()).add(_normal(match[1]))
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
