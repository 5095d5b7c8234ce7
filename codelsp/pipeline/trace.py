"""The trace of one request: what was decided in each room, why, and how long it took.

It answers ``codelsp.explainLast``.  It stays in memory, and only the newest ones are kept.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codelsp.candidates.candidate import Candidate
    from codelsp.context.completion_context import CompletionQuery
    from codelsp.engine.port import GenerationStats
    from codelsp.prompt.prompt import PromptPart


@dataclass
class RequestTrace:
    """Filled in along the way; times are milliseconds."""

    uri: str = ""
    language_id: str = ""
    version: int = 0
    offset: int = 0
    trigger: str = ""
    source: str = ""
    """``cache``, ``kept generation``, ``attached``, ``model``, or empty when it ended before."""
    decision: str = ""
    """``shown``, or why nothing was."""
    stages_ms: dict[str, float] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    candidates: list[Candidate] = field(default_factory=list)
    """With what was thought of each."""
    prompt: list[dict[str, Any]] = field(default_factory=list)
    """What the model was asked, by parts; only with the setting ``trace``."""
    began: float = field(default_factory=time.perf_counter)

    @classmethod
    def of(cls, query: CompletionQuery) -> RequestTrace:
        """Begin the trace of ``query``."""
        document = query.document
        return cls(
            uri=document.uri,
            language_id=document.language_id,
            version=document.version,
            offset=query.offset,
            trigger=query.trigger.value,
        )

    @property
    def elapsed_ms(self) -> float:
        """Milliseconds since the request came."""
        return (time.perf_counter() - self.began) * 1e3

    def stage(self, name: str) -> _Stage:
        """Return a context that adds the time spent inside to the stage ``name``."""
        return _Stage(self.stages_ms, name)

    def note_candidates(self, candidates: Sequence[Candidate]) -> None:
        """Keep what was thought of each candidate."""
        self.candidates.extend(candidates)

    def note_prompt(self, parts: Sequence[PromptPart]) -> None:
        """Keep what the model was asked."""
        self.prompt = [asdict(part) for part in parts]

    def repeat(self, origin: RequestTrace) -> None:
        """Tell what ``origin`` told of candidates and prompt: the same answer still holds."""
        self.candidates, self.prompt = origin.candidates, origin.prompt

    def note_stats(self, stats: GenerationStats | None) -> None:
        """Keep what a generation cost, as the engine reports it; several generations add up."""
        if stats is None:
            return
        for name in ("prompt_tokens", "prompt_tokens_reused", "decoded_tokens"):
            value = getattr(stats, name)
            if value is not None and name not in self.facts:
                self.facts[name] = value
        for name in ("prompt_ms", "decode_ms"):
            value = getattr(stats, name)
            if value is not None:
                self.facts[name] = self.facts.get(name, 0.0) + value

    def end(self, decision: str) -> None:
        """Close the trace with what was decided."""
        self.decision = decision
        self.stages_ms["total"] = self.elapsed_ms

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        return {
            "uri": self.uri,
            "language": self.language_id,
            "version": self.version,
            "offset": self.offset,
            "trigger": self.trigger,
            "source": self.source,
            "decision": self.decision,
            "stages_ms": {name: round(spent, 3) for name, spent in self.stages_ms.items()},
            "facts": dict(self.facts),
            "candidates": [_candidate(each) for each in self.candidates],
            **({"prompt": list(self.prompt)} if self.prompt else {}),
        }


class _Stage:
    """A stage being timed; a class, for a generator takes three times as long."""

    __slots__ = ("_began", "_name", "_stages_ms")

    def __init__(self, stages_ms: dict[str, float], name: str) -> None:
        self._stages_ms, self._name = stages_ms, name

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        spent = (time.perf_counter() - self._began) * 1e3
        self._stages_ms[self._name] = self._stages_ms.get(self._name, 0.0) + spent


def _candidate(candidate: Candidate) -> dict[str, Any]:
    return {
        "text": candidate.text,
        "score": candidate.score,
        "mean_log_prob": candidate.mean_log_prob,
        "finish_reason": candidate.finish_reason.value,
        "verdicts": [
            {"step": verdict.step, "action": verdict.action, "reason": verdict.reason}
            for verdict in candidate.verdicts
        ],
    }
