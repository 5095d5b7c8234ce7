"""Which open models suit a machine.

All can fill in the middle and are published as 8-bit GGUF files, whose size follows from the
number of weights: 34 bytes for 32 of them.
"""

from __future__ import annotations

from dataclasses import dataclass

_BYTES_PER_WEIGHT = 34 / 32
_WORKING_BYTES = 400_000_000
"""Cache, buffers and library, beside the weights."""
_CPU_WEIGHTS = 1_700_000_000
"""Each token reads all weights: of this many, 90 ms at the 20 GB/s of ordinary memory."""
_MEMORY_SHARE = 0.5
"""Of the machine's memory: the editor, the browser and the compiler are there first."""
_GPU_SHARE = 0.8


@dataclass(frozen=True)
class OpenModel:
    """A model that anybody can download."""

    name: str
    source: str
    """For ``pull_model``."""
    weights: int
    license: str
    is_commercial_use_free: bool = True

    @property
    def file_bytes(self) -> int:
        """About how long its file is."""
        return int(self.weights * _BYTES_PER_WEIGHT)

    @property
    def needed_bytes(self) -> int:
        """About how much memory it takes when it runs."""
        return self.file_bytes + _WORKING_BYTES


@dataclass(frozen=True)
class Recommendation:
    """A model that fits a machine."""

    model: OpenModel
    runs_on: str
    """``gpu`` or ``cpu``."""
    reason: str


def _qwen(size: str, weights: int, license_: str, *, is_free: bool = True) -> OpenModel:
    folder = f"ggml-org/Qwen2.5-Coder-{size}-Q8_0-GGUF"
    return OpenModel(
        f"qwen2.5-coder-{size.lower()}",
        f"{folder}:qwen2.5-coder-{size.lower()}-q8_0.gguf",
        weights,
        license_,
        is_free,
    )


OPEN_MODELS = (
    _qwen("0.5B", 494_000_000, "Apache-2.0"),
    _qwen("1.5B", 1_540_000_000, "Apache-2.0"),
    _qwen("3B", 3_090_000_000, "Qwen Research License", is_free=False),
    _qwen("7B", 7_620_000_000, "Apache-2.0"),
    _qwen("14B", 14_800_000_000, "Apache-2.0"),
)


def recommend(memory_bytes: int, gpu_bytes: int = 0) -> tuple[Recommendation, ...]:
    """Return the models that suit a machine, the best first; none where memory is short.

    Args:
        memory_bytes: of the machine, as installed.
        gpu_bytes: of its GPU; 0 if it has none that the engine can use.
    """
    largest_first = sorted(OPEN_MODELS, key=lambda model: -model.weights)
    fitting = (_fit(model, memory_bytes, gpu_bytes) for model in largest_first)
    return tuple(one for one in fitting if one is not None)


def _fit(model: OpenModel, memory_bytes: int, gpu_bytes: int) -> Recommendation | None:
    gigabytes = model.needed_bytes / 1e9
    if model.needed_bytes <= gpu_bytes * _GPU_SHARE:
        return Recommendation(model, "gpu", f"its {gigabytes:.1f} GB fit into the GPU's memory")
    if model.weights <= _CPU_WEIGHTS and model.needed_bytes <= memory_bytes * _MEMORY_SHARE:
        return Recommendation(model, "cpu", f"it takes {gigabytes:.1f} GB, and a CPU keeps up")
    return None
