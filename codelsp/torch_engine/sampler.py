"""Many texts from one prompt, or from none: what OpenAI's GPT-2 tools do, on any causal model.

Here a batch is the unit and nobody types meanwhile, so transformers' own ``generate`` is the right
loop: it has beams, and reads a prompt for a whole batch at once.  Each batch has a random state of
its own, drawn from the seed and the batch's number: asking for more samples leaves the first ones
as they were.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

import torch

from codelsp.errors import SettingsError
from codelsp.pipeline.samples import Sample, length_of
from codelsp.torch_engine.loading import LoadOptions, load_plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from codelsp.pipeline.samples import SamplingPlan
    from codelsp.torch_engine.vocabulary import Vocabulary

_USUAL_CONTEXT_TOKENS = 1024
_CONTEXT_NAMES = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "seq_length")


class Sampler:
    """A causal model that writes texts in batches."""

    def __init__(self, folder: Path, options: LoadOptions | None = None) -> None:
        """Load the model in ``folder``.

        Raises:
            ModelFileError: it may not be loaded, or is damaged.
            EngineUnavailableError: it does not fit.
        """
        from transformers.utils import logging

        logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # stderr is the command's
        model, self._vocabulary = load_plain(folder, options or LoadOptions())
        self._model: Any = model
        self.context_tokens = context_tokens_of(model.config)

    def samples(self, prompt: str, plan: SamplingPlan) -> Iterator[Sample]:
        """Yield texts that go on from ``prompt``; an empty one means: from nothing.

        Raises:
            SettingsError: the plan is wrong, or the model's context is too short for it.
        """
        plan.check()
        ids = self._beginning(prompt)
        context = self.context_tokens
        # The last token is never read, so a text may have one more than the context.
        length = length_of(
            plan,
            len(ids),
            context + 1 - len(ids),
            context,
            usual=context // 2 if prompt else context,
        )
        return self._batches(ids, length, plan)

    def _batches(self, ids: list[int], length: int, plan: SamplingPlan) -> Iterator[Sample]:
        settings = self._settings(plan, length)
        rows = torch.tensor([ids] * plan.batch_size, device=self._model.device)  # (batch, time)
        numbers = count() if plan.n_samples == 0 else range(plan.n_samples // plan.batch_size)
        for number in numbers:
            torch.manual_seed((plan.seed << 20) + number)
            with torch.inference_mode():
                written = self._model.generate(
                    rows, attention_mask=torch.ones_like(rows), generation_config=settings
                )
            for index, row in enumerate(written[:, len(ids) :].tolist()):
                yield self._sample(row, number * plan.batch_size + index + 1, plan)

    def _beginning(self, prompt: str) -> list[int]:
        vocabulary = self._vocabulary
        if prompt:
            return vocabulary.encoded(prompt, reads_special=True, adds_special=True)
        start = start_id(vocabulary, self._model.config)
        if start is None:
            raise SettingsError(
                "this model has no token that begins a text, so it cannot write from nothing:"
                " give a prompt"
            )
        return [start]

    def _settings(self, plan: SamplingPlan, length: int) -> Any:
        from transformers import GenerationConfig

        ends = sorted(self._vocabulary.end_ids)
        samples = plan.do_sample and plan.temperature > 0
        drawing: dict[str, Any] = (
            {"temperature": plan.temperature, "top_k": plan.top_k, "top_p": plan.top_p}
            if samples
            else {}
        )
        if plan.num_beams > 1:
            drawing["early_stopping"] = plan.early_stopping
        return GenerationConfig(  # type: ignore[no-untyped-call]  # transformers' own gap
            max_new_tokens=length,
            do_sample=samples,
            num_beams=plan.num_beams,
            eos_token_id=None if plan.ignore_end or not ends else ends,
            # Only what has ended is padded, and nobody sees it: any token will do.
            pad_token_id=ends[0] if ends else 0,
            **drawing,
        )

    def _sample(self, row: list[int], number: int, plan: SamplingPlan) -> Sample:
        ends = frozenset() if plan.ignore_end else self._vocabulary.end_ids
        end = next((place for place, token in enumerate(row) if token in ends), None)
        written = row[:end]
        return Sample(number, self._vocabulary.decoded(written), len(written), end is not None)


def context_tokens_of(config: Any) -> int:
    """Return how many tokens a model of transformers reads at once."""
    text = config.get_text_config()
    values = (getattr(text, name, None) for name in _CONTEXT_NAMES)
    return next((value for value in values if isinstance(value, int)), _USUAL_CONTEXT_TOKENS)


def start_id(vocabulary: Vocabulary, config: Any) -> int | None:
    """Return the token from which a model writes a text of its own, such as ``<|endoftext|>``."""
    text = config.get_text_config()
    named = (vocabulary.bos_id, getattr(text, "bos_token_id", None), *sorted(vocabulary.end_ids))
    return next((token for token in named if isinstance(token, int)), None)
