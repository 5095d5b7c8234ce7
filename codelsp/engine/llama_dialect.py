"""The dialect of llama.cpp's server: token ids in, server-sent events out.

Spoken by llama-server, by our own engine process and by our torch engine.
https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md

Architecture invariant: text of a document is tokenized with special tokens off, always.
"""

from __future__ import annotations

import json
import posixpath
from typing import TYPE_CHECKING

from codelsp.engine.generation import Ask, generate
from codelsp.engine.llama_events import LlamaReading
from codelsp.engine.plain_text import (
    broken_at_special_tokens,
    grammar_for_prefix,
    without_lone_surrogates,
)
from codelsp.engine.port import GenerationRequest, GenerationStream, ModelInfo
from codelsp.engine.token_cache import TokenCache
from codelsp.engine.wire_errors import not_understood
from codelsp.errors import EngineLoadingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codelsp.engine.wire import Wire


class LlamaDialect:
    """An ``Engine`` at the other end of ``wire``.

    Args:
        wire: connections to the server.
        spellings: special tokens to ask the model for; those of ``prompt.fim`` if None.
    """

    def __init__(self, wire: Wire, spellings: Sequence[str] | None = None) -> None:
        self._wire = wire
        self._spellings = spellings
        self._info: ModelInfo | None = None
        self._cache = TokenCache()

    async def connect(self) -> ModelInfo:
        """Return what the model is, asked once.

        Raises:
            EngineLoadingError: the model is still being loaded.
            EngineUnavailableError: nothing answers, or no llama.cpp server.
            EngineRefusedError: it asks for an API key.
        """
        if self._info is None:
            health = await self._wire.get_json("/health")
            if isinstance(health, dict) and "load" in str(health.get("status", "")):
                raise EngineLoadingError(f"The engine at {self._wire.url} is loading its model.")
            self._info = await self._ask_what_it_is()
        return self._info

    async def tokenize(self, text: str) -> tuple[int, ...]:
        """Return the token ids of ``text``; no part of it ever becomes a special token."""
        text = without_lone_surrogates(text)
        ids = self._cache.get(text)
        if ids is None:
            ids = await self._tokenize_plain(text)
            self._cache.put(text, ids)
        return ids

    def generate(self, request: GenerationRequest) -> GenerationStream:
        """Begin a generation; errors are raised by the stream."""
        ask = Ask(self._wire, "/completion", _body(request))
        return GenerationStream(lambda stream: generate(ask, LlamaReading(request), stream))

    @property
    def is_lost(self) -> bool:
        """Whether a connection to it has failed."""
        return self._wire.is_lost

    async def close(self) -> None:
        """Close the connections."""
        await self._wire.close()

    async def _ask_what_it_is(self) -> ModelInfo:
        props = await self._wire.get_json("/props")
        try:
            context_tokens = int(props["default_generation_settings"]["n_ctx"])
            path = str(props.get("model_alias") or props.get("model_path") or "model")
            slots = int(props.get("total_slots", 1))
        except (KeyError, TypeError, ValueError):
            raise not_understood(self._wire.url, json.dumps(props).encode()) from None
        return ModelInfo(
            name=posixpath.basename(path.replace("\\", "/")),
            context_tokens=context_tokens,
            special_tokens=await self._special_tokens(),
            takes_token_ids=True,
            bos_id=await self._bos_id(),
            slots=slots,
            takes_grammar=True,
        )

    async def _special_tokens(self) -> dict[str, int]:
        """Return the ids of the known spellings that are one token, asked for in one request."""
        spellings = set(self._known_spellings())
        pieces = await self._pieces("\n".join(sorted(spellings)), parse_special=True)
        return {piece: number for number, piece in pieces if piece in spellings}

    def _known_spellings(self) -> Sequence[str]:
        if self._spellings is None:
            from codelsp.prompt.fim import KNOWN_SPECIAL_TOKENS

            return KNOWN_SPECIAL_TOKENS
        return self._spellings

    async def _bos_id(self) -> int | None:
        bare = await self._pieces("a")
        whole = await self._pieces("a", add_special=True)
        has_bos = len(whole) > len(bare) and whole[0] != bare[0]
        return whole[0][0] if has_bos else None

    async def _pieces(
        self, text: str, *, parse_special: bool = False, add_special: bool = False
    ) -> list[tuple[int, str]]:
        """Return ids and what they stand for; a piece of a character stands for nothing."""
        body = {
            "content": text,
            "parse_special": parse_special,
            "add_special": add_special,
            "with_pieces": True,
        }
        answer = await self._wire.post_json("/tokenize", body)
        try:
            return [
                (int(token["id"]), token["piece"] if isinstance(token["piece"], str) else "")
                for token in answer["tokens"]
            ]
        except (KeyError, TypeError, ValueError):
            raise not_understood(self._wire.url, json.dumps(answer).encode()) from None

    async def _tokenize_plain(self, text: str) -> tuple[int, ...]:
        ids = await self._ids(text)
        special = self._info.special_tokens if self._info else {}
        if set(special.values()).isdisjoint(ids):
            return ids
        parts = broken_at_special_tokens(text, special)
        return tuple([one for part in parts for one in await self._ids(part)])

    async def _ids(self, text: str) -> tuple[int, ...]:
        if not text:
            return ()
        body = {"content": text, "parse_special": False, "add_special": False}
        answer = await self._wire.post_json("/tokenize", body)
        try:
            return tuple(map(int, answer["tokens"]))
        except (KeyError, TypeError, ValueError):
            raise not_understood(self._wire.url, json.dumps(answer).encode()) from None


def _body(request: GenerationRequest) -> dict[str, object]:
    body: dict[str, object] = {
        "prompt": request.prompt,
        "n_predict": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "min_p": 0.0,
        "seed": request.seed,
        "stream": True,
        "cache_prompt": True,
        # The server looks whether we are still there whenever it has something to send:
        # progress makes that every batch of a long prompt, instead of once a second.
        "return_progress": True,
        "timings_per_token": True,
        "n_probs": int(request.want_log_probs),
    }
    if request.top_k is not None:
        body["top_k"] = request.top_k
    if request.forced_prefix:
        body["grammar"] = grammar_for_prefix(without_lone_surrogates(request.forced_prefix))
    if isinstance(request.prompt, str):
        body["prompt"] = without_lone_surrogates(request.prompt)
        body["stop"] = list(request.stop_texts)
    return body
