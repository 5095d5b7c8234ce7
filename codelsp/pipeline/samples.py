"""Texts that a model writes from a prompt or from nothing: what is asked for, and what comes.

``codelsp generate`` asks transformers for whole batches where a model is safetensors
(``torch_engine/sampler.py``), and the engine that editors use, one text after the other, where it
is a GGUF file.

Source of the options and their defaults: https://github.com/openai/gpt-2, ``src/``.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from codelsp.engine.port import FinishReason, GenerationRequest
from codelsp.errors import SettingsError
from codelsp.prompt.fim import PREFIX_ONLY

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from codelsp.engine.port import Engine, ModelInfo

_MAX_SEED = 2**31


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


def length_of(plan: SamplingPlan, n_prompt: int, room: int, context: int, *, usual: int) -> int:
    """Return how many tokens to write after a prompt of ``n_prompt``.

    Args:
        plan: What was asked for.
        n_prompt: Tokens of the prompt.
        room: Most tokens that can follow it.
        context: Tokens that the model reads at once.
        usual: How many are written when nobody says.

    Raises:
        SettingsError: there is no room for so many, or none are wanted.
    """
    asked = plan.length
    if plan.max_length is not None:
        asked = plan.max_length - n_prompt
        if asked < 1:
            raise SettingsError(
                f"the prompt alone has {n_prompt} tokens: give --max-length {n_prompt + 1} or more"
            )
    if asked is None and room >= 1:
        return min(usual, room)
    if asked is not None and asked < 1:
        raise SettingsError("--length must be 1 or more")
    if asked is None or asked > room:
        wanted = "" if asked is None else f" and {asked} tokens after it"
        raise SettingsError(
            f"the model reads {context} tokens at once; a prompt of {n_prompt}{wanted} is more:"
            + (f" give --length {room} or less" if room >= 1 else " shorten the prompt")
        )
    return asked


class EngineSampler:
    """Any engine as a source of texts; it has no beams, and ends a text where the model does."""

    def __init__(self, engine: Engine, model: ModelInfo) -> None:
        self._engine, self._model = engine, model

    async def samples(self, prompt: str, plan: SamplingPlan) -> AsyncGenerator[Sample, None]:
        """Yield texts that go on from ``prompt``; an empty one means: from nothing.

        Raises:
            SettingsError: the plan is wrong, or asks for what an engine does not have.
            EngineError: the engine has gone, or refuses.
        """
        plan.check()
        if plan.num_beams > 1 or plan.ignore_end:
            raise SettingsError(
                "--num-beams and --ignore-end need a folder of safetensors and"
                " `pip install 'codelsp[torch]'`; this model is run by the engine of editors"
            )
        ids = await self._beginning(prompt)
        context = self._model.context_tokens
        length = length_of(
            plan,
            len(ids),
            context - len(ids),
            context,
            usual=context // 2 if prompt else context,
        )
        for number in count() if plan.n_samples == 0 else range(plan.n_samples):
            yield await self._sample(ids, length, number, plan)

    async def _beginning(self, prompt: str) -> tuple[int, ...]:
        model = self._model
        if not model.takes_token_ids:
            raise SettingsError("this engine takes no token ids; name a model on this machine")
        bos = () if model.bos_id is None else (model.bos_id,)
        if prompt:
            return (*bos, *await self._engine.tokenize(prompt))
        ends = (model.special_tokens.get(token) for token in PREFIX_ONLY.stop_tokens)
        start = bos or tuple(number for number in ends if number is not None)[:1]
        if not start:
            raise SettingsError(
                "this model has no token that begins a text, so it cannot write from nothing:"
                " give a prompt"
            )
        return start

    async def _sample(
        self, ids: tuple[int, ...], length: int, number: int, plan: SamplingPlan
    ) -> Sample:
        model = self._model
        stops = (model.special_tokens.get(token) for token in PREFIX_ONLY.stop_tokens)
        stream = self._engine.generate(
            GenerationRequest(
                prompt=ids,
                max_tokens=length,
                temperature=plan.temperature if plan.do_sample else 0.0,
                top_p=plan.top_p,
                top_k=plan.top_k,
                seed=(plan.seed + number) % _MAX_SEED,
                stop_ids=tuple(stop for stop in stops if stop is not None),
                want_log_probs=False,
            )
        )
        try:
            texts = [token.text async for token in stream.tokens]
        finally:
            await stream.aclose()
        stats = stream.stats
        has_ended = stats is not None and stats.finish_reason is FinishReason.END
        told = stats.decoded_tokens if stats is not None else None
        return Sample(number + 1, "".join(texts), told or len(texts), has_ended)
