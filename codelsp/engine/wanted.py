"""Which engine the settings ask for."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from codelsp import __version__
from codelsp.directories import log_dir
from codelsp.engine.host import HostOptions
from codelsp.engine.state_file import state_dir
from codelsp.engine.torch_presence import has_torch_gpu, missing_packages
from codelsp.errors import EngineUnavailableError, ModelFileError
from codelsp.model_store.gguf_header import read_header
from codelsp.model_store.model import Model, ModelKind
from codelsp.model_store.resolve import resolve_model

if TYPE_CHECKING:
    from codelsp.settings import Settings


@dataclass(frozen=True)
class WantedEngine:
    """An engine that may or may not run."""

    model: Model
    threads: int
    context_tokens: int
    idle_seconds: float
    engine: str = "llama.cpp"
    """What runs it: ``llama.cpp`` or ``torch``."""

    @property
    def key(self) -> str:
        """What tells engines apart that cannot stand in for one another."""
        path = self.model.path.resolve()
        matters = (__version__, path, self.threads, self.context_tokens, self.engine)
        return hashlib.sha256(repr(matters).encode()).hexdigest()[:16]

    @property
    def stamp(self) -> str:
        """Size and time of the model's files, as they are now.

        Raises:
            ModelFileError: they are gone.
        """
        path = self.model.path
        try:
            files = sorted(path.glob("*.*")) if path.is_dir() else [path]
            statuses = [file.stat() for file in files]
        except OSError as error:
            raise ModelFileError(f"{path} cannot be read: {error.strerror}.") from None
        if not statuses:
            raise ModelFileError(f"{path} cannot be read: it is gone or empty.")
        newest = max(status.st_mtime_ns for status in statuses)
        return f"{sum(status.st_size for status in statuses)}-{newest}"

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
        if self.engine == "llama.cpp":
            # A damaged file is told apart here from an engine that does not start.
            read_header(self.model.path)
        return HostOptions(
            engine=self.engine,
            model=self.model.name,
            model_path=str(self.model.path),
            model_stamp=self.stamp,
            threads=self.threads,
            context_tokens=self.context_tokens,
            idle_seconds=self.idle_seconds,
        )


def wanted_engine(settings: Settings, *, allows_pickle: bool = False) -> WantedEngine:
    """Return the engine that ``settings`` ask for.

    With ``allows_pickle`` a folder of pickles will do for torch.

    Raises:
        ModelNotFoundError, ModelFileError: there is no such model, or none that may be loaded.
        EngineUnavailableError: it is none that this engine can run.
    """
    engine, model = _chosen(settings, allows_pickle=allows_pickle)
    return WantedEngine(
        model,
        threads=settings.engine_threads,
        context_tokens=settings.context_tokens,
        idle_seconds=settings.engine_idle_minutes * 60,
        engine=engine,
    )


def _chosen(settings: Settings, *, allows_pickle: bool) -> tuple[str, Model]:
    """Return what runs which files.

    ``auto`` is llama.cpp for whatever has a GGUF file, as it is the fastest on a CPU; and torch on
    a GPU, and for what is safetensors only.
    """
    if settings.engine == "torch":
        return "torch", _for_torch(settings.model, allows_pickle=allows_pickle)
    if settings.engine == "auto" and has_torch_gpu():
        model = resolve_model(settings.model, ModelKind.HF)
        if model.kind is ModelKind.HF and not model.is_embedded:
            return "torch", model
    model = resolve_model(settings.model)
    if model.kind is ModelKind.GGUF:
        return "llama.cpp", model
    if settings.engine == "auto" and not missing_packages():
        return "torch", model
    raise EngineUnavailableError(
        f"llama.cpp cannot run {model.path}: it needs a .gguf file; `codelsp export` makes one of a"
        " folder, and `pip install 'codelsp[torch]'` lets torch run the folder as it is."
    )


def _for_torch(name: str, *, allows_pickle: bool) -> Model:
    missing = missing_packages()
    if missing:
        raise EngineUnavailableError(
            f"The torch engine needs {', '.join(missing)}: `pip install 'codelsp[torch]'`,"
            " or set `engine` to `llama.cpp`."
        )
    folder = Path(name).expanduser()
    if allows_pickle and name and (folder / "config.json").is_file():
        return Model(folder.resolve().name, folder.resolve(), ModelKind.HF)
    model = resolve_model(name, ModelKind.HF)
    if model.kind is not ModelKind.HF:
        raise EngineUnavailableError(
            f"torch cannot run {model.path}: it needs a folder with config.json, tokenizer.json and"
            " *.safetensors; for a .gguf file set `engine` to `llama.cpp`."
        )
    return model


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)
