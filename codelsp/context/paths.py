"""Paths as the model and the privacy rules see them: from URIs, without touching the disk.

Architecture invariant: pure.  A path shown to the model is never an absolute one: that would
tell the user's name.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote, urlsplit

_DRIVE_PATH = re.compile(r"\A[A-Za-z]:[\\/]")
_DRIVE = re.compile(r"\A/([A-Za-z]):(?=/|\Z)")


@lru_cache(maxsize=512)
def path_of(uri: str) -> str:
    """Return the path in ``uri``, decoded, with ``/``; of a notebook's cell, the notebook's.

    A Windows path keeps its drive, in lower case (``c:/src``); a share keeps its host
    (``//host/share``).  An unsaved document has only its name.
    """
    parts = _split(uri)
    if parts is None:
        return _with_drive(unquote(uri).replace("\\", "/"))
    scheme, host, path = parts
    if scheme == "untitled" or not scheme:
        path = path.replace("\\", "/")
    is_share = scheme == "file" and host not in ("", "localhost")
    return f"//{host}{path}" if is_share else _with_drive(path)


@lru_cache(maxsize=512)
def shown_path(uri: str, root: str = "") -> str:
    """Return the path shown to the model: relative to ``root``, else the bare name.

    Args:
        uri: Of the document.
        root: URI of the workspace folder; empty for none.
    """
    path = path_of(uri)
    relative = relative_path(uri, root)
    return relative or path.rstrip("/").rpartition("/")[2]


@lru_cache(maxsize=512)
def relative_path(uri: str, root: str) -> str:
    """Return the path of ``uri`` relative to ``root``; empty if it is not inside."""
    if not root:
        return ""
    path, folder = path_of(uri), path_of(root).rstrip("/") + "/"
    # Drives and their folders are the same in either case; elsewhere case matters.
    is_windows = len(folder) > 1 and folder[1] == ":"
    inside = path.lower().startswith(folder.lower()) if is_windows else path.startswith(folder)
    return path[len(folder) :] if inside else ""


def workspace_name(root: str) -> str:
    """Return the name of the workspace folder ``root``; empty for none."""
    return path_of(root).rstrip("/").rpartition("/")[2] if root else ""


def _split(uri: str) -> tuple[str, str, str] | None:
    """Return scheme, host and decoded path; None if ``uri`` is a plain path."""
    if _DRIVE_PATH.match(uri) or uri.startswith(("/", "\\")):
        return None
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    return parts.scheme, parts.netloc, unquote(parts.path)


def _with_drive(path: str) -> str:
    path = _DRIVE.sub(lambda match: match[1].lower() + ":", path)
    return path[0].lower() + path[1:] if path[1:2] == ":" else path
