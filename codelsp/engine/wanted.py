"""Which engine the settings ask for."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codelsp import __version__
from codelsp.directories import log_dir
from codelsp.engine.host import HostOptions
from codelsp.engine.state_file import state_dir
from codelsp.errors import EngineUnavailableError, ModelFileError
from codelsp.model_store.gguf_header import read_header
from codelsp.model_store.model import ModelKind
from codelsp.model_store.resolve import resolve_model

if TYPE_CHECKING:
    from pathlib import Path

    from codelsp.model_store.model import Model
    from codelsp.settings import Settings


@dataclass(frozen=True)
class WantedEngine:
    """An engine that may or may not run."""

    model: Model
    threads: int
    context_tokens: int
    idle_seconds: float

    @property
    def key(self) -> str:
        """What tells engines apart that cannot stand in for one another."""
        matters = (__version__, self.model.path.resolve(), self.threads, self.context_tokens)
        return hashlib.sha256(repr(matters).encode()).hexdigest()[:16]

    @property
    def stamp(self) -> str:
        """Size and time of the model's file, as it is now.

        Raises:
            ModelFileError: it is gone.
        """
        try:
            status = self.model.path.stat()
        except OSError as error:
            raise ModelFileError(f"{self.model.path} cannot be read: {error.strerror}.") from None
        return f"{status.st_size}-{status.st_mtime_ns}"

    @property
    def log(self) -> Path | None:
        """Where it logs; None if no folder for logs is writable."""
        for folder in (log_dir(), state_dir()):
            if folder is not None and _is_writable(folder):
                return folder / f"engine-{self.model.name.replace('/', '-')}-{self.key}.log"
        return None

    def options(self) -> HostOptions:
        """Return what to tell its process.

        Raises:
            ModelFileError: the model is missing, truncated or damaged.
        """
        # A damaged file is told apart here from an engine that does not start.
        read_header(self.model.path)
        return HostOptions(
            model=self.model.name,
            model_path=str(self.model.path),
            model_stamp=self.stamp,
            threads=self.threads,
            context_tokens=self.context_tokens,
            idle_seconds=self.idle_seconds,
        )


def wanted_engine(settings: Settings) -> WantedEngine:
    """Return the engine that ``settings`` ask for.

    Raises:
        ModelNotFoundError, ModelFileError: there is no such model, or none that may be loaded.
        EngineUnavailableError: it is none that llama.cpp can run.
    """
    model = resolve_model(settings.model)
    if model.kind is not ModelKind.GGUF:
        raise EngineUnavailableError(
            f"llama.cpp cannot run {model.path}: it needs a .gguf file;"
            " `codelsp export` makes one of a folder."
        )
    return WantedEngine(
        model,
        threads=settings.engine_threads,
        context_tokens=settings.context_tokens,
        idle_seconds=settings.engine_idle_minutes * 60,
    )


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)
