"""Workspace folders: which one a document belongs to, and where they lie on disk."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from codelsp.context.paths import path_of as decoded_path
from codelsp.context.paths import relative_path
from codelsp.editor.clients import dig

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from codelsp.editor.lifecycle import Json

_DRIVE = re.compile(r"/[A-Za-z]:")
_MARKS = {
    "python": ("pyproject.toml", "setup.py", "setup.cfg", "requirements.txt", "tox.ini"),
    "typescript": ("tsconfig.json", "deno.json"),
    "javascript": ("package.json",),
    "rust": ("Cargo.toml",),
    "go": ("go.mod",),
    "java": ("pom.xml", "build.gradle", "build.gradle.kts"),
    "cpp": ("CMakeLists.txt", "meson.build", "configure.ac"),
    "csharp": ("global.json",),
}
"""Files by which a project's language is guessed, from the surest one on."""


def roots_of(params: Json) -> tuple[str, ...]:
    """Return the URIs of the workspace folders in ``initialize`` params, the main one first."""
    folders = params.get("workspaceFolders")
    if isinstance(folders, list) and folders:
        return folder_uris(folders)
    if isinstance(root_uri := params.get("rootUri"), str):
        return (root_uri,)
    if isinstance(root_path := params.get("rootPath"), str) and Path(root_path).is_absolute():
        return (Path(root_path).as_uri(),)
    return ()


def folder_uris(folders: object) -> tuple[str, ...]:
    """Return the URIs of a list of LSP workspace folders."""
    entries = folders if isinstance(folders, list) else []
    uris = (dig(folder, "uri") for folder in entries)
    return tuple(uri for uri in uris if isinstance(uri, str))


def root_of(uri: str, roots: Iterable[str]) -> str:
    """Return the innermost of ``roots`` that holds ``uri``, or an empty text.

    Editors spell the same folder in several ways: ``%3A`` and ``:``, a drive in either case.
    """
    holding = [(root, inside) for root in roots if (inside := relative_path(uri, root))]
    return min(holding, key=lambda pair: len(pair[1]), default=("", ""))[0]


def without(roots: Iterable[str], others: Iterable[str]) -> tuple[str, ...]:
    """Return those of ``roots`` that are none of ``others``, however these are spelled."""
    paths = {decoded_path(other).rstrip("/") for other in others}
    return tuple(root for root in roots if decoded_path(root).rstrip("/") not in paths)


def path_of(uri: str) -> Path | None:
    """Return the path that a ``file`` URI names, or None for any other URI."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    if parts.scheme != "file":
        return None
    path = unquote(parts.path)
    if _DRIVE.match(path):
        path = path[1:]
    return Path(f"//{parts.netloc}{path}" if parts.netloc else path)


def likely_language(roots: Sequence[str]) -> str:
    """Return the language that the first document is likely to be in; empty if nothing tells."""
    root = path_of(roots[0]) if roots else None
    if root is None:
        return ""
    marks = ((language, name) for language, names in _MARKS.items() for name in names)
    return next((language for language, name in marks if _is_file(root / name)), "")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False  # In a folder that may not be read, say.
