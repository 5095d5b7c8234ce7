"""Whether torch could run a model here, found out without loading it.

The server never imports torch, which takes seconds and hundreds of megabytes.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

_NEEDED = ("torch", "transformers", "starlette", "uvicorn")
COMPILERS = ("c++", "g++", "clang++")
"""That the torch engine's steps for the CPU may be compiled by."""
_DEVICES = ("/dev/nvidiactl", "/dev/kfd")
"""What the drivers of NVIDIA's and AMD's GPUs make on Linux."""


def missing_packages() -> tuple[str, ...]:
    """Return what has to be installed before the torch engine can start."""
    return tuple(name for name in _NEEDED if importlib.util.find_spec(name) is None)


def has_compiler() -> bool:
    """Tell whether the torch engine's steps for the CPU can be compiled here."""
    return sys.platform != "win32" and any(map(shutil.which, COMPILERS))


def has_torch_gpu() -> bool:
    """Tell whether there is a GPU and a build of torch that can use it."""
    # From the quickest look to the slowest: an engine that is not torch's waits for the answer.
    return _has_driver() and not missing_packages() and not _is_for_cpu_alone()


def _has_driver() -> bool:
    if sys.platform == "win32":
        return shutil.which("nvidia-smi") is not None
    return any(Path(device).exists() for device in _DEVICES)


def _is_for_cpu_alone() -> bool:
    import importlib.metadata  # with all that reads e-mail, 50 milliseconds

    return importlib.metadata.version("torch").endswith("+cpu")
