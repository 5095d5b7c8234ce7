"""Which device, precision and context a model gets, from what is free; pure.

Every choice comes with its reason, which goes to the log.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from codelsp.errors import EngineUnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

DTYPE_BYTES = {"float32": 4.0, "bfloat16": 2.0, "float16": 2.0, "int8": 1.06}
"""Bytes of one weight; int8 has a scale for each row."""
_CONTEXT_TOKENS = {"cpu": 2048, "mps": 4096, "cuda": 8192}
_LEAST_CONTEXT_TOKENS = 512
_OVERHEAD_BYTES = {"cpu": 300e6, "mps": 500e6, "cuda": 700e6}
"""What torch itself takes, and the scores and activations of a chunk."""
_FREE_SHARE = 0.9
_CACHE_SHARE = {"cpu": 16, "mps": 8, "cuda": 2}
"""Sessions may take one part in so many of what is left."""
_TINY_WEIGHTS = 20_000_000
"""Below this a model is fast enough as it is, and torch's own products in 8 bits, which round its
inputs to 7, cost it most; compiled steps round them to 14 or so."""


@dataclass(frozen=True)
class Hardware:
    """What there is to run a model on."""

    device: str
    """``cuda``, ``mps`` or ``cpu``."""
    free_bytes: int
    """Of the device's memory."""
    has_fast_bf16: bool
    """Whether products in bfloat16 are computed natively."""
    name: str = ""


@dataclass(frozen=True)
class ModelSize:
    """What a model needs."""

    n_weights: int
    n_layers: int
    n_kv_heads: int
    head_dim: int
    most_positions: int
    """Tokens of context it was made for; 0 if it does not say."""

    def cache_bytes_per_token(self, element_bytes: float) -> int:
        """Return the bytes of keys and values of one token."""
        return int(2 * self.n_layers * self.n_kv_heads * self.head_dim * element_bytes)


@dataclass(frozen=True)
class MachinePlan:
    """What was chosen, and why."""

    device: str
    dtype: str
    """Of the weights: ``float32``, ``bfloat16``, ``float16`` or ``int8``."""
    context_tokens: int
    cache_bytes: int
    reasons: tuple[str, ...]


def usual_context_tokens(device: str) -> int:
    """Return the context that is chosen on a device with memory enough."""
    return _CONTEXT_TOKENS[device]


def bears_int8(size: ModelSize, *, is_compiled: bool) -> bool:
    """Tell whether 8 bits are worth trying: with compiled steps always, else for larger models."""
    return is_compiled or size.n_weights >= _TINY_WEIGHTS


