"""How many bits a model needs for a text, by its weights in transformers.

An engine tells the probabilities of what it writes itself, not of a text that is given; so this
takes the model's folder of safetensors beside its GGUF file, where there is one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True)
class BitsCounter:
    """A model in full precision, on the CPU."""

    model: Any
    """``PreTrainedModel``."""

    @classmethod
    def beside(cls, gguf: Path) -> BitsCounter | None:
        """Return the model in the folder of ``gguf``; None where it is not, or cannot be read."""
        from importlib.util import find_spec

        folder = gguf.parent
        if not (folder / "model.safetensors").is_file() or find_spec("transformers") is None:
            return None
        import torch
        from transformers import AutoModelForCausalLM
        from transformers.utils import logging

        logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers' own gap
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, local_files_only=True
        )
        model.train(mode=False)
        return cls(model)

    def bits(self, prompt: Sequence[int], middle: Sequence[int]) -> float:
        """Return the bits of ``middle`` after ``prompt``, both token ids."""
        import torch

        if not middle:
            return 0.0
        with torch.inference_mode():
            ids = torch.tensor([[*prompt, *middle[:-1]]])  # (1, time)
            logits = self.model(input_ids=ids, logits_to_keep=len(middle)).logits[0].float()
            log_probs = torch.log_softmax(logits, dim=-1)  # (middle, vocabulary)
            picked = log_probs[torch.arange(len(middle)), torch.tensor(middle)]
        return float(-picked.sum()) / math.log(2)
