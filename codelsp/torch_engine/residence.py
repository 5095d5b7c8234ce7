"""``Residence``: whether the model is in memory; it leaves the GPU when nobody asks for it."""

from __future__ import annotations

import gc
import logging
from typing import TYPE_CHECKING

from codelsp.torch_engine.decoder import Counters

if TYPE_CHECKING:
    from collections.abc import Callable

    from codelsp.torch_engine.decoder import Decoder

logger = logging.getLogger(__name__)


class Residence:
    """A decoder that is loaded when it is needed.

    Args:
        load: Loads the model.
        rest_seconds: After this long without work the model is given up; 0 for never.
        decoder: The model, if it is loaded already.
    """

    def __init__(
        self,
        load: Callable[[], Decoder],
        rest_seconds: float = 0.0,
        decoder: Decoder | None = None,
    ) -> None:
        self.counters = decoder.counters if decoder is not None else Counters()
        self._load = load
        self._rest_seconds = rest_seconds
        self._decoder = decoder

    @property
    def is_loaded(self) -> bool:
        """Whether the model is in memory."""
        return self._decoder is not None

    def decoder(self) -> Decoder:
        """Return the model, loaded if need be.

        Raises:
            CodelspError: it cannot be loaded any more.
        """
        if self._decoder is None:
            decoder = self._load()
            decoder.counters = self.counters
            self.counters.n_loads += 1
            self._decoder = decoder
        return self._decoder

    def session_figures(self) -> tuple[int, int]:
        """Return the tokens and the bytes of all sessions."""
        decoder = self._decoder
        return (decoder.pool.n_tokens, decoder.pool.nbytes) if decoder is not None else (0, 0)

    def rest(self, idle_seconds: float) -> None:
        """Give the model up if it has been idle for long enough."""
        if self._decoder is None or not 0 < self._rest_seconds <= idle_seconds:
            return
        self._decoder = None
        gc.collect()
        _empty_cuda_cache()
        logger.info("the model left the GPU after %g idle seconds", idle_seconds)


def _empty_cuda_cache() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
