"""The port ``Engine``: token ids in, a stream of tokens with log-probabilities out.

Architecture invariant: an engine knows token ids and prompts, never documents.
Architecture invariant: closing the stream of ``generate`` stops the model, at most one
token after the one that it is working on.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from anyio import CancelScope


class FinishReason(Enum):
    """Why a generation ended."""

    END = "end"
    """The model said it was done (an end-of-text or another stop token)."""
    LENGTH = "length"
    """The token budget was used up."""
    CUT = "cut"
    """We closed the stream, because all that was wanted had come."""


@dataclass(frozen=True)
class ModelInfo:
    """What an engine says of its model when it is connected."""

    name: str
    context_tokens: int
    special_tokens: Mapping[str, int]
    """Those of the spellings in ``prompt/fim.py`` that this model has as one token, with their ids.

    An engine that cannot say ids (Ollama, TGI) maps each known spelling to -1.
    """
    takes_token_ids: bool
    """Whether a prompt may be sent as token ids; if not, it goes as text."""
    bos_id: int | None = None
    slots: int = 1
    batches: bool = False
    """Whether generations from one prompt that run at the same time take little longer than one."""
    takes_grammar: bool = False


@dataclass(frozen=True)
class GenerationRequest:
    """One generation; ``prompt`` is token ids, or text for an engine that takes no ids."""

    prompt: tuple[int, ...] | str
    max_tokens: int
    temperature: float = 0.0
    top_p: float = 0.95
    top_k: int | None = None
    """Draw among so many of the likeliest tokens; 0 among all, None as the engine usually does."""
    seed: int = 0
    stop_ids: tuple[int, ...] = ()
    """Tokens that end the generation; they are not part of the text."""
    stop_texts: tuple[str, ...] = ()
    """The same as text, for engines that take no ids."""
    forced_prefix: str = ""
    """Token healing: the generated text begins with this (needs ``takes_grammar``)."""
    want_log_probs: bool = True


@dataclass(frozen=True)
class Token:
    """One step of a generation: usually one token; ``text`` may be empty inside a character."""

    text: str
    log_prob: float | None
    """Natural logarithm of its probability, before temperature; None where the engine does not say,
    and for text that was forced (``GenerationRequest.forced_prefix``): it is no evidence."""


@dataclass(frozen=True)
class GenerationStats:
    """What a generation cost, as the engine reports it; fields are None where it does not."""

    finish_reason: FinishReason
    prompt_tokens: int | None = None
    prompt_tokens_reused: int | None = None
    prompt_ms: float | None = None
    decoded_tokens: int | None = None
    decode_ms: float | None = None


class GenerationStream:
    """A running generation: iterate ``tokens``; ``aclose`` cancels it.

    Args:
        run: makes the async generator of tokens, and sets ``stats`` on the stream it is given.
            When the stream is closed, ``run`` is closed, or cancelled where it waits.
    """

    def __init__(self, run: Callable[[GenerationStream], AsyncGenerator[Token, None]]) -> None:
        self.stats: GenerationStats | None = None
        """Set when the tokens end."""
        self._waiting: CancelScope | None = None
        self._is_ending = False
        self.tokens = self._until_closed(run(self))

    async def aclose(self) -> None:
        """Stop the model; safe at any time, more than once, and while another task reads on.

        For a task that waits for the next token the tokens simply end.
        """
        if self._waiting is not None:
            self._waiting.cancel()
        elif not self._is_ending:
            await self.tokens.aclose()
        if self.stats is None:
            self.stats = GenerationStats(FinishReason.CUT)

    async def _until_closed(
        self, inner: AsyncGenerator[Token, None]
    ) -> AsyncGenerator[Token, None]:
        # A generator that waits cannot be closed from another task; a cancel scope around each
        # wait can be cancelled.  It is imported here as ``initialize`` is answered without it.
        from anyio import CancelScope

        try:
            while True:
                token = None
                with CancelScope() as self._waiting:
                    token = await _next(inner)
                self._waiting = None
                if token is None:
                    return
                yield token
        finally:
            self._waiting, self._is_ending = None, True
            await inner.aclose()


async def _next(tokens: AsyncGenerator[Token, None]) -> Token | None:
    # Not ``anext(tokens, None)``: in Python 3.10 what it returns cannot be cancelled properly.
    try:
        return await tokens.__anext__()
    except StopAsyncIteration:
        return None


class Engine(Protocol):
    """A model behind a wire."""

    async def connect(self) -> ModelInfo:
        """Return what the model is; the first call starts or finds the engine.

        Raises:
            EngineLoadingError: the model is still being loaded.
            EngineUnavailableError: nothing answers, and what to do about it.
        """

    async def tokenize(self, text: str) -> tuple[int, ...]:
        """Return the token ids of ``text``; no part of it ever becomes a special token.

        Raises:
            EngineUnavailableError: the engine has gone.
        """

    def generate(self, request: GenerationRequest) -> GenerationStream:
        """Begin a generation; errors are raised by the stream, on the first token.

        Raises (from the stream):
            EngineUnavailableError: the engine has gone.
            EngineRefusedError: the engine will not serve this request.
        """

    async def close(self) -> None:
        """Let go of the connection; a shared engine process goes on."""
