"""``NativeRunner``: models of the Llama kind on a CPU, by the steps of ``native_step.cpp``.

torch takes some microseconds for each operation, and a small model's token is hundreds of them;
here a token is one call.  Few rows are read this way whatever the weights are; with weights in 8
bits long prompts are, too, and else torch reads those.

Architecture invariant: the structures here are those of ``native_step.cpp``.
"""

from __future__ import annotations

import ctypes
import math
import weakref
from ctypes import POINTER, Structure, c_float, c_int32, c_void_p
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from codelsp.torch_engine.huge_pages import HugePages

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

    from codelsp.torch_engine.kv_cache import KvCache
    from codelsp.torch_engine.lean_runner import LeanLayer, LeanRunner, NormWeights

_FLOAT32, _BFLOAT16, _INT8 = range(3)
_GATES = {"silu": 0, "gelu": 1, "gelu_pytorch_tanh": 2, "gelu_new": 2}
_LANES = 8
_MOST_ROWS = 16
"""Read at once with weights that are not in 8 bits: above, torch's products are faster."""
_MOST_INT8_ROWS = 1024
_LEAST_NUMBER = 1e-30
_MOST_INT8 = 127
_TILE = (2, 8)
"""Rows of a tile of 8-bit weights: two halves that take turns, byte by byte."""
_LINE = (2, 2)
"""Inputs of a line of a tile: pairs, and inputs of a pair."""


class _Matrix(Structure):
    _fields_ = (
        ("weights", c_void_p),
        ("scales", c_void_p),
        ("bias", c_void_p),
        ("n_out", c_int32),
        ("n_in", c_int32),
        ("kind", c_int32),
    )


class _Norm(Structure):
    _fields_ = (
        ("weight", c_void_p),
        ("bias", c_void_p),
        ("eps", c_float),
        ("subtracts_mean", c_int32),
    )


class _Layer(Structure):
    _fields_ = (
        ("qkv", _Matrix),
        ("out", _Matrix),
        ("up", _Matrix),
        ("down", _Matrix),
        ("before", _Norm),
        ("between", _Norm),
        ("head_norm", c_void_p),
    )


class _Model(Structure):
    _fields_ = (
        ("layers", POINTER(_Layer)),
        ("embedding", c_void_p),
        ("head", _Matrix),
        ("norm", _Norm),
        ("n_layers", c_int32),
        ("width", c_int32),
        ("n_heads", c_int32),
        ("n_kv_heads", c_int32),
        ("head_dim", c_int32),
        ("hidden", c_int32),
        ("has_gate", c_int32),
        ("gate", c_int32),
        ("embedding_scale", c_float),
        ("residual", c_float),
        ("logit_scale", c_float),
        ("attention_scale", c_float),
        ("head_eps", c_float),
    )


class _Call(Structure):
    _fields_ = (
        ("ids", c_void_p),
        ("batch", c_int32),
        ("time", c_int32),
        ("start", c_int32),
        ("capacity", c_int32),
        ("n_last", c_int32),
        ("cos", c_void_p),
        ("sin", c_void_p),
        ("keys", c_void_p),
        ("values", c_void_p),
        ("logits", c_void_p),
        ("n_trunk", c_int32),
        ("trunk_capacity", c_int32),
        ("trunk_keys", c_void_p),
        ("trunk_values", c_void_p),
    )


