"""Where the real editors are, and what they are to be started with.

``.ci/editors.sh`` puts them below ``.editors``; the variable ``CODELSP_EDITORS`` names another
folder.  An editor that is not there is skipped, with a line that says so.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.client import ROOT, environment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.e2e.editors.terminal import Terminal

FOLDER = Path(os.environ.get("CODELSP_EDITORS", ROOT / ".editors"))


def editor(name: str) -> str:
    """Return the path of an editor's command; skip the test where there is none."""
    path = FOLDER / "bin" / name
    if not path.exists():
        pytest.skip(f"EDITOR MISSING: {name} is not in {FOLDER}; run .ci/editors.sh")
    return str(path)


def editor_environment(folder: Path) -> dict[str, str]:
    """Return an environment in which an editor reads and writes settings in ``folder`` only."""
    homes = ("XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "CODELSP_HOME")
    return {
        **environment(folder),
        **dict.fromkeys(homes, str(folder)),
        "PYTHONPATH": str(ROOT),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
    }


def scripted(folder: Path, writes: Sequence[Sequence[str]], *more: str) -> list[str]:
    """Return the command of a server that completes code to the texts given."""
    command = [sys.executable, "-m", "tests.scripted_server", "--folder", str(folder)]
    return [*command, "--writes", json.dumps(writes), *more]


def servers_of(opened: Terminal) -> list[psutil.Process]:
    """Return the scripted servers that the editor in a terminal runs now."""
    children = psutil.Process(opened.process.pid).children(recursive=True)
    found = []
    for child in children:
        with contextlib.suppress(psutil.Error):
            if (
                child.status() != psutil.STATUS_ZOMBIE
                and "tests.scripted_server" in child.cmdline()
            ):
                found.append(child)
    return found
