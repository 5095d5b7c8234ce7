"""Decoding as CUDA graphs: a step of the lean forward pass replayed without Python in between.

A graph has fixed shapes and addresses.  So there is one for each number of rows, number of tokens
and bucket of context, over buffers of its own; a text's keys are lent to these buffers while it is
decoded, and given back when it is read or copied otherwise.

For one token of one text a compiler joins what lies between a layer's products, if there is one:
on an H100 a token of a model of 1.5 billion weights takes 2.7 ms so, and 3.4 without.

Where there is no CUDA, steps run as they are: the same code, which is how it is tested.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from codelsp.torch_engine.kv_cache import KvCache
    from codelsp.torch_engine.lean_runner import LeanLayer, LeanRunner

logger = logging.getLogger(__name__)

_SMALLEST_BUCKET = 512
_MOST_TOKENS = 9
"""Of one step: a token and a draft; longer texts are read without a graph."""
_WARM_UPS = 3


@dataclass
class _Step:
    """One shape of step: its buffers and, on a GPU, its graph."""

    ids: Tensor
    """(rows, time)"""
    places: Tensor
    """(time): where the tokens go."""
    keys: list[Tensor]
    """By layer, (rows, key heads, bucket, head_dim), as the values."""
    values: list[Tensor]
    is_fused: bool = False
    """Whether a compiler has joined what lies between the products."""
    logits: Tensor | None = None
    graph: torch.cuda.CUDAGraph | None = None
    owner: KvCache | None = None
    n_lent: int = 0
    """How much of the owner's text was in its own buffers when these took over."""


