"""The optimizer: Muon as torch has it, in the type the device is fast in."""

from __future__ import annotations

import pytest
import torch

from codelsp.training import devices
from codelsp.training.muon import Muon, orthogonalized


@pytest.mark.parametrize("shape", [(48, 16), (16, 48), (24, 24)])
def test_muon_takes_the_steps_that_torch_takes(shape: tuple[int, int]) -> None:
    torch.manual_seed(3)
    start = torch.randn(shape)
    ours, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    own = Muon([ours], lr=0.05, momentum=0.9, weight_decay=0.1)
    reference = torch.optim.Muon(
        [theirs], lr=0.05, momentum=0.9, weight_decay=0.1, adjust_lr_fn="original"
    )
    for _ in range(6):
        gradient = torch.randn(shape)
        ours.grad, theirs.grad = gradient.clone(), gradient.clone()
        own.step()
        reference.step()

    moved = (theirs.detach() - start).norm()
    assert (ours.detach() - theirs.detach()).norm() < 0.03 * moved  # torch rounds to bf16


def test_an_orthogonalized_matrix_has_singular_values_near_one() -> None:
    torch.manual_seed(4)
    matrix = torch.randn(40, 24) @ torch.diag(torch.logspace(-1, 1, 24))

    values = torch.linalg.svdvals(orthogonalized(matrix, torch.float32))

    assert float(values.min()) > 0.4
    assert float(values.max()) < 1.6


@pytest.mark.parametrize("shape", [(256, 24), (24, 256), (24, 48), (24, 24)])
def test_a_long_matrix_loses_nothing_by_steps_on_a_small_square(shape: tuple[int, int]) -> None:
    torch.manual_seed(5)
    left, _, right = torch.linalg.svd(torch.randn(shape), full_matrices=False)
    matrix = left @ torch.diag(torch.logspace(0, -4, min(shape))) @ right

    exact = orthogonalized(matrix, torch.float64).float()
    assert (orthogonalized(matrix, torch.float32) - exact).abs().max() < 2e-4


@pytest.mark.parametrize("shape", [(48, 16), (16, 48), (24, 24)])
def test_matrices_of_one_shape_are_orthogonalized_together_as_they_are_alone(
    shape: tuple[int, int],
) -> None:
    torch.manual_seed(6)
    matrices = torch.randn(3, *shape) * torch.tensor([0.01, 1.0, 30.0])[:, None, None]

    together = orthogonalized(matrices, torch.float32)

    for matrix, found in zip(matrices, together, strict=True):
        assert (found - orthogonalized(matrix, torch.float32)).abs().max() < 1e-4


@pytest.mark.parametrize(
    ("is_supported", "expected"), [(False, torch.float32), (True, torch.bfloat16)]
)
def test_a_cpu_multiplies_in_bf16_only_where_it_can(
    is_supported: bool, expected: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: is_supported)
    devices._has_bf16.cache_clear()
    try:
        assert devices.product_dtype(torch.device("cpu")) is expected
    finally:
        devices._has_bf16.cache_clear()
