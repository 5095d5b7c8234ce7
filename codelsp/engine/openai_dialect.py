"""OpenAI's ``/v1/completions``, as vLLM and many others speak it.

vLLM takes token ids and has ``/tokenize``; a plain server of this dialect takes text, and says
nothing of its special tokens.  https://docs.vllm.ai/en/stable/serving/openai_compatible_server

A FIM prompt is ours to write: servers refuse the dialect's own ``suffix``, or fill a template
with it.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from codelsp.engine.completions_reading import OpenAIReading
from codelsp.engine.generation import Ask, generate
from codelsp.engine.plain_text import broken_at_special_tokens, without_lone_surrogates
from codelsp.engine.port import GenerationRequest, GenerationStream, ModelInfo
from codelsp.engine.token_cache import TokenCache
from codelsp.engine.wire_errors import not_understood
from codelsp.errors import EngineRefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codelsp.engine.wire import Wire

DEFAULT_CONTEXT_TOKENS = 4096
"""Assumed of a server that does not say; every code model of today has as much."""
_SLOTS = 8
"""Such servers batch; this many of our own requests may run at once."""


class OpenAIDialect:
    """An ``Engine`` at the other end of ``wire``.

    Args:
        wire: connections to the server.
        model: which of its models to use; empty means the first it lists.
        spellings: special tokens to ask for.
        is_vllm: whether the server takes token ids and tokenizes.
    """

    def __init__(
        self, wire: Wire, model: str, spellings: Sequence[str], *, is_vllm: bool = False
    ) -> None:
        self._wire = wire
        self._model = model
        self._spellings = spellings
        self._is_vllm = is_vllm
        self._info: ModelInfo | None = None
        self._cache = TokenCache()

    async def connect(self) -> ModelInfo:
        """Return what the model is, asked once.

        Raises:
            EngineUnavailableError: nothing answers, or nothing of this dialect.
            EngineRefusedError: it asks for an API key, or has no such model.
        """
        if self._info is None:
            self._info = await self._ask_what_it_is()
        return self._info

    async def tokenize(self, text: str) -> tuple[int, ...]:
        """Return the token ids of ``text``; no part of it ever becomes a special token.

        Raises:
            EngineRefusedError: this server does not tokenize.
        """
        if not self._is_vllm:
            raise EngineRefusedError(f"The engine at {self._wire.url} takes text, not token ids.")
        text = without_lone_surrogates(text)
        ids = self._cache.get(text)
        if ids is None:
            special = (await self.connect()).special_tokens
            # vLLM reads special tokens wherever they are spelled, so they are cut in two.
            parts = broken_at_special_tokens(text, special)
            answers = await asyncio.gather(*(self._vllm_tokens(part) for part in parts))
            ids = tuple([int(one) for answer in answers for one in answer["tokens"]])
            self._cache.put(text, ids)
        return ids

    def generate(self, request: GenerationRequest) -> GenerationStream:
        """Begin a generation; errors are raised by the stream."""
        ask = Ask(self._wire, "/v1/completions", self._body(request))
        return GenerationStream(lambda stream: generate(ask, OpenAIReading(), stream))

    @property
    def is_lost(self) -> bool:
        """Whether a connection to it has failed."""
        return self._wire.is_lost

    async def close(self) -> None:
        """Close the connections."""
        await self._wire.close()

    async def _ask_what_it_is(self) -> ModelInfo:
        answer = await self._wire.get_json("/v1/models")
        try:
            models = {str(model["id"]): model for model in answer["data"]}
        except (KeyError, TypeError):
            raise not_understood(self._wire.url, json.dumps(answer).encode()) from None
        name = self._model or next(iter(models), "")
        # `transformers serve` lists what its cache holds, and loads whatever it is asked for.
        loads_on_demand = not models and bool(name)
        if name not in models and not loads_on_demand:
            raise EngineRefusedError(
                f"The engine at {self._wire.url} has no model {name!r}; set `model` to one of: "
                f"{', '.join(models) or 'none'}."
            )
        self._model = name
        return ModelInfo(
            name=name,
            context_tokens=_context_tokens(models.get(name, {})),
            special_tokens=await self._special_tokens(),
            takes_token_ids=self._is_vllm,
            bos_id=await self._bos_id() if self._is_vllm else None,
            slots=_SLOTS,
            batches=True,
        )

    async def _special_tokens(self) -> dict[str, int]:
        if not self._is_vllm:
            return dict.fromkeys(self._spellings, -1)
        answer = await self._vllm_tokens("\n".join(self._spellings), return_token_strs=True)
        if strings := answer.get("token_strs"):
            wanted = set(self._spellings)
            pairs = zip(strings, answer["tokens"], strict=True)
            return {string: int(one) for string, one in pairs if string in wanted}
        # Before version 0.9 it says ids only: a special token is a spelling that has but one.
        answers = await asyncio.gather(*(self._vllm_tokens(text) for text in self._spellings))
        pairs = zip(self._spellings, answers, strict=True)
        return {text: one["tokens"][0] for text, one in pairs if len(one["tokens"]) == 1}

    async def _bos_id(self) -> int | None:
        bare = (await self._vllm_tokens("a"))["tokens"]
        whole = (await self._vllm_tokens("a", add_special_tokens=True))["tokens"]
        has_bos = len(whole) > len(bare) and whole[0] != bare[0]
        return int(whole[0]) if has_bos else None

    async def _vllm_tokens(self, text: str, **options: bool) -> dict[str, Any]:
        body = {"model": self._model, "prompt": text, "add_special_tokens": False, **options}
        answer = await self._wire.post_json("/tokenize", body)
        if not isinstance(answer, dict) or not isinstance(answer.get("tokens"), list):
            raise not_understood(self._wire.url, json.dumps(answer).encode())
        return answer

    def _body(self, request: GenerationRequest) -> dict[str, object]:
        is_text = isinstance(request.prompt, str)
        body: dict[str, object] = {
            "model": self._model,
            "prompt": without_lone_surrogates(str(request.prompt)) if is_text else request.prompt,
            "max_tokens": request.max_tokens,
            "temperature": request.temperature,
            "top_p": request.top_p,
            "seed": request.seed,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if request.want_log_probs:
            body["logprobs"] = 1
        if request.stop_texts:
            body["stop"] = list(request.stop_texts)[: None if self._is_vllm else 4]
        if self._is_vllm and request.top_k is not None:
            body["top_k"] = request.top_k
        if self._is_vllm and request.stop_ids:
            body["stop_token_ids"] = list(request.stop_ids)
        return body


def _context_tokens(model: dict[str, Any]) -> int:
    """Return what the server says of a model's context; each calls it something else."""
    for key in ("max_model_len", "context_length", "context_window", "max_context_length"):
        if isinstance(model.get(key), int) and model[key] > 0:
            return int(model[key])
    return DEFAULT_CONTEXT_TOKENS