@dataclass
class GraphedRunner:
    """A ``Runner`` that decodes by graphs, and reads prompts as ``lean`` does."""

    lean: LeanRunner
    fuses: bool = True
    """Whether to ask a compiler, which takes seconds for each bucket."""
    tunes: bool = False
    """Whether the compiler also makes kernels of the products and tries what suits the GPU."""
    _steps: dict[tuple[int, int, int], _Step] = field(default_factory=dict)
    _pool: Any = None

    @property
    def name(self) -> str:
        """What runs it, for the log."""
        return f"{self.lean.name} in CUDA graphs"

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        return self.lean.device

    def new_cache(self) -> KvCache:
        """Return an empty cache for one text."""
        return self.lean.new_cache()

    @property
    def is_exact(self) -> bool:
        """Whether a token has the same scores to the last bit with others read beside it."""
        return self.lean.is_exact

    def branched(self, cache: KvCache) -> KvCache:
        """Return another cache that goes on from the one row in ``cache``."""
        return self.lean.branched(cache)

    @torch.inference_mode()
    def forward(self, ids: Tensor, cache: KvCache, n_last: int) -> Tensor:
        """Read ``ids`` after what ``cache`` holds; see ``Runner.forward``."""
        n_rows, time = ids.shape
        if time > _MOST_TOKENS or cache.length == 0:
            cache.settle()
            return self.lean.forward(ids, cache, n_last)
        step = self._step(n_rows, time, _bucket(cache.length + time))
        self._lend(step, cache)
        step.ids.copy_(ids)
        step.places.copy_(torch.arange(cache.length, cache.length + time, device=self.device))
        logits = self._run(step)
        cache.advance(time)
        # What the graph wrote is overwritten by its next replay.
        return logits[:, time - n_last :].clone()

    def _step(self, n_rows: int, time: int, bucket: int) -> _Step:
        """Return the step of a shape, made when it is first asked for."""
        self.lean.reserve_positions(bucket)
        step = self._steps.get((n_rows, time, bucket))
        if step is None:
            step = self._steps[n_rows, time, bucket] = self._made(n_rows, time, bucket)
        return step

    def _run(self, step: _Step) -> Tensor:
        if step.graph is not None and step.logits is not None:
            step.graph.replay()
            return step.logits
        return self._compute(step)

    def _compute(self, step: _Step) -> Tensor:
        cos, sin = self.lean.reserve_positions(0)
        bucket = step.keys[0].shape[2]
        everything = torch.arange(bucket, device=self.device)
        hidden = everything[None, :] > step.places[:, None]
        mask = torch.zeros(hidden.shape, device=self.device, dtype=self.lean.dtype)
        mask = mask.masked_fill(hidden, -torch.inf).repeat(self.lean.shared_heads, 1)

        cos, sin = cos[step.places, None], sin[step.places, None]
        rows = self.lean.embedded(step.ids)
        through = self._fused if step.is_fused else self._through
        for layer, keys, values in zip(self.lean.layers, step.keys, step.values, strict=True):
            rows = through(layer, rows, cos, sin, step.places, mask, keys, values)
        return self.lean.scores(rows, step.ids.shape[1])

    def _through(  # noqa: PLR0913, PLR0917  # the whole of a layer's surroundings
        self,
        layer: LeanLayer,
        rows: Tensor,
        cos: Tensor,
        sin: Tensor,
        places: Tensor,
        mask: Tensor,
        keys: Tensor,
        values: Tensor,
    ) -> Tensor:
        def append(new_keys: Tensor, new_values: Tensor) -> tuple[Tensor, Tensor]:
            keys.index_copy_(2, places, new_keys)
            values.index_copy_(2, places, new_values)
            return keys, values

        return self.lean.through(layer, rows, cos, sin, append, mask, _by_products)

    @cached_property
    def _fused(self) -> Callable[..., Tensor]:
        """``_through``, with what lies between its products in few kernels."""
        return torch.compile(self._through, options={"coordinate_descent_tuning": self.tunes})

    def _made(self, n_rows: int, time: int, bucket: int) -> _Step:
        heads, head_dim = self.lean.kv_shape
        shape = (n_rows, heads, bucket, head_dim)

        def buffers() -> list[Tensor]:
            return [
                torch.zeros(shape, device=self.device, dtype=self.lean.dtype)
                for _ in range(self.lean.n_layers)
            ]

        step = _Step(
            torch.zeros((n_rows, time), dtype=torch.long, device=self.device),
            torch.arange(time, device=self.device),
            buffers(),
            buffers(),
        )
        if self.device.type == "cuda":
            step.is_fused = self.fuses and time == 1 and n_rows == 1
            self._capture(step)
        return step

    def _capture(self, step: _Step) -> None:
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # theirs
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            if step.is_fused:
                self._fuse(step)
            for _ in range(_WARM_UPS):
                self._compute(step)
        torch.cuda.current_stream().wait_stream(side)
        if self._pool is None:
            self._pool = torch.cuda.graph_pool_handle()
        step.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(step.graph, pool=self._pool):
            step.logits = self._compute(step)

    def _fuse(self, step: _Step) -> None:
        """Have ``step`` compiled; where that cannot be, let it and all others run as they are."""
        try:
            self._compute(step)
        except Exception as error:  # noqa: BLE001  whatever a compiler and its kernels raise
            logger.warning("decoding goes on without a compiler: %s", str(error).split("\n", 1)[0])
            self.fuses = step.is_fused = False

    @torch.inference_mode()
    def make_ready(self, context_tokens: int) -> None:
        """Make the steps of one token for every length up to ``context_tokens``.

        So the compiler works while the model is loaded, and nobody waits for it at a key.
        """
        if self.device.type != "cuda":
            return
        bucket = 0
        while bucket < context_tokens:
            bucket = _bucket(bucket + 1)
            self._step(1, 1, bucket)

    def _lend(self, step: _Step, cache: KvCache) -> None:
        """Have the buffers of ``step`` hold the text of ``cache``."""
        if step.owner is cache and cache.lender is not None and cache.length >= step.n_lent:
            return
        cache.settle()
        if step.owner is not None:
            step.owner.settle()
        length = cache.length
        for mine, theirs in zip((*step.keys, *step.values), cache.buffers(), strict=True):
            mine[:, :, :length] = theirs[:, :, :length]
        step.owner, step.n_lent = cache, length
        cache.lender = lambda: self._give_back(step, cache)

    @staticmethod
    def _give_back(step: _Step, cache: KvCache) -> None:
        """Write what was decoded since into the text's own buffers."""
        start, end = min(step.n_lent, cache.length), cache.length
        step.owner, cache.length = None, start
        if end > start:
            for layer, (keys, values) in enumerate(zip(step.keys, step.values, strict=True)):
                cache.append(layer, keys[:, :, start:end], values[:, :, start:end])
            cache.advance(end - start)


def _by_products(
    queries: Tensor, keys: Tensor, values: Tensor, attn_mask: Tensor, scale: float
) -> Tensor:
    """Return what torch's attention does, by two products.

    For one token its kernels are as many programs as there are key heads, two for many a model,
    and leave the rest of a GPU idle.
    """
    scores = torch.matmul(queries, keys.mT) * scale + attn_mask
    return torch.matmul(torch.softmax(scores.float(), -1).to(values.dtype), values)


def _bucket(n_tokens: int) -> int:
    """Return the smallest bucket that holds ``n_tokens``; each is twice the one before."""
    bucket = _SMALLEST_BUCKET
    while bucket < n_tokens:
        bucket *= 2
    return bucket
