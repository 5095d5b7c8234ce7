"""What a model does on held-out repositories: loss, bits per character, stopping, holes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from codelsp.prompt.layout import Order
from codelsp.training.holes import fill
from codelsp.training.objective import as_read

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch import Tensor
    from transformers import PreTrainedModel

    from codelsp.training.devices import Machine
    from codelsp.training.holes import Hole
    from codelsp.training.objective import Objective
    from codelsp.training.rows import Rows
    from codelsp.training.streams import StreamRows
    from codelsp.training.windows import Windows

_MOST_NATS = 100.0


@dataclass(frozen=True)
class ValidationReport:
    """Figures on held-out repositories; shares from 0 to 1."""

    nats_per_token: float
    bits_per_character: float
    """Comparable between vocabularies; special tokens are in the bits, not in the characters."""
    end_recall: float
    """How often the end token is the most likely one where it stands."""
    spm_exact: float
    spm_ended: float
    psm_exact: float
    psm_ended: float
    n_holes: int

    @property
    def perplexity(self) -> float:
        """How many tokens the model is undecided between; comparable within one vocabulary."""
        return math.exp(min(self.nats_per_token, _MOST_NATS))


@dataclass(frozen=True)
class Validator:
    """The held-out rows and holes that a run is measured on."""

    tokenizer: Tokenizer
    objective: Objective
    rows: Rows | Windows | StreamRows
    n_rows: int
    holes: list[Hole]
    rows_at_once: int = 4

    @torch.inference_mode()
    def measure(self, model: PreTrainedModel, machine: Machine) -> ValidationReport:
        """Measure ``model``, and leave it ready to be trained on."""
        model.eval()  # type: ignore[no-untyped-call]  # transformers' own gap
        sums = _Sums()
        batch = torch.from_numpy(self.rows.first(self.n_rows)).to(machine.device)
        for start in range(0, len(batch), self.rows_at_once):
            with machine.autocast():
                self._add(model, batch[start : start + self.rows_at_once], sums)
        spm, psm = (fill(model, self.tokenizer, self.holes, order) for order in (None, Order.PSM))
        model.train()
        return ValidationReport(
            nats_per_token=sums.nats / max(1, sums.n_tokens),
            bits_per_character=sums.nats / math.log(2) / max(1, sums.n_characters),
            end_recall=sums.n_ends_found / max(1, sums.n_ends),
            spm_exact=spm.exact,
            spm_ended=spm.ended,
            psm_exact=psm.exact,
            psm_ended=psm.ended,
            n_holes=len(self.holes),
        )

    def _add(self, model: PreTrainedModel, rows: Tensor, sums: _Sums) -> None:
        objective = self.objective
        logits = model(input_ids=as_read(rows[:, :-1]), use_cache=False).logits.float()
        targets = rows[:, 1:].clamp_min(0)  # (batch, time)
        targets = torch.where(rows[:, 1:] < 0, objective.pad_id, targets)
        losses = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), targets.flatten(), ignore_index=objective.pad_id, reduction="sum"
        )
        ends = targets == objective.end_id
        sums.nats += float(losses)
        sums.n_tokens += int((targets != objective.pad_id).sum())
        sums.n_ends += int(ends.sum())
        sums.n_ends_found += int((logits.argmax(-1)[ends] == objective.end_id).sum())
        sums.n_characters += sum(len(self.tokenizer.decode(row)) for row in targets.tolist())


@dataclass
class _Sums:
    """What is added up over the held-out rows."""

    nats: float = 0.0
    n_tokens: int = 0
    n_ends: int = 0
    n_ends_found: int = 0
    n_characters: int = 0
