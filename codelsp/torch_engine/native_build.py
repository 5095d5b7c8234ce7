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
import threading
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
    "-O3",  # Less leaves short loops as they are, and sums in memory that could be in registers.
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fPIC",
    "-shared",
    "-pthread",
)
_COMPILE_SECONDS = 300.0
_FOLDER_MODE = 0o700
_QUOTED = 400


class NativeBuild:
    """A library that is there, or is being compiled.

    Args:
        folder: Where libraries are kept; that of the user's caches by default.
        compilers: Their names, the first that is there is taken.
    """

    def __init__(self, folder: Path | None = None, compilers: Sequence[str] = COMPILERS) -> None:
        self._folder = cache_dir() / "native" if folder is None else folder
        self._compiler = next(filter(None, map(shutil.which, compilers)), None)
        self._reason = ""
        self._work: threading.Thread | None = None
        self._begin()

    @property
    def is_possible(self) -> bool:
        """Whether nothing speaks against a library yet."""
        return not self._reason

    def library(self) -> ctypes.CDLL | None:
        """Return the library once it is compiled; None if there can be none, with a line logged."""
        if self._work is not None:
            self._work.join()
        library = None if self._reason else self._loaded()
        if library is None:
            logger.info("no compiled steps, torch runs the model alone: %s", self._reason)
        return library

    def _begin(self) -> None:
        if sys.platform == "win32":
            self._reason = "they are not made on Windows"
        elif self._compiler is None:
            self._reason = f"there is no C++ compiler ({', '.join(COMPILERS)})"
        if self._reason:
            return
        try:
            self._folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
            self._refuse_others(self._folder)
            if self._path.is_file():
                return
        except OSError as error:
            self._reason = str(error)
            return
        self._work = threading.Thread(target=self._compile, name="compiler", daemon=True)
        self._work.start()

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

    def _loaded(self) -> ctypes.CDLL | None:
        try:
            return ctypes.CDLL(str(self._path))
        except OSError as error:
            self._reason = str(error)
            return None

    def _compile(self) -> None:
        try:
            handle, name = tempfile.mkstemp(prefix="step-", suffix=".tmp", dir=self._folder)
            os.close(handle)
            self._reason = self._failure(Path(name))
        except OSError as error:
            self._reason = str(error)

    def _failure(self, output: Path) -> str:
        """Compile by way of ``output``; return what went wrong, nothing if nothing did."""
        command = [str(self._compiler), *_FLAGS, _tuning(), str(_SOURCE), "-o", str(output)]
        try:
            done = subprocess.run(  # noqa: S603  # the compiler, our own source
                command, stdin=subprocess.DEVNULL, capture_output=True,
                timeout=_COMPILE_SECONDS, check=False,
            )  # fmt: skip
            if done.returncode:
                said = done.stderr.decode(errors="replace")[:_QUOTED].strip()
                return f"{self._compiler} failed: {said}"
            output.replace(self._path)
        except subprocess.TimeoutExpired:
            return f"{self._compiler} took more than {_COMPILE_SECONDS:.0f} s"
        finally:
            output.unlink(missing_ok=True)
        return ""


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