class NativeRunner:
    """Runs what ``lean`` holds.

    Args:
        lean: On the CPU, in 32 bits; it needs layers of its own only if they are not in 8 bits.
        layers: Those of the model, in 32 bits.
        library: Compiled from ``native_step.cpp``.
        is_int8: Whether to round the weights to 8 bits.
        n_threads: That work on a step.
    """

    def __init__(
        self,
        lean: LeanRunner,
        layers: Iterable[LeanLayer],
        library: ctypes.CDLL,
        *,
        is_int8: bool,
        n_threads: int,
    ) -> None:
        self._lean = lean
        self._is_int8 = is_int8
        self.is_exact = True
        self._kept: list[object] = []
        self._pages = HugePages()
        self._forward = library.codelsp_forward
        self._forward.argtypes = (c_void_p, c_void_p, c_void_p)
        self._forward.restype = c_int32
        library.codelsp_team_new.argtypes = (c_int32,)
        library.codelsp_team_new.restype = c_void_p
        library.codelsp_team_free.argtypes = (c_void_p,)
        library.codelsp_team_free.restype = None
        self._team = library.codelsp_team_new(n_threads)
        if not self._team:
            raise MemoryError("no memory for threads")
        weakref.finalize(self, library.codelsp_team_free, self._team)
        self._model = self._described(layers)
        self.name = "compiled steps" + (" in 8 bits" if is_int8 else "")

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        return self._lean.device

    def new_cache(self) -> KvCache:
        """Return an empty cache for one text."""
        return self._lean.new_cache()

    def branched(self, cache: KvCache) -> KvCache:
        """Return another cache that goes on from the one row in ``cache``."""
        return cache.branched()

    @torch.inference_mode()
    def forward(self, ids: Tensor, cache: KvCache, n_last: int) -> Tensor:
        """Read ``ids`` after what ``cache`` holds; see ``Runner.forward``."""
        batch, time = ids.shape
        if not self._is_int8 and batch * time > _MOST_ROWS and cache.trunk is None:
            return self._lean.forward(ids, cache, n_last)
        logits = torch.empty(batch, n_last, self._model.head.n_out)
        at_once = max(1, _MOST_INT8_ROWS // batch, n_last)
        first = time % at_once or at_once
        for start, end in zip(
            (0, *range(first, time, at_once)), range(first, time + 1, at_once), strict=True
        ):
            part = ids[:, start:end].contiguous()
            self._read(part, cache, logits, n_last if end == time else 0)
        return logits

    def _read(self, ids: Tensor, cache: KvCache, logits: Tensor, n_last: int) -> None:
        batch, time = ids.shape
        start, end = cache.length, cache.length + time
        keys, values, capacity = cache.addresses(batch, end, *self._lean.kv_shape)
        cos, sin = self._lean.reserve_positions(end)
        call = _Call(
            ids.data_ptr(),
            batch,
            time,
            start,
            capacity,
            n_last,
            cos[start:].data_ptr(),
            sin[start:].data_ptr(),
            ctypes.addressof(keys),
            ctypes.addressof(values),
            logits.data_ptr(),
        )
        trunk = cache.trunk
        if trunk is not None:
            trunk_keys, trunk_values, trunk_capacity = trunk.addresses(
                1, trunk.length, *self._lean.kv_shape
            )
            call.n_trunk, call.trunk_capacity = trunk.length, trunk_capacity
            call.trunk_keys = ctypes.addressof(trunk_keys)
            call.trunk_values = ctypes.addressof(trunk_values)
        status = self._forward(ctypes.addressof(self._model), ctypes.addressof(call), self._team)
        if status:
            raise MemoryError(f"no memory to read {batch * time} tokens")
        cache.advance(time)

    def _described(self, layers: Iterable[LeanLayer]) -> _Model:
        lean = self._lean
        described = (_Layer * lean.n_layers)()
        for index, layer in enumerate(layers):
            described[index] = _Layer(
                self._matrix(layer.qkv),
                self._matrix(layer.out),
                self._matrix(layer.up),
                self._matrix(layer.down),
                self._norm(layer.norm_before),
                self._norm(layer.norm_between),
                self._pointer(layer.head_norm),
            )
        self._kept.append(described)
        n_kv_heads, head_dim = lean.kv_shape
        return _Model(
            described,
            self._pointer(lean.embedding),
            self._matrix(lean.head),
            self._norm(lean.norm),
            lean.n_layers,
            lean.embedding.shape[1],
            n_kv_heads * lean.shared_heads,
            n_kv_heads,
            head_dim,
            described[0].down.n_in,
            int(lean.has_gate),
            _GATES[lean.gate_name],
            1.0 if lean.embedding_scale is None else lean.embedding_scale,
            lean.residual,
            lean.logit_scale,
            lean.scale,
            lean.head_eps,
        )

    def _matrix(self, layer: Any) -> _Matrix:
        weight: Tensor = layer.weight
        n_out, n_in = weight.shape
        scales = None
        if self._is_int8:
            scales = (weight.abs().amax(1) / _MOST_INT8).clamp_min(_LEAST_NUMBER)
            stored = _tiled((weight / scales[:, None]).round_().to(torch.int8))
            kind = _INT8
        else:
            short = weight.to(torch.bfloat16)
            # Models are trained and handed on in this; then half is to be read for the same result.
            is_same = bool(torch.equal(short.float(), weight))
            stored, kind = (short, _BFLOAT16) if is_same else (weight, _FLOAT32)
        if stored is not weight:  # Else it is the lean runner's, too.
            stored = self._pages.moved(stored)
        return _Matrix(
            self._pointer(stored), self._pointer(scales), self._pointer(layer.bias), n_out, n_in,
            kind,
        )  # fmt: skip

    def _norm(self, norm: NormWeights) -> _Norm:
        return _Norm(
            self._pointer(norm.weight), self._pointer(norm.bias), norm.eps, norm.subtracts_mean
        )

    def _pointer(self, tensor: Tensor | None) -> int | None:
        """Return where the numbers of ``tensor`` are, which stay there as long as this lives."""
        if tensor is None:
            return None
        whole = tensor.detach().contiguous()
        self._kept.append(whole)
        return whole.data_ptr()


def can_be_native(lean: LeanRunner) -> bool:
    """Tell whether the compiled steps know layers like these."""
    return (
        lean.device.type == "cpu"
        and lean.dtype == torch.float32
        and lean.kv_shape[1] % _LANES == 0
        and lean.gate_name in _GATES
    )


def _tiled(weight: Tensor) -> Tensor:
    """Return 8-bit weights, (n_out, n_in), in the order of ``int8_tile``; zeros fill it up."""
    n_out, n_in = weight.shape
    rows, inputs = math.prod(_TILE), math.prod(_LINE)
    padded = functional.pad(weight, (0, -n_in % inputs, 0, -n_out % rows))
    # (tile, half of its rows, row, line, pair, input)
    parts = padded.view(-1, *_TILE, padded.shape[1] // inputs, *_LINE)
    return parts.permute(0, 3, 4, 2, 5, 1).contiguous()
