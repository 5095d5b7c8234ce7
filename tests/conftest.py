"""What all tests share."""

from __future__ import annotations

import getpass
import os
import tempfile
from pathlib import Path

from codelsp.directories import CACHE_VARIABLE

# What engines compile is compiled once for all tests, however many homes these have.
os.environ.setdefault(
    CACHE_VARIABLE, str(Path(tempfile.gettempdir()) / f"codelsp-tests-{getpass.getuser()}")
)
