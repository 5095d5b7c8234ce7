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
    texts: tuple[str, ...] = ()
    """What each token writes, by id; empty if nothing can tell."""

    @classmethod
    def beside(cls, path: Path) -> BitsCounter | None:
        """Return the model in the folder ``path``, or in that of the GGUF file ``path``.

        None where it is not, or cannot be read.
        """
        from importlib.util import find_spec

        folder = path if path.is_dir() else path.parent
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
        return cls(model, _texts(folder / "tokenizer.json"))

    def bits(self, prompt: Sequence[int], middle: Sequence[int], healed: str = "") -> float:
        """Return the bits of ``middle`` after ``prompt``, both token ids.

        Args:
            prompt: What stands before.
            middle: What is written.
            healed: What ``middle`` is known to begin with.  Tokens within it cost nothing, and the
                one that goes on from it is drawn from those alone that do, as in serving.
        """
        import torch

        if not middle:
            return 0.0
        with torch.inference_mode():
            ids = torch.tensor([[*prompt, *middle[:-1]]])  # (1, time)
            logits = self.model(input_ids=ids, logits_to_keep=len(middle)).logits[0].float()
            log_probs = torch.log_softmax(logits, dim=-1)  # (middle, vocabulary)
            picked = log_probs[torch.arange(len(middle)), torch.tensor(middle)]
            for place, token in enumerate(middle):
                if not healed:
                    break
                text = self.texts[token]
                if len(text) <= len(healed):
                    picked[place] = 0.0
                else:
                    going_on = [i for i, each in enumerate(self.texts) if each.startswith(healed)]
                    picked[place] -= log_probs[place, going_on].logsumexp(0)
                healed = healed[len(text) :]
        return float(-picked.sum()) / math.log(2)


def _texts(file: Path) -> tuple[str, ...]:
    """Return what each token of a ``tokenizer.json`` writes; nothing where there is none."""
    from tokenizers import Tokenizer

    if not file.is_file():
        return ()
    tokenizer = Tokenizer.from_file(str(file))
    return tuple(tokenizer.decode_batch([[i] for i in range(tokenizer.get_vocab_size())]))
