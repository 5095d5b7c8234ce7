"""What all tests share."""

from __future__ import annotations

import getpass
import os
import tempfile
from pathlib import Path

from hypothesis import settings

from codelsp.directories import CACHE_VARIABLE, HOME_VARIABLE

# Tests have places of their own, or the system's; never those of whoever runs them.
os.environ.pop(HOME_VARIABLE, None)

# What engines compile is compiled once for all tests, however many homes these have.
os.environ.setdefault(
    CACHE_VARIABLE, str(Path(tempfile.gettempdir()) / f"codelsp-tests-{getpass.getuser()}")
)

# "ci" draws the same examples each time.
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
