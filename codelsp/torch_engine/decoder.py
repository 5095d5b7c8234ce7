"""``Decoder``: a loaded model with its vocabulary and sessions; runs it, and copes with memory.

Architecture invariant: one thread alone calls it.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from codelsp.errors import EngineUnavailableError
from codelsp.torch_engine.sampling import shortlists
from codelsp.torch_engine.sessions import SessionPool

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from torch import Tensor

    from codelsp.torch_engine.kv_cache import KvCache
    from codelsp.torch_engine.runner import Runner
    from codelsp.torch_engine.sampling import ListBest
    from codelsp.torch_engine.vocabulary import Vocabulary

logger = logging.getLogger(__name__)

_SHRINK_TO = 0.5


@dataclass(frozen=True)
class DecoderPlan:
    """How much of everything there is."""

    context_tokens: int
    """Of one text, the prompt and what is written."""
    cache_bytes: int
    """Of keys and values of all sessions."""
    chunk_tokens: int = 128
    """A prompt is read in chunks, and a cancel waits for the end of one."""
    draft_tokens: int = 4
    """Of one draft; 0 for none."""
    draft_margin: float = 1e-4
    """By how much the best score must lead for a draft to count, where several tokens are not
    rounded as one is."""


@dataclass
class Counters:
    """What has been done since the start."""

    n_runs: int = 0
    """How often the model was run."""
    n_shrinks: int = 0
    """How often memory ran out and sessions were forgotten."""
    n_loads: int = 0
    """How often the model came back to the GPU."""


@dataclass
class Decoder:
    """A model that can be asked; ``runners`` are by name of adapter, the base model's is empty."""

    runners: Mapping[str, Runner]
    vocabulary: Vocabulary
    plan: DecoderPlan
    counters: Counters = field(default_factory=Counters)
    shortlists: ListBest = shortlists
    """Lists the best tokens of each row of scores."""

    def __post_init__(self) -> None:
        self.pool = SessionPool(self._base.new_cache, self.plan.cache_bytes)

    @property
    def context_tokens(self) -> int:
        """Most tokens of one text."""
        return self.plan.context_tokens

    @property
    def chunk_tokens(self) -> int:
        """Most tokens read in one run."""
        return self.plan.chunk_tokens

    @property
    def draft_tokens(self) -> int:
        """Most tokens of a draft."""
        return self.plan.draft_tokens

    def draft_margin(self, adapter: str) -> float:
        """By how much the best score must lead for a draft to count."""
        return 0.0 if self.runners[adapter].is_exact else self.plan.draft_margin

    def branched(self, cache: KvCache, *, adapter: str = "") -> KvCache:
        """Return another cache that goes on from the one row in ``cache``."""
        return self.runners[adapter].branched(cache)

    @property
    def _base(self) -> Runner:
        return next(iter(self.runners.values()))

    def run(
        self, cache: KvCache, ids: Sequence[Sequence[int]], n_last: int, *, adapter: str = ""
    ) -> Tensor:
        """Read ``ids`` (rows of tokens, all of one length) after what ``cache`` holds.

        When memory runs out, sessions are forgotten and it is tried once more.

        Returns:
            Scores in 32 bits, (rows, n_last, vocabulary).

        Raises:
            EngineUnavailableError: there is not enough memory even so.
        """
        self.counters.n_runs += 1
        length = cache.length
        runner = self.runners[adapter]
        tensor = torch.tensor(ids, dtype=torch.long, device=runner.device)
        try:
            with _out_of_memory_as_one():
                return runner.forward(tensor, cache, n_last)
        except MemoryError:
            cache.length = length
            self._shrink()
        try:
            with _out_of_memory_as_one():
                return runner.forward(tensor, cache, n_last)
        except MemoryError as error:
            cache.length = length
            raise EngineUnavailableError(
                f"Not enough memory for a text of {length + tensor.shape[1]} tokens"
                f" ({error}); lower `context_tokens`, or take a smaller model."
            ) from None

    def _shrink(self) -> None:
        """Forget idle sessions, and keep fewer from now on."""
        self.counters.n_shrinks += 1
        self.pool.most_bytes = int(self.pool.most_bytes * _SHRINK_TO)
        freed = self.pool.shrink(0)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        logger.warning(
            "memory ran out: %.0f MB of sessions forgotten, %.0f MB allowed from now on",
            freed / 1e6,
            self.pool.most_bytes / 1e6,
        )


@contextmanager
def _out_of_memory_as_one() -> Iterator[None]:
    """Turn the ways in which torch says that memory ran out into ``MemoryError``."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise MemoryError(str(error).split("\n", 1)[0]) from None
    except RuntimeError as error:
        if "not enough memory" in str(error) or "out of memory" in str(error):
            raise MemoryError(str(error).split("\n", 1)[0]) from None
        raise
