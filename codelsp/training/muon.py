"""Muon: momentum whose update is made orthogonal, for the matrices inside a network.

The arithmetic is that of ``torch.optim.Muon`` (Keller Jordan, https://kellerjordan.github.io/posts/muon/),
which always multiplies in bf16.  A CPU without bf16 emulates it, and the Newton-Schulz steps of S
then take longer than forward and backward together; here they are in the device's own type.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from codelsp.training.devices import product_dtype

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor, nn

_A, _B, _C = 3.4445, -4.7750, 2.0315
"""Of the quintic iteration: steep at zero, singular values end between 0.5 and 1.5."""
_N_STEPS = 5
_EPSILON = 1e-7
_LONG = 2
"""Columns for each row, above which the steps are taken on the product with the transpose."""


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalized; decoupled weight decay; rates grow with tall matrices."""

    def __init__(
        self, parameters: Iterable[nn.Parameter], lr: float, momentum: float, weight_decay: float
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]  # no closure: nothing here calls with one
        """Take a step with the gradients there are."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    direction = self._direction(parameter, parameter.grad, group["momentum"])
                    rows, columns = parameter.shape
                    rate = group["lr"]
                    parameter.mul_(1 - rate * group["weight_decay"])
                    parameter.add_(direction, alpha=-rate * math.sqrt(max(1.0, rows / columns)))

    def _direction(self, parameter: Tensor, gradient: Tensor, momentum: float) -> Tensor:
        state = self.state[parameter]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(gradient)
        buffer = state["momentum_buffer"]
        buffer.lerp_(gradient, 1 - momentum)
        ahead = gradient.lerp(buffer, momentum)
        return orthogonalized(ahead, product_dtype(parameter.device)).to(parameter.dtype)


def orthogonalized(matrix: Tensor, dtype: torch.dtype) -> Tensor:
    """Return ``matrix`` (rows, columns) with its singular values brought near 1.

    Args:
        matrix: Any matrix.
        dtype: The type to compute in; bf16 is exact enough.
    """
    is_tall = matrix.shape[0] > matrix.shape[1]
    x = (matrix.T if is_tall else matrix).to(dtype)
    x = x / x.norm().clamp(min=_EPSILON)
    is_long = x.shape[1] > _LONG * x.shape[0] and dtype is torch.float32
    x = _steps_of_gram(x @ x.T) @ x if is_long else _steps(x)
    return x.T if is_tall else x


def _steps(x: Tensor) -> Tensor:
    for _ in range(_N_STEPS):
        gram = x @ x.T
        x = torch.addmm(x, _factor(gram), x, beta=_A)
    return x


def _steps_of_gram(gram: Tensor) -> Tensor:
    """Return what ``_steps`` multiplies a matrix by whose product with its transpose is ``gram``.

    The same steps on small squares, a third less work for a long matrix.  They square what is small
    already, which bf16 has no room for.
    """
    whole: Tensor | None = None
    for step in range(_N_STEPS):
        factor = _factor(gram)
        factor.diagonal().add_(_A)
        whole = factor if whole is None else factor @ whole
        if step < _N_STEPS - 1:
            gram = factor @ gram @ factor
    assert whole is not None  # noqa: S101  there are steps
    return whole


def _factor(gram: Tensor) -> Tensor:
    return torch.addmm(gram, gram, gram, beta=_B, alpha=_C)
