"""What servers that answer in text say during a generation, in three shapes; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from codelsp.engine.port import FinishReason, GenerationStats, Token

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_FINISH = {
    "stop": FinishReason.END,
    "eos_token": FinishReason.END,
    "stop_sequence": FinishReason.END,
    "length": FinishReason.LENGTH,
}
_NS_IN_MS = 1_000_000


class _TextReading:
    """What the three have in common.

    Attributes:
        finish_reason: why the generation ended; None while it goes on.
    """

    def __init__(self) -> None:
        self.finish_reason: FinishReason | None = None
        self._n_decoded = 0
        self._prompt_tokens: int | None = None
        self._prompt_tokens_reused: int | None = None
        self._prompt_ms: float | None = None
        self._decode_ms: float | None = None

    @property
    def is_told_by_engine(self) -> bool:
        """Whether the engine itself ended it."""
        return self.finish_reason is not None

    def stats(self) -> GenerationStats:
        """Return what is known of the cost by now."""
        return GenerationStats(
            finish_reason=self.finish_reason or FinishReason.CUT,
            prompt_tokens=self._prompt_tokens,
            prompt_tokens_reused=self._prompt_tokens_reused,
            prompt_ms=self._prompt_ms,
            decoded_tokens=self._n_decoded,
            decode_ms=self._decode_ms,
        )

    def _end(self, reason: str | None) -> None:
        if reason is not None:
            self.finish_reason = _FINISH.get(reason, FinishReason.END)

    def _tokens(self, text: str, log_probs: Sequence[float | None]) -> list[Token]:
        """Return the tokens of a chunk; the first of several has the text of all."""
        if not text and not log_probs:
            return []
        tokens = [Token(text, log_probs[0] if log_probs else None)]
        tokens += [Token("", log_prob) for log_prob in log_probs[1:]]
        self._n_decoded += len(tokens)
        return tokens


class OpenAIReading(_TextReading):
    """Chunks of ``/v1/completions``."""

    def tokens_of(self, event: Mapping[str, Any]) -> list[Token]:
        """Return the tokens of a chunk; the last one has none, only the usage."""
        self._count(event.get("usage") or {})
        tokens = []
        for choice in event["choices"]:
            log_probs = (choice.get("logprobs") or {}).get("token_logprobs") or ()
            tokens += self._tokens(choice.get("text") or "", log_probs)
            self._end(choice.get("finish_reason"))
        return tokens

    def _count(self, usage: Mapping[str, Any]) -> None:
        if usage:
            self._prompt_tokens = usage.get("prompt_tokens")
            self._n_decoded = usage.get("completion_tokens") or self._n_decoded
            details = usage.get("prompt_tokens_details") or {}
            self._prompt_tokens_reused = details.get("cached_tokens")


class OllamaReading(_TextReading):
    """Lines of ``/api/generate``."""

    def tokens_of(self, event: Mapping[str, Any]) -> list[Token]:
        """Return the token of a line; the last one brings the figures, in nanoseconds."""
        log_probs = [entry.get("logprob") for entry in event.get("logprobs") or ()]
        tokens = self._tokens(event["response"], log_probs)
        if event.get("done"):
            self._end(event.get("done_reason") or "stop")
            self._prompt_tokens = event.get("prompt_eval_count")
            self._n_decoded = event.get("eval_count", self._n_decoded)
            self._prompt_ms = event.get("prompt_eval_duration", 0) / _NS_IN_MS
            self._decode_ms = event.get("eval_duration", 0) / _NS_IN_MS
        return tokens


class TgiReading(_TextReading):
    """Events of ``/generate_stream``."""

    def tokens_of(self, event: Mapping[str, Any]) -> list[Token]:
        """Return the token of an event; special tokens have no text."""
        token = event["token"]
        text = "" if token.get("special") else token["text"]
        tokens = self._tokens(text, [token.get("logprob")])
        if (details := event.get("details")) is not None:
            self._end(details["finish_reason"])
            self._prompt_tokens = details.get("input_length")
            self._n_decoded = details.get("generated_tokens", self._n_decoded)
        return tokens
