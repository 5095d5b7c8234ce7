"""The loss: next-token cross-entropy with the end token weighed up, and a z-loss.

Tokens of a prompt, where rows say so, are read and not learned (Codex-S and Codex-D, arXiv
2107.03374, sections 4.4 and 5).

A tiny model forgets to stop; five times the weight on the end token is what the best small
infilling model published did, and three is enough here.  The z-loss keeps the logits' scale from
drifting (PaLM, arXiv 2204.02311).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

_CHUNK = 8_192
"""Tokens whose logits are held at once."""
_CHANGES_OF_LOGITS = ("logits_scaling", "logit_scale", "final_logit_softcapping")
_OWN, _CAUSAL = "qwen3", "full_attention"
"""The family of `new_model`, and transformers' name of attention to everything before."""
_SMALLEST = 1e-38
"""The smallest probability whose logarithm is taken."""


@dataclass(frozen=True)
class Objective:
    """What a model is trained for."""

    end_id: int
    pad_id: int
    end_weight: float = 3.0
    z_weight: float = 1e-4

    def weights(self, targets: Tensor) -> Tensor:
        """Return how much each target counts: padding and prompts nothing, the end token more."""
        weights = self.is_learned(targets).float()
        return weights.masked_fill_(targets == self.end_id, self.end_weight)

    def is_learned(self, targets: Tensor) -> Tensor:
        """Return which targets are learned: not padding, and not masked (below 0)."""
        return (targets != self.pad_id) & (targets >= 0)


def as_read(rows: Tensor) -> Tensor:
    """Return the token ids of ``rows``, those of masked tokens, which stand as ``~id``, too."""
    return torch.where(rows < 0, ~rows, rows)


class Learner(nn.Module):
    """A model with its objective: rows in, loss out.

    One module, so that what wraps it (several GPUs, a compiler) wraps the loss as well.
    """

    def __init__(self, model: PreTrainedModel, objective: Objective) -> None:
        super().__init__()
        self.model = model
        self._objective = objective
        self._has_plain_head = has_plain_head(model)
        self._mask = _mask_of(model)

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the summed weighted loss of ``rows`` (batch, time + 1), and the summed nats.

        The first is to be divided by the step's sum of weights; the second has no weights and no
        z-loss, and is what gets reported.
        """
        targets = rows[:, 1:].reshape(-1)  # (batch x time,)
        ids = as_read(rows[:, :-1])
        if not self._has_plain_head:
            logits = self.model(input_ids=ids, attention_mask=self._mask, use_cache=False).logits
            return _loss_of(logits.flatten(0, 1).float(), targets, self._objective)
        answer = self.model.base_model(input_ids=ids, attention_mask=self._mask, use_cache=False)
        hidden = answer.last_hidden_state.flatten(0, 1)  # (batch x time, width)
        head = self.model.get_output_embeddings().weight  # type: ignore[no-untyped-call]
        weighted, nats = _HeadLoss.apply(  # type: ignore[no-untyped-call]  # torch's own gap
            hidden, head, targets, self._objective
        )
        return weighted, nats


def _mask_of(model: PreTrainedModel) -> dict[str, None] | None:
    """Return what keeps transformers from making a mask of its own for rows without padding.

    When it is compiled it makes a matrix that says no more than "causal", and attention then has
    none of its fast kernels.  Only our own family is known to take the word for it.
    """
    config = model.config
    kinds = set(getattr(config, "layer_types", None) or ())
    return {_CAUSAL: None} if config.model_type == _OWN and kinds == {_CAUSAL} else None


def has_plain_head(model: PreTrainedModel) -> bool:
    """Tell whether a model's logits are its last states times a matrix, and nothing more.

    Some families scale them, cap them or add a bias; those are left to transformers.
    """
    head: Any = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    config = model.config.get_text_config()
    changes = (getattr(config, name, None) for name in _CHANGES_OF_LOGITS)
    return getattr(head, "bias", None) is None and not any(changes)


def _loss_of(logits: Tensor, targets: Tensor, objective: Objective) -> tuple[Tensor, Tensor]:
    """Return what ``_HeadLoss`` does, of logits (tokens, vocabulary) that are there already."""
    losses = nn.functional.cross_entropy(logits, as_read(targets), reduction="none")
    weights = objective.weights(targets)
    normalizer = torch.logsumexp(logits, dim=-1)
    weighted = (weights * (losses + objective.z_weight * normalizer.square())).sum()
    return weighted, (losses * objective.is_learned(targets)).sum().detach()


class _HeadLoss(torch.autograd.Function):
    """The head and the loss in one: the gradient is made together with the loss.

    Logits are held for a chunk of tokens at a time and are never computed twice (the idea of Liger
    Kernel's fused linear cross-entropy, arXiv 2410.10989); a quarter of a step of S on a CPU.
    """

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, head: Tensor, targets: Tensor, objective: Objective
    ) -> tuple[Tensor, Tensor]:
        """Return the summed weighted loss and the summed nats of ``hidden`` (tokens, width)."""
        device = hidden.device.type
        is_mixed = torch.is_autocast_enabled(device)
        dtype = torch.get_autocast_dtype(device) if is_mixed else hidden.dtype
        states, matrix = hidden.to(dtype), head.to(dtype)
        needs_gradient = ctx.needs_input_grad[0]
        hidden_gradient = torch.empty_like(states) if needs_gradient else None
        trains_head = ctx.needs_input_grad[1]
        head_gradient = torch.zeros_like(head, dtype=torch.float32) if trains_head else None
        weighted = torch.zeros((), device=hidden.device)
        nats = torch.zeros((), device=hidden.device)
        for start in range(0, len(targets), _CHUNK):
            part = slice(start, start + _CHUNK)
            gradient, part_weighted, part_nats = _chunk(
                states[part] @ matrix.T, targets[part], objective
            )
            weighted, nats = weighted + part_weighted, nats + part_nats
            gradient = gradient.to(dtype)
            if hidden_gradient is not None:
                hidden_gradient[part] = gradient @ matrix
            if head_gradient is not None:
                head_gradient += (gradient.T @ states[part]).float()
        ctx.gradients = (hidden_gradient, head_gradient)
        ctx.dtypes = (hidden.dtype, head.dtype)
        ctx.mark_non_differentiable(nats)
        return weighted, nats

    @staticmethod
    def backward(ctx: Any, scale: Tensor, _: Tensor) -> tuple[Tensor, Tensor | None, None, None]:
        """Return the gradients that ``forward`` made, times ``scale``."""
        hidden_gradient, head_gradient = ctx.gradients
        hidden_dtype, head_dtype = ctx.dtypes
        return (
            (hidden_gradient * scale).to(hidden_dtype),
            None if head_gradient is None else (head_gradient * scale).to(head_dtype),
            None,
            None,
        )


def _chunk(logits: Tensor, targets: Tensor, objective: Objective) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradient of the logits (tokens, vocabulary), the weighted loss and the nats."""
    shares = torch.softmax(logits, dim=-1, dtype=torch.float32)
    places = as_read(targets)[:, None]
    nats = -shares.gather(1, places).squeeze(1).clamp_min(_SMALLEST).log()
    normalizer = logits.gather(1, places).squeeze(1).float() + nats
    weights = objective.weights(targets)
    weighted = (weights * (nats + objective.z_weight * normalizer.square())).sum()
    gradient = shares.mul_((weights * (1 + 2 * objective.z_weight * normalizer))[:, None])
    gradient.scatter_add_(1, places, -weights[:, None])
    return gradient, weighted, (nats * objective.is_learned(targets)).sum()