def size_of(config: Any, n_weights: int) -> ModelSize:
    """Return the size of the model that a transformers configuration describes."""
    text = config.get_text_config()
    heads = _number(text, "num_attention_heads", 1)
    width = _number(text, "hidden_size", heads)
    return ModelSize(
        n_weights=n_weights,
        n_layers=_number(text, "num_hidden_layers", 1),
        n_kv_heads=1
        if getattr(text, "multi_query", False)
        else _number(text, "num_key_value_heads", heads),
        head_dim=_number(text, "head_dim", width // heads),
        most_positions=_number(text, "max_position_embeddings", 0),
    )


def plan_machine(
    size: ModelSize,
    hardware: Hardware,
    *,
    dtype: str = "auto",
    context_tokens: int = 0,
    int8_layers: bool = True,
) -> MachinePlan:
    """Return what a model gets on this hardware.

    Args:
        size: The model's.
        hardware: What is there.
        dtype: What the user asks for.
        context_tokens: What the user asks for; 0 leaves it to us.
        int8_layers: Whether the model's layers can be quantized, and should.

    Raises:
        EngineUnavailableError: it does not fit, with the numbers, and what would; or there is no
            such dtype.
    """
    if dtype not in {"auto", *DTYPE_BYTES}:
        raise EngineUnavailableError(
            f"There is no precision {dtype!r}; choose auto, {', '.join(DTYPE_BYTES)}."
        )
    reasons = []
    if dtype == "auto":
        dtype, reason = _dtype(size, hardware, int8_layers=int8_layers)
        reasons.append(reason)
    weights = size.n_weights * DTYPE_BYTES[dtype]
    element = 4 if dtype in {"int8", "float32"} else 2
    per_token = max(size.cache_bytes_per_token(element), 1)
    room = hardware.free_bytes * _FREE_SHARE - weights - _OVERHEAD_BYTES[hardware.device]
    wanted = context_tokens or _CONTEXT_TOKENS[hardware.device]
    if size.most_positions:
        wanted = min(wanted, size.most_positions)
    fitting = int(room // per_token)
    least = min(wanted, _LEAST_CONTEXT_TOKENS)
    if fitting < least:
        raise EngineUnavailableError(_does_not_fit(size, hardware, dtype, weights, per_token))
    context = min(wanted, fitting)
    reasons.append(
        f"{context} tokens of context: {'asked for' if context_tokens else 'usual'} {wanted},"
        f" {fitting} would fit into {room / 1e9:.2f} GB"
    )
    budget = max(int(room / _CACHE_SHARE[hardware.device]), context * per_token)
    return MachinePlan(hardware.device, dtype, context, budget, tuple(reasons))


def _dtype(size: ModelSize, hardware: Hardware, *, int8_layers: bool) -> tuple[str, str]:
    if hardware.device == "cuda":
        if hardware.has_fast_bf16:
            return "bfloat16", f"bfloat16: {hardware.name or 'the GPU'} computes it natively"
        return "float16", f"float16: {hardware.name or 'the GPU'} has no bfloat16"
    if hardware.device == "mps":
        return "float16", "float16: half the memory, and fast on this GPU"
    if int8_layers:
        return "int8", "int8: a CPU writes as fast as it reads weights"
    if hardware.has_fast_bf16 and size.n_weights >= _TINY_WEIGHTS:
        return "bfloat16", "bfloat16: this CPU computes it natively, and these layers have no int8"
    return "float32", "float32: the model is tiny, or nothing shorter is fast for it here"


def _does_not_fit(
    size: ModelSize, hardware: Hardware, dtype: str, weights: float, per_token: int
) -> str:
    where = hardware.name or hardware.device
    free = hardware.free_bytes * _FREE_SHARE - _OVERHEAD_BYTES[hardware.device]
    cache = _LEAST_CONTEXT_TOKENS * per_token
    fitting = [
        f"{name} ({(size.n_weights * each + cache) / 1e9:.1f} GB)"
        for name, each in sorted(DTYPE_BYTES.items(), key=lambda pair: -pair[1])
        if size.n_weights * each + cache <= free and _runs(name, hardware.device)
    ]
    advice = (
        f"`--dtype` would make it fit: {', '.join(fitting)}"
        if fitting
        else f"a model of up to {max(free - cache, 0) / _least_bytes(hardware.device) / 1e9:.1f}"
        " billion weights would fit"
    )
    return (
        f"The model does not fit: {size.n_weights / 1e9:.2f} billion weights in {dtype} take"
        f" {weights / 1e9:.1f} GB, and {_LEAST_CONTEXT_TOKENS} tokens of context"
        f" {cache / 1e9:.2f} GB, but {where} has {max(free, 0) / 1e9:.1f} GB to give; {advice}."
    )


def _runs(dtype: str, device: str) -> bool:
    return device == "cpu" or dtype != "int8"


def _least_bytes(device: str) -> float:
    return min(each for name, each in DTYPE_BYTES.items() if _runs(name, device))


def _number(config: Mapping[str, Any] | Any, name: str, default: int) -> int:
    value = getattr(config, name, None)
    return int(value) if isinstance(value, int) and value > 0 else default
