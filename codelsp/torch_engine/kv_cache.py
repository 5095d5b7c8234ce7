"""``KvCache``: the keys and values of one text, for every layer, in buffers that grow in steps.

transformers' dynamic cache copies everything for each token, and cannot be cut back to a given
length; this one writes in place and is cut back by setting a number.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    Addresses = ctypes.Array[ctypes.c_void_p]

GROWTH_TOKENS = 256
_BRANCH_GROWTH_TOKENS = 64


class KvCache:
    """Keys and values of ``length`` tokens, the same number in each of ``batch`` rows."""

    def __init__(self, n_layers: int, growth_tokens: int = GROWTH_TOKENS) -> None:
        self.length = 0
        """Tokens held, in each row."""
        self.foreign: object | None = None
        """How another library sees this cache; made by who needs it."""
        self.lender: Callable[[], None] | None = None
        """Set while the newest tokens are in somebody else's buffers: writes them back here."""
        self._growth = growth_tokens
        self._keys: list[Tensor | None] = [None] * n_layers
        self._values: list[Tensor | None] = [None] * n_layers
        self.trunk: KvCache | None = None
        """The text of one row that all rows here begin with; buffers hold what follows it."""
        self._addresses: tuple[Addresses, Addresses, int] | None = None
        """Where the buffers are, and their capacity, as long as none is changed for another."""

    @property
    def nbytes(self) -> int:
        """Bytes of all buffers, whether filled or not."""
        buffers = (*self._keys, *self._values)
        return sum(each.nbytes for each in buffers if each is not None)

    @property
    def n_layers(self) -> int:
        """How many layers there are."""
        return len(self._keys)

    def append(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Write the newest tokens of ``layer``; return all of that layer, old and new.

        Args:
            layer: Its index.
            keys: (batch, heads, time, head_dim)
            values: (batch, heads, time, head_dim), whose last dimension may be another.
        """
        self.settle()
        self._addresses = None
        end = self.length + keys.shape[2]
        stored_keys = self._keys[layer] = self._with_room(self._keys[layer], keys, end)
        stored_values = self._values[layer] = self._with_room(self._values[layer], values, end)
        stored_keys[:, :, self.length : end] = keys
        stored_values[:, :, self.length : end] = values
        return stored_keys[:, :, :end], stored_values[:, :, :end]

    @property
    def trunk_length(self) -> int:
        """Tokens that are in the buffers of ``trunk``."""
        return 0 if self.trunk is None else self.trunk.length

    def addresses(
        self, n_rows: int, end: int, heads: int, head_dim: int
    ) -> tuple[Addresses, Addresses, int]:
        """Make room for ``end`` tokens in 32 bits on the CPU; return where they go, by layer.

        Returns:
            Where keys and where values are, (batch, heads, capacity, head_dim) each, and the
            capacity.  True until something else is done to this cache.
        """
        self.settle()
        known, n_own = self._addresses, end - self.trunk_length
        if known is None or known[2] < n_own:
            like = torch.empty((n_rows, heads, 0, head_dim))
            keys = [self._with_room(each, like, n_own) for each in self._keys]
            values = [self._with_room(each, like, n_own) for each in self._values]
            self._keys, self._values = list(keys), list(values)
            known = self._addresses = (_addresses(keys), _addresses(values), keys[0].shape[2])
        return known

    @torch.inference_mode()
    def settle(self) -> None:
        """Have everything in the buffers of this cache."""
        lender, self.lender = self.lender, None
        if lender is not None:
            lender()

    def advance(self, n_tokens: int) -> None:
        """Count ``n_tokens`` that every layer has appended."""
        self.length += n_tokens

    def truncate(self, length: int) -> None:
        """Forget everything after the first ``length`` tokens."""
        assert 0 <= length <= self.length, (length, self.length)  # noqa: S101
        self.length = length

    def copied(self, length: int) -> KvCache:
        """Return a cache of its own with the first ``length`` tokens.

        This one must have a single row.
        """
        self.settle()
        copy = KvCache(self.n_layers, self._growth)
        copy.length = length
        capacity = _rounded(length + 1, self._growth)
        for source, target in ((self._keys, copy._keys), (self._values, copy._values)):
            for layer, buffer in enumerate(source):
                if buffer is not None:
                    _, heads, _, head_dim = buffer.shape
                    fresh = buffer.new_empty((1, heads, capacity, head_dim))
                    fresh[:, :, :length] = buffer[:, :, :length]
                    target[layer] = fresh
        return copy

    def branched(self) -> KvCache:
        """Return a cache whose rows all begin with this one, which is not copied.

        This one must have a single row, and stay as it is as long as the other is used.
        """
        self.settle()
        branch = KvCache(self.n_layers, _BRANCH_GROWTH_TOKENS)
        branch.trunk, branch.length = self, self.length
        return branch

    def select_rows(self, rows: Sequence[int]) -> None:
        """Have these rows alone, in this order; one may come several times."""
        self.settle()
        self._addresses = None
        for buffers in (self._keys, self._values):
            for layer, buffer in enumerate(buffers):
                if buffer is not None:
                    index = torch.tensor(rows, device=buffer.device)
                    buffers[layer] = buffer.index_select(0, index)

    def buffers(self) -> list[Tensor]:
        """Return the buffers, keys first: (batch, heads, capacity, head_dim) each."""
        self.settle()
        return [each for each in (*self._keys, *self._values) if each is not None]

    def _with_room(self, buffer: Tensor | None, like: Tensor, end: int) -> Tensor:
        """Return a buffer that holds ``end`` tokens, with what ``buffer`` holds."""
        if buffer is not None and buffer.shape[2] >= end:
            return buffer
        batch, heads, _, head_dim = like.shape
        grown = like.new_empty((batch, heads, _rounded(end, self._growth), head_dim))
        if buffer is not None:
            held = self.length - self.trunk_length
            grown[:, :, :held] = buffer[:, :, :held]
        return grown


def _addresses(buffers: Sequence[Tensor]) -> Addresses:
    return (ctypes.c_void_p * len(buffers))(*(each.data_ptr() for each in buffers))


def _rounded(n_tokens: int, step: int) -> int:
    return -(-n_tokens // step) * step
