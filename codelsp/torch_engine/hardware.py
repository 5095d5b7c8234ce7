"""What this machine has to run a model on."""

from __future__ import annotations

import psutil
import torch

from codelsp.errors import EngineUnavailableError
from codelsp.torch_engine.machine_plan import Hardware

_BF16_CAPABILITY = (8, 0)
"""Of NVIDIA's GPUs: Ampere and later compute bfloat16 natively."""


def this_hardware(device: str = "auto") -> Hardware:
    """Return the best device there is, or the one asked for.

    Raises:
        EngineUnavailableError: there is no such device.
    """
    if device == "auto":
        device = _best_device()
    if device == "cuda":
        return _cuda()
    if device == "mps":
        if not torch.backends.mps.is_available():
            raise EngineUnavailableError("There is no GPU of Apple's here; take `--device auto`.")
        return Hardware("mps", psutil.virtual_memory().available, has_fast_bf16=False, name="MPS")
    if device == "cpu":
        return Hardware(
            "cpu",
            psutil.virtual_memory().available,
            has_fast_bf16=_cpu_has_bf16(),
            name=torch.backends.cpu.get_cpu_capability(),
        )
    raise EngineUnavailableError(f"There is no device {device!r}: take auto, cuda, mps or cpu.")


_LONE_THREAD_WEIGHTS = 20_000_000
"""Below this two threads gain a tenth on a quiet machine, and lose half on a busy one, where each
waits for the other at every step."""


def use_threads(wanted: int, n_weights: int) -> int:
    """Let torch use ``wanted`` threads, 0 for what suits the model; return how many."""
    process = psutil.Process()
    usable = len(process.cpu_affinity()) if hasattr(process, "cpu_affinity") else None
    physical = psutil.cpu_count(logical=False) or usable or 1
    most = 1 if n_weights < _LONE_THREAD_WEIGHTS else physical
    threads = wanted or max(1, min(most, usable or physical))
    torch.set_num_threads(threads)
    return threads


def _best_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _cuda() -> Hardware:
    if not torch.cuda.is_available():
        raise EngineUnavailableError(
            "torch sees no CUDA GPU here: look at `nvidia-smi`, and whether a CUDA build of torch"
            " is installed; or take `--device cpu`."
        )
    free, _total = torch.cuda.mem_get_info()
    has_bf16 = torch.cuda.get_device_capability() >= _BF16_CAPABILITY
    return Hardware("cuda", free, has_fast_bf16=has_bf16, name=torch.cuda.get_device_name())


def _cpu_has_bf16() -> bool:
    return bool(torch.cpu._is_avx512_bf16_supported())  # noqa: SLF001  # there is no public one
