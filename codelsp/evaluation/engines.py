"""The engine of an evaluation: its own, which leaves with it, or the one at a URL."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from codelsp.errors import EngineLoadingError, EngineUnavailableError
from codelsp.evaluation.figures import usable_cores
from codelsp.model_store.keep import sha256_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from codelsp.engine.port import Engine, ModelInfo
    from codelsp.settings import Settings

_START_SECONDS = 120.0
_FOLDER_START_SECONDS = 900.0
"""torch alone takes seconds to load, and a large model in a folder minutes."""
_LOOK_SECONDS = 0.1
_OUR_OWN = frozenset(("auto", "llama.cpp", "torch"))
_TELLING = ("config.json", "tokenizer.json", "*.safetensors", "*.bin")
"""What of a model's folder tells it from another model."""


@dataclass(frozen=True)
class Judged:
    """A model that is measured: its engine, and what tells it from others."""

    engine: Engine
    info: ModelInfo
    name: str
    sha256: str
    """Of its file or folder; empty where somebody else serves it."""
    settings: Settings
    path: Path | None = None
    """Of its file or folder, where it is on this machine."""


@contextlib.asynccontextmanager
async def opened(settings: Settings, *, spare_cores: int = 0) -> AsyncIterator[Judged]:
    """Start an engine that no editor uses, or connect to the one at a URL.

    Args:
        settings: Which model and engine.
        spare_cores: So many are left to others, programs that are run meanwhile say, unless the
            setting ``threads`` is set.

    Raises:
        ModelError: there is no such model.
        EngineUnavailableError: the engine cannot be had.
    """
    if settings.engine not in _OUR_OWN:
        async with _connected(settings) as engine:
            info = await _ready(engine)
            yield Judged(engine, info, info.name, "", settings)
        return
    from codelsp.engine.llama_dialect import LlamaDialect
    from codelsp.engine.spawn import start_tied
    from codelsp.engine.wanted import wanted_engine
    from codelsp.engine.wire import Wire

    wanted = wanted_engine(settings)
    alone = replace(wanted.options(), state="", log="", idle_seconds=0.0)
    if spare_cores and not alone.threads:
        alone = replace(alone, threads=max(1, usable_cores() - spare_cores))
    path = wanted.model.path
    patience = _FOLDER_START_SECONDS if path.is_dir() else _START_SECONDS
    process = await asyncio.to_thread(start_tied, alone, patience)
    engine = LlamaDialect(Wire(process.state.url, process.state.api_key))
    try:
        info = await _ready(engine)
        yield Judged(engine, info, wanted.model.name, model_sha256(path), settings, path)
    finally:
        await engine.close()
        process.close()
        await asyncio.to_thread(process.wait)


def model_sha256(path: Path) -> str:
    """Return the SHA-256 of a model's file, or of what tells its folder from another's."""
    if not path.is_dir():
        return sha256_of(path)
    files = [file for name in _TELLING for file in sorted(path.glob(name))]
    sums = "".join(f"{sha256_of(file)}  {file.name}\n" for file in files)
    return hashlib.sha256(sums.encode()).hexdigest()


@contextlib.asynccontextmanager
async def _connected(settings: Settings) -> AsyncIterator[Engine]:
    from codelsp.engine.open import open_engine

    engine = open_engine(settings)
    try:
        yield engine
    finally:
        await engine.close()


async def _ready(engine: Engine) -> ModelInfo:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _START_SECONDS
    while True:
        try:
            return await engine.connect()
        except EngineLoadingError as error:  # noqa: PERF203  # it is asked ten times a second
            if loop.time() > deadline:
                raise EngineUnavailableError(f"{error} It took too long.") from error
            await asyncio.sleep(_LOOK_SECONDS)
