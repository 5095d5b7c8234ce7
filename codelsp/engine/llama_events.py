"""What llama.cpp's server says during a generation, read event by event; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from codelsp.engine.event_stream import TextAssembler
from codelsp.engine.port import FinishReason, GenerationStats, Token

if TYPE_CHECKING:
    from collections.abc import Mapping

    from codelsp.engine.port import GenerationRequest


class LlamaReading:
    """The tokens and the figures of one generation.

    Attributes:
        finish_reason: why it ended; None while it goes on.
        is_told_by_engine: whether the engine itself ended it.
    """

    def __init__(self, request: GenerationRequest) -> None:
        self.finish_reason: FinishReason | None = None
        self.is_told_by_engine = False
        self._stop_ids = frozenset(request.stop_ids)
        self._n_forced = len(request.forced_prefix)
        self._n_written = 0
        self._n_decoded = 0
        self._timings: Mapping[str, Any] = {}
        self._text = TextAssembler()

    def tokens_of(self, event: Mapping[str, Any]) -> list[Token]:
        """Return the token that ``event`` brings, if it brings one."""
        self._timings = event.get("timings") or self._timings
        if event.get("stop"):
            self._end(event)
            return []
        if "prompt_progress" in event:
            return []
        self._n_decoded = int(event.get("tokens_predicted", self._n_decoded + 1))
        if self._stop_ids.intersection(event.get("tokens") or ()):
            self.finish_reason = FinishReason.END
            return []
        return [self._token(event)]

    def stats(self) -> GenerationStats:
        """Return what is known of the generation's cost by now."""
        told = self._timings.get
        prompt_tokens = None
        if (read := told("prompt_n")) is not None and (reused := told("cache_n")) is not None:
            prompt_tokens = int(read) + int(reused)
        return GenerationStats(
            finish_reason=self.finish_reason or FinishReason.CUT,
            prompt_tokens=prompt_tokens,
            prompt_tokens_reused=told("cache_n"),
            prompt_ms=told("prompt_ms"),
            decoded_tokens=told("predicted_n", self._n_decoded),
            decode_ms=told("predicted_ms"),
        )

    def _end(self, event: Mapping[str, Any]) -> None:
        is_limit = event.get("stop_type") == "limit" or bool(event.get("stopped_limit"))
        self.finish_reason = FinishReason.LENGTH if is_limit else FinishReason.END
        self.is_told_by_engine = True

    def _token(self, event: Mapping[str, Any]) -> Token:
        entries = event.get("completion_probabilities") or ()
        # The bytes are exact where the text would have a replacement character.
        if entries and all("bytes" in entry for entry in entries):
            piece = b"".join(bytes(entry["bytes"]) for entry in entries)
        else:
            piece = str(event["content"]).encode("utf-8", "replace")
        text = self._text.add(piece)
        self._n_written += len(text)
        log_prob = float(entries[-1]["logprob"]) if entries else None
        is_forced = self._n_written <= self._n_forced
        return Token(text, None if is_forced else log_prob)
