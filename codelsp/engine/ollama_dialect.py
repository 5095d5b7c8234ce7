"""Ollama's own ``/api/generate``, raw: its OpenAI dialect puts the prompt into a chat template.

https://docs.ollama.com/api/generate
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from codelsp.engine.completions_reading import OllamaReading
from codelsp.engine.generation import Ask, generate
from codelsp.engine.json_events import values_of
from codelsp.engine.openai_dialect import DEFAULT_CONTEXT_TOKENS
from codelsp.engine.plain_text import without_lone_surrogates
from codelsp.engine.port import GenerationRequest, GenerationStream, ModelInfo
from codelsp.errors import EngineRefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from codelsp.engine.wire import Wire


class OllamaDialect:
    """An ``Engine`` at the other end of ``wire``.

    Args:
        wire: connections to the server.
        model: which of its models to use; empty means the one that is loaded, or the first.
        spellings: special tokens to look for.
    """

    def __init__(self, wire: Wire, model: str, spellings: Sequence[str]) -> None:
        self._wire = wire
        self._model = model
        self._spellings = spellings
        self._info: ModelInfo | None = None

    async def connect(self) -> ModelInfo:
        """Return what the model is, asked once.

        Raises:
            EngineUnavailableError: nothing answers.
            EngineRefusedError: it has no such model.
        """
        if self._info is None:
            self._model = self._model or await self._first_model()
            shown = await self._wire.post_json("/api/show", {"model": self._model, "verbose": True})
            self._info = ModelInfo(
                name=self._model,
                context_tokens=_context_tokens(shown.get("model_info") or {}),
                special_tokens=self._special_tokens(shown),
                takes_token_ids=False,
            )
        return self._info

    async def tokenize(self, text: str) -> tuple[int, ...]:  # noqa: ARG002  # the port's
        """Refuse: Ollama has no tokenizer to ask.

        Raises:
            EngineRefusedError: always.
        """
        raise EngineRefusedError(f"Ollama at {self._wire.url} takes text, not token ids.")

    def generate(self, request: GenerationRequest) -> GenerationStream:
        """Begin a generation; errors are raised by the stream."""
        ask = Ask(self._wire, "/api/generate", self._body(request), values_of)
        return GenerationStream(lambda stream: generate(ask, OllamaReading(), stream))

    @property
    def is_lost(self) -> bool:
        """Whether a connection to it has failed."""
        return self._wire.is_lost

    async def close(self) -> None:
        """Close the connections."""
        await self._wire.close()

    async def _first_model(self) -> str:
        for path in ("/api/ps", "/api/tags"):
            answer = await self._wire.get_json(path)
            if answer.get("models"):
                return str(answer["models"][0]["name"])
        raise EngineRefusedError(
            f"Ollama at {self._wire.url} has no model; pull one, for example with"
            " `ollama pull qwen2.5-coder:1.5b-base`."
        )

    def _special_tokens(self, shown: Mapping[str, Any]) -> dict[str, int]:
        """Find the spellings in the model's vocabulary, else in its template, else assume all."""
        vocabulary = (shown.get("model_info") or {}).get("tokenizer.ggml.tokens")
        if vocabulary:
            wanted = set(self._spellings)
            return {text: number for number, text in enumerate(vocabulary) if text in wanted}
        template = shown.get("template") or ""
        in_template = [text for text in self._spellings if text in template]
        return dict.fromkeys(in_template or self._spellings, -1)

    def _body(self, request: GenerationRequest) -> dict[str, object]:
        return {
            "model": self._model,
            "prompt": without_lone_surrogates(str(request.prompt)),
            "raw": True,
            "stream": True,
            "logprobs": request.want_log_probs,
            "options": {
                # The same in every request: another one makes Ollama load the model again.
                "num_ctx": self._info.context_tokens if self._info else DEFAULT_CONTEXT_TOKENS,
                "num_predict": request.max_tokens,
                "temperature": request.temperature,
                "top_p": request.top_p,
                "seed": request.seed,
                "stop": list(request.stop_texts),
                **({} if request.top_k is None else {"top_k": request.top_k}),
            },
        }


def _context_tokens(model_info: Mapping[str, Any]) -> int:
    lengths = [value for key, value in model_info.items() if key.endswith(".context_length")]
    return min([DEFAULT_CONTEXT_TOKENS, *map(int, lengths)])
