"""A forward pass of our own for models of the Llama kind: fewer, larger steps than transformers'.

transformers' spends most of a small model's time between its operations.  Here queries, keys and
values are one product, gate and up another, keys are written in place, heads that share keys are
rows of one attention, and there is no mask for a single token.  The numbers are the same.

Covered: Llama (DeepSeek-Coder, Granite-code and many others are), Qwen2, Qwen3, Mistral, Granite,
Gemma, StarCoder2.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from codelsp.torch_engine.kv_cache import KvCache
from codelsp.torch_engine.quantize import Int8Linear, Linear, linear, prepare_int8

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

    Append = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
    Attend = Callable[..., Tensor]
    """Queries, keys, values, ``attn_mask`` and ``scale``, as torch's own attention has them."""
    Step = Callable[[Tensor], Tensor]

_FAMILIES = ("llama", "qwen2", "qwen3", "mistral", "granite", "gemma", "starcoder2")
_ROPES = ("default", "linear", "llama3", "yarn")
"""Kinds of rotary positions that do not depend on how long the text is."""
_GATES: dict[str, Step] = {
    "silu": functional.silu,
    "gelu": functional.gelu,
    "gelu_pytorch_tanh": lambda rows: functional.gelu(rows, approximate="tanh"),
    "gelu_new": lambda rows: functional.gelu(rows, approximate="tanh"),
}
_BLOCK_POSITIONS = 1024


def supports(config: Any, context_tokens: int) -> bool:
    """Tell whether a model of this configuration is of a kind known here.

    Layers that see a window only are known as long as the context is no longer than the window.
    """
    if config.model_type not in _FAMILIES or _activation(config) not in _GATES:
        return False
    rope = getattr(config, "rope_parameters", None) or {}
    if rope.get("rope_type", "default") not in _ROPES:
        return False
    if getattr(config, "attention_chunk_size", None) or getattr(config, "mlp_bias", False):
        return False
    window = getattr(config, "sliding_window", None)
    kinds = getattr(config, "layer_types", None)
    slides = "sliding_attention" in kinds if kinds else window is not None
    return not slides or (window is not None and context_tokens <= window)


@dataclass(frozen=True)
class NormWeights:
    """A layer's norm, as one operation."""

    weight: Tensor
    bias: Tensor | None
    eps: float
    subtracts_mean: bool

    def __call__(self, rows: Tensor) -> Tensor:
        """Return ``rows``, (..., width), each brought to one size."""
        shape = tuple(self.weight.shape)
        if self.subtracts_mean:
            return functional.layer_norm(rows, shape, self.weight, self.bias, self.eps)
        return functional.rms_norm(rows, shape, self.weight, self.eps)


@dataclass
class LeanLayer:
    """One layer of a model, its products joined."""

    qkv: Linear | Int8Linear
    out: Linear | Int8Linear
    up: Linear | Int8Linear
    """Gate and up together, where there is a gate."""
    down: Linear | Int8Linear
    norm_before: NormWeights
    norm_between: NormWeights
    head_norm: Tensor | None
    """(query heads + key heads, head_dim): Qwen3 norms each head."""


