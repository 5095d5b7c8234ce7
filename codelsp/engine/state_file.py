"""How servers find an engine process: one small file for each, in the user's runtime folder.

The file holds the engine's API key, so it is the user's alone (mode 0600, in a folder of mode
0700), and it appears whole or not at all.  The engine renews the file's time while it is used.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from codelsp.directories import runtime_dir

_SUFFIX = ".json"


@dataclass(frozen=True)
class EngineState:
    """What an engine says of itself in its file."""

    url: str
    api_key: str
    pid: int
    engine: str
    """What runs the model: ``llama.cpp`` or ``torch``."""
    model: str
    """The model's name."""
    model_path: str
    model_stamp: str
    """Size and time of the model's file when it was loaded."""
    version: str
    """Of codelsp."""
    started: float
    """Seconds since 1970."""
    log: str
    """Where it logs; empty if nowhere."""


def state_dir() -> Path | None:
    """Return a folder that is the user's alone and can be written; None if there is none.

    The user's runtime folder, or, where home and runtime are read-only, one of the user's in the
    folder for temporary files.
    """
    return next(filter(_is_private, _candidates()), None)


def _candidates() -> list[Path]:
    places = [runtime_dir()]
    with suppress(OSError):  # No folder for temporary files can be written either.
        places.append(Path(tempfile.gettempdir()) / f"codelsp-{_user()}")
    return places


def _user() -> str:
    if sys.platform == "win32":
        return "user"  # Each user has a folder for temporary files, and no number.
    return str(os.getuid())


def _is_private(folder: Path) -> bool:
    """Make ``folder``, and tell whether it is ours, closed to others, and can be written."""
    try:
        _make(folder)
        # In a shared folder anybody may have made one of this name, or a link.
        if folder.is_symlink() or not _is_ours(folder):
            return False
        if sys.platform != "win32" and folder.stat().st_mode & 0o077:
            folder.chmod(0o700)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _make(folder: Path) -> None:
    """Make ``folder`` and what is missing above it, all of it closed to others."""
    # ``mkdir(parents=True)`` would leave the parents open, and a runtime folder that is open is
    # one that ``platformdirs`` turns away from the next time.
    for each in (*reversed(folder.parents), folder):
        if not each.exists():
            each.mkdir(mode=0o700, exist_ok=True)


def _is_ours(path: Path) -> bool:
    return sys.platform == "win32" or path.lstat().st_uid == os.getuid()


def state_path(folder: Path, key: str) -> Path:
    """Return the file of the engine that does what ``key`` stands for."""
    return folder / f"engine-{key}{_SUFFIX}"


def read_state(path: Path) -> EngineState | None:
    """Return what the file says; None if there is none, or it is damaged or not the user's."""
    try:
        if not _is_ours(path):
            return None
        return EngineState(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def read_states(folder: Path) -> dict[Path, EngineState]:
    """Return all files of engines in ``folder`` that can be read."""
    files = sorted(folder.glob(f"engine-*{_SUFFIX}"))
    read = {path: read_state(path) for path in files}
    return {path: state for path, state in read.items() if state is not None}


def write_state(path: Path, state: EngineState) -> None:
    """Write the file: whole, at once, and for the user's eyes only."""
    # mkstemp gives mode 0600 from the very first moment.
    handle, unfinished = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(asdict(state), file)
        Path(unfinished).replace(path)
    except BaseException:
        Path(unfinished).unlink(missing_ok=True)
        raise


def remove_state(path: Path, pid: int) -> None:
    """Remove the file if it is still that of the engine ``pid``."""
    state = read_state(path)
    if state is not None and state.pid == pid:
        path.unlink(missing_ok=True)
