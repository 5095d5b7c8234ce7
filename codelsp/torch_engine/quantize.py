"""Linear layers in 8 bits for the CPU, where reading weights is what takes the time.

Weights have a scale for each row.  Inputs are rounded to 7 bits on the way (the integer products of
processors without VNNI overflow with 8), all rows of one product by a common scale: exact enough
for the few rows of decoding.  A prompt's many rows are first brought to one size each, so that one
row with a large entry does not spoil the others.

This uses the packed products behind ``torch.ao.quantization.quantize_dynamic``, not that function,
which is deprecated; where a build of torch lacks them, layers stay as they are.
"""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

logger = logging.getLogger(__name__)

_ENGINES = ("x86", "fbgemm", "onednn", "qnnpack")
_MOST_DECODED_ROWS = 16
_LEAST_NUMBER = 1e-30


class Linear:
    """A linear layer as it was trained."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self.weight, self.bias = weight, bias

    def __call__(self, rows: Tensor) -> Tensor:
        """Return the product for ``rows``, (..., width)."""
        return functional.linear(rows, self.weight, self.bias)

    def to(self, device: torch.device) -> None:
        """Move the weights."""
        self.weight = self.weight.to(device)
        self.bias = None if self.bias is None else self.bias.to(device)


class Int8Linear:
    """A linear layer in 8 bits; weights are (out, in)."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        scales = (weight.float().abs().amax(1) / 127).clamp_min(_LEAST_NUMBER)
        zeros = torch.zeros_like(scales, dtype=torch.long)
        self._bias = None if bias is None else bias.float()
        operators: Any = torch.ops.quantized
        with warnings.catch_warnings():
            # Deprecated, and still the only way to these products: ``prepare_int8`` sees to the
            # day when they are gone.
            warnings.simplefilter("ignore")
            quantized = torch.quantize_per_channel(weight.float(), scales, zeros, 0, torch.qint8)
            self._packed = operators.linear_prepack(quantized, self._bias)
        self._product = operators.linear_dynamic

    def __call__(self, rows: Tensor) -> Tensor:
        """Return the product for ``rows``, (..., width)."""
        # ``True`` keeps inputs to 7 bits.
        if rows.numel() <= _MOST_DECODED_ROWS * rows.shape[-1]:
            product: Tensor = self._product(rows, self._packed, True)  # noqa: FBT003  # theirs
            return product
        sizes = rows.abs().amax(-1, keepdim=True).clamp_min(_LEAST_NUMBER)
        scaled: Tensor = self._product(rows / sizes, self._packed, True)  # noqa: FBT003  # theirs
        return scaled * sizes if self._bias is None else (scaled - self._bias) * sizes + self._bias

    def to(self, device: torch.device) -> None:
        """Stay: such layers are on the CPU alone."""


def linear(weight: Tensor, bias: Tensor | None, *, is_int8: bool) -> Linear | Int8Linear:
    """Return a layer with these weights."""
    return Int8Linear(weight, bias) if is_int8 else Linear(weight, bias)


def prepare_int8() -> bool:
    """Choose the best products for this processor; tell whether there are any."""
    supported = torch.backends.quantized.supported_engines
    for engine in _ENGINES:
        if engine not in supported:
            continue
        torch.backends.quantized.engine = engine
        try:
            probe = Int8Linear(torch.eye(32), None)
            product = probe(torch.ones(1, 32))
        except (RuntimeError, AttributeError, NotImplementedError) as error:
            logger.info("no 8 bits by %s: %s", engine, error)
            continue
        if torch.allclose(product, torch.ones(1, 32), atol=0.05):
            return True
    return False
