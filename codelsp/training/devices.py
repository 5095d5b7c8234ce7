"""Where training computes: a CPU, a GPU, or several GPUs and machines through `accelerate`.

A run on several GPUs is started with ``accelerate launch``, one on several cores with ``python -m
torch.distributed.run`` (accelerate starts one process on a CPU); each process reads its own rows
of a batch, and gradients are averaged between the processes.  On a CPU that is busy with
other work, processes of one thread each are several times faster than one process of many threads,
whose threads wait for each other at every operation.
"""

from __future__ import annotations

import os
import platform
import time
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, cast

import torch

from codelsp.malloc import MallocOption, set_malloc_option

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from torch import Tensor, nn

_PEAKS = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L4": 121e12, "4090": 165e12}
"""Dense bf16 operations a second, as printed by the maker, by a part of the device's name."""
_PATIENCE = timedelta(days=2)
_LARGEST_INT = 2**31 - 1
_PROBE = 1536
_PROBE_ROUNDS = 4


class Machine:
    """The processes and devices of a run, as one process sees them."""

    def __init__(self) -> None:
        self.n_processes = int(os.environ.get("WORLD_SIZE", "1"))
        self.rank = int(os.environ.get("RANK", "0"))
        if self.n_processes > 1:
            from accelerate import Accelerator  # type: ignore[import-untyped]  # it ships no types
            from accelerate.utils import InitProcessGroupKwargs  # type: ignore[import-untyped]

            # A paused run (SIGSTOP) must find its peers waiting when it wakes.
            patience = InitProcessGroupKwargs(timeout=_PATIENCE)
            self._accelerator = Accelerator(
                cpu=not torch.cuda.is_available(), kwargs_handlers=[patience]
            )
            self.device = self._accelerator.device
        else:
            self.device = torch.device(_best_device())
        if self.device.type == "cpu":
            _keep_freed_memory()

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes files and reports."""
        return self.rank == 0

    @property
    def compiles(self) -> bool:
        """Whether a learner is compiled here, which its first pass waits for."""
        is_cuda: bool = self.device.type == "cuda"
        return is_cuda

    def wrapped(self, learner: nn.Module) -> nn.Module:
        """Return ``learner`` on its device, compiled on CUDA, in step with the other processes.

        Compiling is for CUDA alone: on a CPU it was measured to be slower.
        """
        learner.to(self.device)
        if self.n_processes > 1:
            learner = cast("nn.Module", self._accelerator.prepare(learner))
        if self.compiles:
            learner.compile()
        return learner

    def autocast(self) -> AbstractContextManager[object]:
        """Return the context in which matrix products are in bf16, where the device has it."""
        dtype = product_dtype(self.device)
        if dtype is torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=dtype)

    def accumulating(self, learner: nn.Module, *, is_last: bool) -> AbstractContextManager[object]:
        """Return the context of a part of a batch; gradients are exchanged with the last one."""
        if is_last or self.n_processes == 1:
            return nullcontext()
        context: AbstractContextManager[object] = self._accelerator.no_sync(learner)
        return context

    def summed(self, value: Tensor) -> float:
        """Return the sum of a number over all processes."""
        if self.n_processes > 1:
            value = self._accelerator.reduce(value, reduction="sum")
        return float(value)

    def agreed(self, values: list[float]) -> list[float]:
        """Return the numbers of the first process: decisions must be the same everywhere."""
        if self.n_processes == 1:
            return values
        tensor = torch.tensor(values, dtype=torch.float64, device=self.device)
        torch.distributed.broadcast(tensor, 0)
        return tensor.tolist()

    def peak_flops(self) -> float:
        """Return the operations a second that all devices could do: printed, or measured."""
        if self.device.type == "cuda":
            name = torch.cuda.get_device_name(self.device)
            for part, peak in _PEAKS.items():
                if part in name:
                    return peak * self.n_processes
        return self._measured_peak() * self.n_processes

    def _measured_peak(self) -> float:
        # Nothing random: dropout draws from the state that a checkpoint has put back.
        matrix = torch.ones(_PROBE, _PROBE, device=self.device, dtype=product_dtype(self.device))
        matrix @ matrix
        fastest = float("inf")
        for _ in range(_PROBE_ROUNDS):
            start = time.perf_counter()
            product = matrix @ matrix
            float(product[0, 0])  # waits for the device
            fastest = min(fastest, time.perf_counter() - start)
        return 2 * _PROBE**3 / fastest


def is_first_process() -> bool:
    """Tell whether this process is the one of a run that writes files beside checkpoints."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Use ``n`` CPU threads inside; 0 changes nothing."""
    before = torch.get_num_threads()
    if n:
        torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def product_dtype(device: torch.device) -> torch.dtype:
    """Return the type in which ``device`` multiplies matrices fastest: bf16 where it has it.

    A CPU that has to emulate bf16 is some fifty times slower than in float32 (AVX2).
    """
    return torch.bfloat16 if _has_bf16(device.type) else torch.float32


@lru_cache
def _has_bf16(device_type: str) -> bool:
    """Tell whether the device multiplies bf16 in hardware."""
    if device_type != "cpu":
        return device_type == "cuda"
    if platform.machine().lower() in {"x86_64", "amd64"}:
        return torch.cpu._is_avx512_bf16_supported()  # noqa: SLF001  # torch has no public question
    supported: bool = torch.ops.mkldnn._is_mkldnn_bf16_supported()  # noqa: SLF001
    return supported


def _keep_freed_memory() -> None:
    """Have memory that is freed kept for the next tensor.

    Else some 50,000 pages are given back and taken anew for each batch of the embedded model.
    With two threads training is a seventh faster without, with one a little.
    """
    set_malloc_option(MallocOption.MMAP_MAX, 0)
    set_malloc_option(MallocOption.TRIM_THRESHOLD, _LARGEST_INT)


def _best_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
