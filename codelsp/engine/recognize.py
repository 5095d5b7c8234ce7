"""Finds out which dialect a server speaks, by asking for what only one of them has."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from codelsp.engine.llama_dialect import LlamaDialect
from codelsp.engine.ollama_dialect import OllamaDialect
from codelsp.engine.openai_dialect import OpenAIDialect
from codelsp.engine.tgi_dialect import TgiDialect
from codelsp.engine.wire import Wire
from codelsp.errors import (
    EngineError,
    EngineLoadingError,
    EngineRefusedError,
    EngineUnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codelsp.engine.open import ConnectedEngine

logger = logging.getLogger(__name__)

_PATHS = ("/props", "/api/version", "/info", "/version", "/v1/models")


async def recognize(
    url: str, api_key: str = "", *, model: str = "", spellings: Sequence[str] | None = None
) -> ConnectedEngine:
    """Return the engine at ``url``, in its dialect; not connected yet.

    Args:
        url: where it listens; a path that ends in ``/v1`` means the same without it.
        api_key: sent as a bearer token.
        model: which of the server's models to use; empty means its own choice.
        spellings: special tokens to ask for; those of ``prompt.fim`` if None.

    Raises:
        EngineLoadingError: it is still loading its model.
        EngineUnavailableError: nothing answers, or nothing that codelsp knows.
        EngineRefusedError: it asks for an API key.
    """
    if spellings is None:
        from codelsp.prompt.fim import KNOWN_SPECIAL_TOKENS

        spellings = KNOWN_SPECIAL_TOKENS
    wire = Wire(url.rstrip("/").removesuffix("/v1"), api_key)
    try:
        dialect, engine = await _recognized(wire, model, spellings)
    except BaseException:
        await wire.close()
        raise
    logger.info("the engine at %s speaks the dialect of %s", wire.url, dialect)
    return engine


async def _recognized(
    wire: Wire, model: str, spellings: Sequence[str]
) -> tuple[str, ConnectedEngine]:
    answers = dict(zip(_PATHS, await _answers(wire), strict=True))
    if _has(answers["/props"], "default_generation_settings"):
        return "llama.cpp", LlamaDialect(wire, spellings)
    if _has(answers["/info"], "model_id"):
        return "TGI", TgiDialect(wire, spellings)
    if _has(answers["/api/version"], "version"):
        return "Ollama", OllamaDialect(wire, model, spellings)
    if _has(answers["/v1/models"], "data"):
        is_vllm = _has(answers["/version"], "version")
        dialect = OpenAIDialect(wire, model, spellings, is_vllm=is_vllm)
        return ("vLLM" if is_vllm else "OpenAI"), dialect
    raise _why_not(wire.url, list(answers.values()))


async def _answers(wire: Wire) -> list[Any]:
    """Return the JSON at each path, or the error that stands there instead."""
    # The first alone: where nothing listens, one refusal is enough.
    first = await _answer(wire, _PATHS[0])
    if isinstance(first, EngineError) and wire.is_lost:
        raise first
    return [first, *await asyncio.gather(*(_answer(wire, path) for path in _PATHS[1:]))]


async def _answer(wire: Wire, path: str) -> Any:
    try:
        return await wire.get_json(path)
    except EngineError as error:
        return error


def _has(answer: Any, key: str) -> bool:
    return isinstance(answer, dict) and key in answer


def _why_not(url: str, answers: Sequence[Any]) -> EngineError:
    """Return the error that says most: it loads, it wants a key, or it is no engine."""
    errors = [answer for answer in answers if isinstance(answer, EngineError)]
    for says_why in (_is_loading, _wants_key):
        for error in errors:
            if says_why(error):
                return error
    return EngineUnavailableError(
        f"What answers at {url} is no engine codelsp knows: it has neither llama.cpp's /props, nor"
        " /v1/models, nor Ollama's /api/version, nor TGI's /info; check the URL in `engine`."
    )


def _is_loading(error: EngineError) -> bool:
    return isinstance(error, EngineLoadingError)


def _wants_key(error: EngineError) -> bool:
    return isinstance(error, EngineRefusedError) and "`engine_api_key`" in str(error)
