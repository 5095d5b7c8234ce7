"""Many texts from one prompt, or from none: what OpenAI's GPT-2 tools do, on any causal model.

Here a batch is the unit and nobody types meanwhile, so transformers' own ``generate`` is the right
loop: it has beams, and reads a prompt for a whole batch at once.  Each batch has a random state of
its own, drawn from the seed and the batch's number: asking for more samples leaves the first ones
as they were.

Source of the options and their defaults: https://github.com/openai/gpt-2, ``src/``.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

import torch

from codelsp.errors import SettingsError
from codelsp.torch_engine.loading import LoadOptions, load_plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from codelsp.torch_engine.vocabulary import Vocabulary

_USUAL_CONTEXT_TOKENS = 1024
_CONTEXT_NAMES = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "seq_length")


@dataclass(frozen=True)
class SamplingPlan:
    """What to sample; the defaults are those of OpenAI's tools."""

    n_samples: int = 1
    """0 goes on without end."""
    batch_size: int = 1
    length: int | None = None
    """New tokens; None is half the model's context after a prompt, all of it without one."""
    max_length: int | None = None
    """Tokens of prompt and text together; as transformers counts."""
    temperature: float = 1.0
    """0 always takes the likeliest token."""
    top_k: int = 0
    """0 is off."""
    top_p: float = 1.0
    num_beams: int = 1
    do_sample: bool = True
    early_stopping: bool = False
    """Whether beams end as soon as there are enough whole ones."""
    ignore_end: bool = False
    """Whether to write on after the token that ends a text."""
    seed: int = 0

    def check(self) -> None:
        """Refuse what cannot be sampled.

        Raises:
            SettingsError: an option is out of its range, or two do not go together.
        """
        n, batch = self.n_samples, self.batch_size
        if batch < 1 or n < 0:
            raise SettingsError("--nsamples must be 0 or more, and --batch-size 1 or more")
        if n % batch:
            divisors = [str(d) for d in range(1, n + 1) if n % d == 0]
            raise SettingsError(
                f"--batch-size {batch} does not divide --nsamples {n}; sizes that do:"
                f" {', '.join(divisors)}"
            )
        if self.length is not None and self.max_length is not None:
            raise SettingsError("give --length or --max-length, not both")
        if self.temperature < 0 or self.top_k < 0 or not 0 < self.top_p <= 1:
            raise SettingsError(
                "--temperature and --top-k must be 0 or more, --top-p above 0 and at most 1"
            )
        if self.num_beams < 1:
            raise SettingsError("--num-beams must be 1 or more")
        if self.early_stopping and self.num_beams == 1:
            raise SettingsError("--early-stopping is about beams: give --num-beams 2 or more")


@dataclass(frozen=True)
class Sample:
    """One text that a model wrote."""

    number: int
    """From 1."""
    text: str
    """Without the prompt."""
    n_tokens: int
    has_ended: bool
    """Whether the model ended it, and not the length."""


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
        length = self._length(plan, len(ids), has_prompt=bool(prompt))
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

    def _length(self, plan: SamplingPlan, n_prompt: int, *, has_prompt: bool) -> int:
        """Return how many tokens to write.

        The last one is never read, so a text may have one token more than the context.
        """
        context = self.context_tokens
        room = context + 1 - n_prompt
        asked = plan.length
        if plan.max_length is not None:
            asked = plan.max_length - n_prompt
            if asked < 1:
                raise SettingsError(
                    f"the prompt alone has {n_prompt} tokens: give --max-length {n_prompt + 1} or"
                    " more"
                )
        if asked is None and room >= 1:
            return min(context // 2 if has_prompt else context, room)
        if asked is not None and asked < 1:
            raise SettingsError("--length must be 1 or more")
        if asked is None or asked > room:
            wanted = "" if asked is None else f" and {asked} tokens after it"
            raise SettingsError(
                f"the model reads {context} tokens at once; a prompt of {n_prompt}{wanted} is more:"
                + (f" give --length {room} or less" if room >= 1 else " shorten the prompt")
            )
        return asked

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