class LeanRunner:
    """Runs ``model``'s weights; ``model`` itself is not needed any more.

    Args:
        model: Of transformers, one that ``supports`` knows.
        is_int8: Whether to round the weights to 8 bits.
        has_layers: Whether to keep the layers; without, it tells of the model but cannot run.
    """

    is_exact = False

    def __init__(self, model: Any, *, is_int8: bool = False, has_layers: bool = True) -> None:
        config = model.config
        body = model.model
        self.name = "our own forward pass" + (" in 8 bits" if is_int8 else "")
        self.n_layers = len(body.layers)
        self._n_heads: int = config.num_attention_heads
        self._n_kv_heads: int = config.num_key_value_heads
        attention = body.layers[0].self_attn
        self._head_dim: int = attention.head_dim
        self.head_eps: float = getattr(config, "rms_norm_eps", 1e-6)
        self.scale = float(attention.scaling)
        self.has_gate = hasattr(body.layers[0].mlp, "gate_proj")
        self.gate_name = _activation(config)
        self._gate = _GATES[self.gate_name]
        self.residual = float(getattr(config, "residual_multiplier", 1.0))
        self.logit_scale = 1 / float(getattr(config, "logits_scaling", 1.0))
        self.embedding: Tensor = body.embed_tokens.weight
        self.embedding_scale = _embedding_scale(config, self.embedding.dtype)
        self._rotary = body.rotary_emb
        self.norm = _norm_of(body.norm, config)
        self.layers = list(layers_of(model, is_int8=is_int8)) if has_layers else []
        head = model.lm_head
        self.head = linear(head.weight, head.bias, is_int8=is_int8 and has_layers)
        self._cos = self._sin = torch.empty(0, self._head_dim, device=self.device)

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        return self.embedding.device

    def new_cache(self) -> KvCache:
        """Return an empty cache for one text."""
        return KvCache(self.n_layers)

    def branched(self, cache: KvCache) -> KvCache:
        """Return another cache that goes on from the one row in ``cache``."""
        return cache.copied(cache.length)

    @torch.inference_mode()
    def forward(self, ids: Tensor, cache: KvCache, n_last: int) -> Tensor:
        """Read ``ids`` after what ``cache`` holds; see ``Runner.forward``."""
        time = ids.shape[1]
        start, end = cache.length, cache.length + time
        self.reserve_positions(end)
        mask = None if time == 1 else self._mask(start, time)
        cos, sin = self._cos[start:end, None], self._sin[start:end, None]
        rows = self.embedded(ids)
        for index, layer in enumerate(self.layers):
            rows = self.through(layer, rows, cos, sin, partial(cache.append, index), mask)
        logits = self.scores(rows, n_last)
        cache.advance(time)
        return logits

    def embedded(self, ids: Tensor) -> Tensor:
        """Return what the first layer reads, (batch, time, width), of ``ids`` (batch, time)."""
        rows = functional.embedding(ids, self.embedding)
        return rows if self.embedding_scale is None else rows * self.embedding_scale

    def through(  # noqa: PLR0913, PLR0917  # the whole of a layer's surroundings
        self,
        layer: LeanLayer,
        rows: Tensor,
        cos: Tensor,
        sin: Tensor,
        append: Append,
        mask: Tensor | None,
        attend: Attend = functional.scaled_dot_product_attention,
    ) -> Tensor:
        """Return ``rows`` as ``layer`` leaves them.

        Args:
            layer: One of ``layers``.
            rows: (batch, time, width)
            cos: (time, 1, head_dim)
            sin: (time, 1, head_dim), the first half negated.
            append: Writes the layer's new keys and values, and returns all of them.
            mask: (heads for each key head * time, tokens), added to scores; None to see all.
            attend: What attention is computed by.
        """
        batch, time, _ = rows.shape
        n_heads, n_kv, head_dim = self._n_heads, self._n_kv_heads, self._head_dim
        qkv = layer.qkv(layer.norm_before(rows)).view(batch, time, n_heads + 2 * n_kv, head_dim)
        turned = qkv[:, :, : n_heads + n_kv]  # (batch, time, heads, head_dim)
        if layer.head_norm is not None:
            turned = functional.rms_norm(turned, (head_dim,), None, self.head_eps) * layer.head_norm
        turned = torch.addcmul(turned * cos, turned.roll(head_dim // 2, -1), sin)
        keys, values = append(
            turned[:, :, n_heads:].transpose(1, 2),
            qkv[:, :, n_heads + n_kv :].transpose(1, 2),
        )
        # Heads that share keys are rows of one attention: (batch, key heads, rows, head_dim)
        queries = turned[:, :, :n_heads].reshape(batch, time, n_kv, -1, head_dim)
        queries = queries.permute(0, 2, 3, 1, 4).reshape(batch, n_kv, -1, head_dim)
        seen = attend(queries, keys, values, attn_mask=mask, scale=self.scale)
        seen = seen.view(batch, n_kv, -1, time, head_dim).permute(0, 3, 1, 2, 4)
        rows = self._added(rows, layer.out(seen.reshape(batch, time, n_heads * head_dim)))
        return self._fed_forward(layer, rows)

    def scores(self, rows: Tensor, n_last: int) -> Tensor:
        """Return the scores of the last ``n_last`` of the last layer's ``rows``.

        They are (batch, n_last, vocabulary), in 32 bits.
        """
        if n_last == 0:
            return rows.new_empty((rows.shape[0], 0, self.embedding.shape[0]), dtype=torch.float32)
        logits = self.head(self.norm(rows[:, rows.shape[1] - n_last :])).float()
        return logits if self.logit_scale == 1.0 else logits * self.logit_scale

    def _fed_forward(self, layer: LeanLayer, rows: Tensor) -> Tensor:
        raised = layer.up(layer.norm_between(rows))
        if self.has_gate:
            gate, raised = raised.chunk(2, -1)
            raised = self._gate(gate) * raised
        else:
            raised = self._gate(raised)
        return self._added(rows, layer.down(raised))

    def _added(self, rows: Tensor, more: Tensor) -> Tensor:
        return torch.add(rows, more, alpha=self.residual) if self.residual != 1.0 else rows + more

    def _mask(self, start: int, time: int) -> Tensor:
        """Return what hides the future: (heads for each key head * time, start + time)."""
        device, dtype = self.embedding.device, self.embedding.dtype
        places = torch.arange(start + time, device=device)
        hidden = places[None, :] > places[start:, None]
        mask = torch.zeros(hidden.shape, device=device, dtype=dtype)
        mask.masked_fill_(hidden, -torch.inf)
        return mask.repeat(self._n_heads // self._n_kv_heads, 1)

    @property
    def shared_heads(self) -> int:
        """How many heads share the same keys."""
        return self._n_heads // self._n_kv_heads

    @property
    def kv_shape(self) -> tuple[int, int]:
        """Key heads, and the numbers of each."""
        return self._n_kv_heads, self._head_dim

    @property
    def dtype(self) -> torch.dtype:
        """Of keys, values and what goes between layers."""
        return self.embedding.dtype

    def reserve_positions(self, end: int) -> tuple[Tensor, Tensor]:
        """Return cosines and sines of positions up to ``end`` at least, (positions, head_dim)."""
        if end > self._cos.shape[0]:
            length = -(-end // _BLOCK_POSITIONS) * _BLOCK_POSITIONS
            places = torch.arange(length, device=self.device)[None]
            like = torch.empty(0, device=self.device, dtype=torch.float32)
            cos, sin = self._rotary(like, places)
            half = self._head_dim // 2
            sin = torch.cat((-sin[..., :half], sin[..., half:]), -1)
            self._cos = cos[0].to(self.embedding.dtype)
            self._sin = sin[0].to(self.embedding.dtype)
        return self._cos, self._sin


def lean_runner_of(model: Any, *, is_int8: bool) -> LeanRunner:
    """Return a runner with the weights of ``model``; in 8 bits only if this build of torch can."""
    return LeanRunner(model, is_int8=is_int8 and prepare_int8())


def _activation(config: Any) -> str:
    name = getattr(config, "hidden_activation", None) or getattr(config, "hidden_act", "")
    if config.model_type == "gemma" and name == "gelu":
        return "gelu_pytorch_tanh"
    return str(name)


def _embedding_scale(config: Any, dtype: torch.dtype) -> float | None:
    if config.model_type == "gemma":
        return float(torch.tensor(config.hidden_size**0.5, dtype=dtype))
    scale = float(getattr(config, "embedding_multiplier", 1.0))
    return None if scale == 1.0 else scale


def layers_of(model: Any, *, is_int8: bool = False) -> Iterator[LeanLayer]:
    """Yield the layers of ``model``, each made when it is asked for."""
    for layer in model.model.layers:
        yield _layer_of(layer, model.config, is_int8=is_int8)


def _norm_of(norm: Any, config: Any) -> NormWeights:
    if isinstance(norm, torch.nn.LayerNorm):
        return NormWeights(norm.weight, norm.bias, norm.eps, subtracts_mean=True)
    weight = norm.weight + 1.0 if config.model_type == "gemma" else norm.weight
    return NormWeights(weight, None, config.rms_norm_eps, subtracts_mean=False)


def _layer_of(layer: Any, config: Any, *, is_int8: bool) -> LeanLayer:
    attention, mlp = layer.self_attn, layer.mlp
    up = [mlp.gate_proj, mlp.up_proj] if hasattr(mlp, "gate_proj") else [mlp.c_fc]
    down = mlp.down_proj if hasattr(mlp, "down_proj") else mlp.c_proj
    head_norm = None
    if hasattr(attention, "q_norm"):
        q_norm, k_norm = attention.q_norm.weight, attention.k_norm.weight
        head_norm = torch.cat(
            (
                q_norm.expand(config.num_attention_heads, -1),
                k_norm.expand(config.num_key_value_heads, -1),
            )
        )
    return LeanLayer(
        _joined([attention.q_proj, attention.k_proj, attention.v_proj], is_int8=is_int8),
        _joined([attention.o_proj], is_int8=is_int8),
        _joined(up, is_int8=is_int8),
        _joined([down], is_int8=is_int8),
        _norm_of(layer.input_layernorm, config),
        _norm_of(layer.post_attention_layernorm, config),
        head_norm,
    )


def _joined(layers: list[Any], *, is_int8: bool) -> Linear | Int8Linear:
    """Return one layer that computes what these compute of the same input."""
    if len(layers) == 1:
        return linear(layers[0].weight, layers[0].bias, is_int8=is_int8)
    weight = torch.cat([layer.weight for layer in layers])
    biases = [layer.bias for layer in layers]
    has_bias = any(bias is not None for bias in biases)
    bias = None
    if has_bias:
        pairs = zip(biases, layers, strict=True)
        bias = torch.cat(
            [
                each if each is not None else one.weight.new_zeros(len(one.weight))
                for each, one in pairs
            ]
        )
    return linear(weight, bias, is_int8=is_int8)
