"""Keystrokes replayed against engine processes, from outside, over their wire."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from codelsp.engine import probe
from codelsp.engine.process import address_of
from codelsp.engine.spawn import TiedEngine, start_tied
from codelsp.engine.wanted import wanted_engine
from codelsp.engine.wire import Wire
from codelsp.evaluation.bench_engine import tokens_after_cancel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from codelsp.settings import Settings

_START_SECONDS = 600.0
_MEMORY_LOOKS = 20


@dataclass(frozen=True)
class ReplayedEngine:
    """An engine process of the bench's own."""

    engine: TiedEngine
    wire: Wire

    def memory_bytes(self) -> int:
        """Return its resident memory."""
        return probe.memory_bytes(self.engine.state)

    async def replay_ms(
        self, prompts: Sequence[tuple[int, ...]], n_tokens: int, *, drafts: bool = True
    ) -> list[float]:
        """Return the time from each prompt to the end of its ``n_tokens`` tokens."""
        taken = []
        for prompt in prompts:
            begun = time.perf_counter()
            await self._generate(prompt, n_tokens, drafts=drafts)
            taken.append((time.perf_counter() - begun) * 1e3)
        return taken

    async def memory_series(
        self,
        prompts: Sequence[tuple[int, ...]],
        n_tokens: int,
        tell: Callable[[int], None],
        most_seconds: float,
    ) -> list[int]:
        """Return the engine's memory, looked at now and then while the prompts are replayed.

        After ``most_seconds`` it ends with the looks that it has.
        """
        deadline = time.monotonic() + most_seconds
        every = max(1, len(prompts) // _MEMORY_LOOKS)
        series = []
        for number, prompt in enumerate(prompts):
            await self._generate(prompt, n_tokens, drafts=True)
            if (number + 1) % every == 0:
                series.append(self.memory_bytes())
                tell(number + 1)
            if time.monotonic() > deadline:
                break
        return series

    async def tokens_after_cancel(self) -> list[float]:
        """Return how many tokens it began after a stream was closed, several times."""
        return await tokens_after_cancel(address_of(self.engine.state))

    async def _generate(self, prompt: tuple[int, ...], n_tokens: int, *, drafts: bool) -> None:
        body = {
            "prompt": prompt,
            "n_predict": n_tokens,
            "temperature": 0,
            "ignore_eos": True,
            "stream": True,
            "cache_prompt": True,
            "n_probs": 1,
            "drafts": drafts,
        }
        async for _chunk in self.wire.stream("/completion", body):
            pass


@asynccontextmanager
async def replayed(settings: Settings) -> AsyncIterator[ReplayedEngine]:
    """Start an engine as ``settings`` say, for the bench alone.

    Raises:
        ModelNotFoundError, ModelFileError: there is no such model.
        EngineUnavailableError: it does not start.
    """
    options = replace(wanted_engine(settings).options(), idle_seconds=0.0)
    engine = await asyncio.to_thread(start_tied, options, _START_SECONDS)
    wire = Wire(engine.state.url, engine.state.api_key)
    try:
        yield ReplayedEngine(engine, wire)
    finally:
        await wire.close()
        engine.close()
        await asyncio.to_thread(engine.wait)
