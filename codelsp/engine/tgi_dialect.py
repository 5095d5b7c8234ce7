"""The own dialect of Hugging Face's text-generation-inference (TGI): ``/generate_stream``.

https://huggingface.co/docs/text-generation-inference
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Any

from codelsp.engine.completions_reading import TgiReading
from codelsp.engine.generation import Ask, generate
from codelsp.engine.openai_dialect import DEFAULT_CONTEXT_TOKENS
from codelsp.engine.plain_text import without_lone_surrogates
from codelsp.engine.port import GenerationRequest, GenerationStream, ModelInfo
from codelsp.errors import EngineRefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from codelsp.engine.wire import Wire

_MOST_STOPS = 4
"""TGI's default ``--max-stop-sequences``."""


class TgiDialect:
    """An ``Engine`` at the other end of ``wire``.

    Args:
        wire: connections to the server.
        spellings: special tokens to ask for.
    """

    def __init__(self, wire: Wire, spellings: Sequence[str]) -> None:
        self._wire = wire
        self._spellings = spellings
        self._info: ModelInfo | None = None

    async def connect(self) -> ModelInfo:
        """Return what the model is, asked once.

        Raises:
            EngineUnavailableError: nothing answers.
        """
        if self._info is None:
            told = await self._wire.get_json("/info")
            self._info = ModelInfo(
                name=posixpath.basename(str(told.get("model_id") or "model")),
                context_tokens=_context_tokens(told),
                special_tokens=await self._special_tokens(),
                takes_token_ids=False,
                slots=int(told.get("max_concurrent_requests") or 1),
                batches=True,
            )
        return self._info

    async def tokenize(self, text: str) -> tuple[int, ...]:  # noqa: ARG002  # the port's
        """Refuse: TGI generates from text only.

        Raises:
            EngineRefusedError: always.
        """
        raise EngineRefusedError(f"TGI at {self._wire.url} takes text, not token ids.")

    def generate(self, request: GenerationRequest) -> GenerationStream:
        """Begin a generation; errors are raised by the stream."""
        ask = Ask(self._wire, "/generate_stream", _body(request))
        return GenerationStream(lambda stream: generate(ask, TgiReading(), stream))

    @property
    def is_lost(self) -> bool:
        """Whether a connection to it has failed."""
        return self._wire.is_lost

    async def close(self) -> None:
        """Close the connections."""
        await self._wire.close()

    async def _special_tokens(self) -> dict[str, int]:
        try:
            answer = await self._wire.post_json("/tokenize", {"inputs": "\n".join(self._spellings)})
        except EngineRefusedError:
            # Older ones have no /tokenize: the user says by `fim_layout` what the model reads.
            return dict.fromkeys(self._spellings, -1)
        wanted = set(self._spellings)
        return {token["text"]: int(token["id"]) for token in answer if token["text"] in wanted}


def _body(request: GenerationRequest) -> dict[str, object]:
    parameters: dict[str, object] = {
        "max_new_tokens": request.max_tokens,
        "return_full_text": False,
        "details": True,
        "stop": list(request.stop_texts)[:_MOST_STOPS],
    }
    if request.temperature > 0:
        # It refuses 0, and samples only when told to.
        parameters |= {
            "do_sample": True,
            "temperature": request.temperature,
            "seed": request.seed,
        }
        if 0 < request.top_p < 1:
            parameters["top_p"] = request.top_p
        if request.top_k:
            parameters["top_k"] = request.top_k
    return {"inputs": without_lone_surrogates(str(request.prompt)), "parameters": parameters}


def _context_tokens(told: Mapping[str, Any]) -> int:
    for key in ("max_total_tokens", "max_input_tokens", "max_input_length"):
        if isinstance(told.get(key), int):
            return int(told[key])
    return DEFAULT_CONTEXT_TOKENS
