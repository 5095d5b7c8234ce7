"""The port ``Runner``: token ids and a cache in, scores out; and the one that serves any model.

Architecture invariant: a runner knows nothing of sessions, sampling or requests.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Protocol

import torch
from transformers.cache_utils import Cache, CacheLayerMixin

from codelsp.torch_engine.kv_cache import KvCache

if TYPE_CHECKING:
    from torch import Tensor


class Runner(Protocol):
    """A model that can be run."""

    @property
    def name(self) -> str:
        """What runs it, for the log."""

    @property
    def device(self) -> torch.device:
        """Where it runs."""

    @property
    def is_exact(self) -> bool:
        """Whether a token has the same scores to the last bit with others read beside it."""

    def new_cache(self) -> KvCache:
        """Return an empty cache for one text."""

    def branched(self, cache: KvCache) -> KvCache:
        """Return another cache that goes on from the one row in ``cache``.

        That one has to stay as it is as long as the other is used.
        """

    def forward(self, ids: Tensor, cache: KvCache, n_last: int) -> Tensor:
        """Read ``ids`` after what ``cache`` holds, and add them to it.

        Args:
            ids: (batch, time)
            cache: As many rows as ``ids``.
            n_last: For how many of the last positions scores are wanted; 0 for none.

        Returns:
            Scores in 32 bits, (batch, n_last, vocabulary).
        """


class TransformersRunner:
    """Any causal language model of transformers whose layers are attention.

    Args:
        model: In evaluation mode, on its device.
    """

    name = "transformers"
    is_exact = False

    def __init__(self, model: Any) -> None:
        self.model = model
        config = model.config.get_text_config()
        self._n_layers = int(config.num_hidden_layers)
        parameters = inspect.signature(_innermost(model).forward).parameters
        # Renamed in transformers 5.2x; both are there until 5.40.
        self._cache_argument = "cache" if "cache" in parameters else "past_key_values"
        self._limits_logits = "logits_to_keep" in parameters

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        device: torch.device = next(self.model.parameters()).device
        return device

    def new_cache(self) -> KvCache:
        """Return an empty cache for one text."""
        return KvCache(self._n_layers)

    def branched(self, cache: KvCache) -> KvCache:
        """Return another cache that goes on from the one row in ``cache``."""
        return cache.copied(cache.length)

    @torch.inference_mode()
    def forward(self, ids: Tensor, cache: KvCache, n_last: int) -> Tensor:
        """Read ``ids`` after what ``cache`` holds; see ``Runner.forward``."""
        time = ids.shape[1]
        view = _view_of(cache)
        extra = {"logits_to_keep": max(n_last, 1)} if self._limits_logits else {}
        answer = self.model(input_ids=ids, use_cache=True, **{self._cache_argument: view}, **extra)
        cache.advance(time)
        logits: Tensor = answer.logits[:, answer.logits.shape[1] - n_last :]
        return logits.float()


def _innermost(model: Any) -> Any:
    """Return the model of transformers inside one that peft has wrapped."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _view_of(cache: KvCache) -> Cache:
    view = cache.foreign
    if not isinstance(view, Cache):
        view = Cache(layers=[_LayerView(cache, index) for index in range(cache.n_layers)])
        cache.foreign = view
    for layer in view.layers:
        assert isinstance(layer, _LayerView)  # noqa: S101
        layer.begin()
    return view


class _LayerView(CacheLayerMixin):  # type: ignore[no-untyped-call]  # theirs
    """One layer of a ``KvCache`` as transformers sees it.

    A layer with sliding attention is kept whole, too: the mask hides what it must not see, and the
    cache can still be cut back to any length.
    """

    is_sliding = False
    is_croppable = True

    def __init__(self, cache: KvCache, index: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # theirs
        self._cache, self._index = cache, index
        self._n_seen = 0
        self.is_initialized = True

    def begin(self) -> None:
        """Start a forward pass."""
        self._n_seen = self._cache.length

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Nothing to do: buffers are made when they are written."""

    def update(
        self,
        key_states: Tensor,
        value_states: Tensor,
        *_args: object,
        **_kwargs: object,
    ) -> tuple[Tensor, Tensor]:
        """Write the newest keys and values; return all."""
        both = self._cache.append(self._index, key_states, value_states)
        self._n_seen = self._cache.length + key_states.shape[2]
        return both

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Return how many tokens the queries see, and where these begin."""
        return self._cache.length + query_length, 0

    def get_seq_length(self) -> int:
        """Return how many tokens this layer holds by now."""
        return self._n_seen

    def get_max_length(self) -> int:
        """Return -1: it grows."""
        return -1

    get_max_cache_shape = get_max_length
