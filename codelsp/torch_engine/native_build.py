"""Compiles ``native_step.cpp`` for the processor it is to run on, once, and keeps the result.

A model on a CPU is run by compiled steps where the machine has a C++ compiler, and by torch alone
where it has none: the same tokens, only later.  The compiler works while torch is being imported
and weights are being read.

Architecture invariant: what is loaded was compiled on this machine from the source beside this
file, and lies where nobody but the user can write.
"""

from __future__ import annotations

import ctypes
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from codelsp.directories import cache_dir
from codelsp.engine.torch_presence import COMPILERS

if TYPE_CHECKING:
    from collections.abc import Sequence

logger = logging.getLogger(__name__)

_SOURCE = Path(__file__).with_name("native_step.cpp")
_FLAGS = (
    "-std=c++17",
    "-O2",
    "-ftree-vectorize",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fPIC",
    "-shared",
    "-pthread",
)
_COMPILE_SECONDS = 300.0
_FOLDER_MODE = 0o700


class NativeBuild:
    """A library that is there, or is being compiled.

    Args:
        folder: Where libraries are kept; that of the user's caches by default.
        compilers: Their names, the first that is there is taken.
    """

    def __init__(self, folder: Path | None = None, compilers: Sequence[str] = COMPILERS) -> None:
        self._folder = cache_dir() / "native" if folder is None else folder
        self._compiler = next(filter(None, map(shutil.which, compilers)), None)
        self._process: subprocess.Popen[bytes] | None = None
        self._output: Path | None = None
        self._reason = ""
        self._begin()

    @property
    def is_possible(self) -> bool:
        """Whether nothing speaks against a library yet."""
        return not self._reason

    def library(self) -> ctypes.CDLL | None:
        """Return the library once it is compiled; None if there can be none, with a line logged."""
        library = None if self._reason else self._finished()
        if library is None:
            logger.info("no compiled steps, torch runs the model alone: %s", self._reason)
        return library

    def _begin(self) -> None:
        if sys.platform == "win32":
            self._reason = "they are not made on Windows"
        elif self._compiler is None:
            self._reason = f"there is no C++ compiler ({', '.join(COMPILERS)})"
        if self._reason or self._compiler is None:
            return
        try:
            self._folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
            self._refuse_others(self._folder)
            path = self._path
            if path.is_file():
                return
            handle, name = tempfile.mkstemp(prefix="step-", suffix=".tmp", dir=self._folder)
            os.close(handle)
            self._output = Path(name)
            self._process = subprocess.Popen(  # noqa: S603  # the compiler, our own source
                [self._compiler, *_FLAGS, _tuning(), str(_SOURCE), "-o", name],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
        except OSError as error:
            self._reason = str(error)

    @property
    def _path(self) -> Path:
        """Where the library for this source, compiler and processor is."""
        parts = (_SOURCE.read_bytes().decode(), " ".join(_FLAGS), str(self._compiler), _processor())
        digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]
        return self._folder / f"step-{digest}.so"

    def _refuse_others(self, folder: Path) -> None:
        """See that nobody else can put a library there.

        Raises:
            PermissionError: somebody can.
        """
        status = folder.stat()
        if hasattr(os, "getuid") and (status.st_uid != os.getuid() or status.st_mode & 0o022):
            raise PermissionError(f"others may write into {folder}")

    def _finished(self) -> ctypes.CDLL | None:
        if self._process is not None and not self._compiled(self._process):
            return None
        try:
            return ctypes.CDLL(str(self._path))
        except OSError as error:
            self._reason = str(error)
            return None

    def _compiled(self, process: subprocess.Popen[bytes]) -> bool:
        assert self._output is not None  # noqa: S101
        try:
            _, said = process.communicate(timeout=_COMPILE_SECONDS)
            if process.returncode == 0:
                self._output.replace(self._path)
                return True
            self._reason = f"{self._compiler} failed: {said.decode(errors='replace')[:400].strip()}"
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            self._reason = f"{self._compiler} took more than {_COMPILE_SECONDS:.0f} s"
        except OSError as error:
            self._reason = str(error)
        finally:
            self._process = None
            with suppress(OSError):
                self._output.unlink(missing_ok=True)
        return False


def _tuning() -> str:
    """Return the flag that allows everything this processor can do."""
    return "-mcpu=native" if platform.machine() in {"arm64", "aarch64"} else "-march=native"


def _processor() -> str:
    """Return what tells this processor from another that a home directory may be shared with."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").split("\n")
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    wanted = ("model name", "flags", "Features", "CPU part")
    return "\n".join(sorted({line for line in lines if line.startswith(wanted)}))
