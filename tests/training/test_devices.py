"""Where training computes, and with what memory."""

from __future__ import annotations

import platform
import sys

import pytest
import torch

from codelsp.training.devices import Machine

PAGE_BYTES = 4096


@pytest.mark.skipif(
    sys.platform != "linux" or platform.libc_ver()[0] != "glibc", reason="this is glibc's memory"
)
def test_memory_that_is_freed_is_kept_for_the_next_tensor() -> None:
    import resource

    if Machine().device.type != "cpu":
        pytest.skip("training is on a GPU here")

    def faults() -> int:
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

    n_bytes, n_rounds = 64 << 20, 32
    counts = []
    for _ in range(n_rounds):
        before = faults()
        torch.ones(n_bytes // 4)  # Freed at once.
        counts.append(faults() - before)

    # It takes some rounds until a piece is where it stays.
    assert sum(counts[n_rounds // 2 :]) < n_bytes / PAGE_BYTES
