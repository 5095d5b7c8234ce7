"""Muon: momentum whose update is made orthogonal, for the matrices inside a network.

The arithmetic is that of ``torch.optim.Muon`` (Keller Jordan, https://kellerjordan.github.io/posts/muon/),
which always multiplies in bf16.  A CPU without bf16 emulates it, and the Newton-Schulz steps of S
then take longer than forward and backward together; here they are in the device's own type.
A GPU takes the matrices of one shape in one product: a thousand small ones would keep it waiting
for a tenth of a step of M.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from codelsp.training.devices import product_dtype

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from torch import Tensor, nn

_A, _B, _C = 3.4445, -4.7750, 2.0315
"""Of the quintic iteration: steep at zero, singular values end between 0.5 and 1.5."""
_N_STEPS = 5
_EPSILON = 1e-7
_MATRIX = 2
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
            rate = group["lr"]
            for alike in _alike(group["params"]):
                ahead = [self._ahead(parameter, group["momentum"]) for parameter in alike]
                rows, columns = alike[0].shape
                scale = -rate * math.sqrt(max(1.0, rows / columns))
                for parameter, direction in zip(alike, _directions(ahead), strict=True):
                    parameter.mul_(1 - rate * group["weight_decay"])
                    parameter.add_(direction.to(parameter.dtype), alpha=scale)

    def _ahead(self, parameter: Tensor, momentum: float) -> Tensor:
        """Return where the momentum will be, having added the gradient to it."""
        gradient = parameter.grad
        assert gradient is not None  # noqa: S101  those without are left out
        state = self.state[parameter]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(gradient)
        buffer = state["momentum_buffer"]
        buffer.lerp_(gradient, 1 - momentum)
        return gradient.lerp(buffer, momentum)


def _alike(parameters: Iterable[nn.Parameter]) -> Iterator[list[nn.Parameter]]:
    """Yield the parameters that have gradients: on a GPU those of one shape together."""
    of_shape: dict[tuple[int, ...], list[nn.Parameter]] = {}
    for parameter in parameters:
        if parameter.grad is None:
            continue
        if parameter.device.type == "cuda":
            of_shape.setdefault(tuple(parameter.shape), []).append(parameter)
        else:
            yield [parameter]
    yield from of_shape.values()


def _directions(matrices: list[Tensor]) -> list[Tensor]:
    """Return each of the matrices of one shape orthogonalized."""
    dtype = product_dtype(matrices[0].device)
    if len(matrices) == 1:
        return [orthogonalized(matrices[0], dtype)]
    return list(orthogonalized(torch.stack(matrices), dtype))


def orthogonalized(matrix: Tensor, dtype: torch.dtype) -> Tensor:
    """Return ``matrix`` (rows, columns) with its singular values brought near 1.

    Args:
        matrix: Any matrix, or many of one shape: (matrices, rows, columns).
        dtype: The type to compute in; bf16 is exact enough.
    """
    rows, columns = matrix.shape[-2:]
    is_tall = rows > columns
    x = (matrix.mT if is_tall else matrix).to(dtype)
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=_EPSILON)
    is_long = max(rows, columns) > _LONG * min(rows, columns) and dtype is torch.float32
    x = _steps_of_gram(x @ x.mT) @ x if is_long else _steps(x)
    return x.mT if is_tall else x


def _steps(x: Tensor) -> Tensor:
    for _ in range(_N_STEPS):
        x = _add_product(x)(x, _factor(x @ x.mT), x, beta=_A)
    return x


def _steps_of_gram(gram: Tensor) -> Tensor:
    """Return what ``_steps`` multiplies a matrix by whose product with its transpose is ``gram``.

    The same steps on small squares, a third less work for a long matrix.  They square what is small
    already, which bf16 has no room for.
    """
    whole: Tensor | None = None
    for step in range(_N_STEPS):
        factor = _factor(gram)
        factor.diagonal(dim1=-2, dim2=-1).add_(_A)
        whole = factor if whole is None else factor @ whole
        if step < _N_STEPS - 1:
            gram = factor @ gram @ factor
    assert whole is not None  # noqa: S101  there are steps
    return whole


def _factor(gram: Tensor) -> Tensor:
    return _add_product(gram)(gram, gram, gram, beta=_B, alpha=_C)


def _add_product(x: Tensor) -> Callable[..., Tensor]:
    """Return what adds a product to something: of one matrix, or of many."""
    return torch.addmm if x.ndim == _MATRIX else torch.baddbmm
