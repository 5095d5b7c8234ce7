"""Where codelsp keeps its files.

Each system has its places, and ``platformdirs`` knows them.  The environment variable
``CODELSP_HOME`` puts everything below one folder instead: for portable installations and tests.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path

HOME_VARIABLE = "CODELSP_HOME"
CACHE_VARIABLE = "CODELSP_CACHE"
"""Where to keep what can be made again, whatever ``CODELSP_HOME`` says."""


def config_dir() -> Path:
    """Return the folder of the user's settings."""
    import platformdirs

    return _below_home("config") or Path(platformdirs.user_config_dir("codelsp", appauthor=False))


def data_dir() -> Path:
    """Return the folder of what is kept: models, statistics."""
    import platformdirs

    return _below_home("data") or Path(platformdirs.user_data_dir("codelsp", appauthor=False))


def log_dir() -> Path:
    """Return the folder of log files."""
    import platformdirs

    return _below_home("logs") or Path(platformdirs.user_log_dir("codelsp", appauthor=False))


def cache_dir() -> Path:
    """Return the folder of what can be made again."""
    import platformdirs

    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen).expanduser().absolute()
    return _below_home("cache") or Path(platformdirs.user_cache_dir("codelsp", appauthor=False))


def runtime_dir() -> Path:
    """Return the folder of what is true only while processes run."""
    import platformdirs

    with warnings.catch_warnings():
        # Where the system's runtime folder is open to others, ``platformdirs`` says so on standard
        # error and takes another; whoever keeps a secret there looks for himself.
        warnings.simplefilter("ignore")
        system = platformdirs.user_runtime_dir("codelsp", appauthor=False)
    return _below_home("run") or Path(system)


def _below_home(name: str) -> Path | None:
    home = os.environ.get(HOME_VARIABLE)
    # Absolute: an engine process runs in another folder.
    return Path(home).expanduser().absolute() / name if home else None
