"""``Candidate``: a text that might be shown, and what the steps have said of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codelsp.engine.port import FinishReason


@dataclass(frozen=True)
class Verdict:
    """What one step did: kept, shortened, flagged or dropped a candidate, and why."""

    step: str
    action: str
    """``kept``, ``changed``, ``flagged`` or ``dropped``."""
    reason: str = ""


@dataclass(frozen=True)
class Candidate:
    """Text to stand between ``start`` and ``end`` of the snapshot (code points, end exclusive).

    Until a step says otherwise ``start`` and ``end`` are both the cursor.
    """

    text: str
    start: int
    end: int
    log_probs: tuple[float, ...]
    """Of the tokens of ``text`` as generated; empty where the engine does not say."""
    finish_reason: FinishReason
    verdicts: tuple[Verdict, ...] = ()
    score: float | None = None
    """Set by ranking."""
    covered: str = ""
    """The document's text right of the cursor that the range replaces."""
    errors_left: int | None = None
    """Syntax errors around the cursor once the text stands there; None where nobody can say."""
    sureness: tuple[tuple[int, float], ...] = ()
    """After each token as generated: visible characters, and log-probability, so far."""

    public_source: str = ""
    """The public repository that it copies, with its license; empty if none is known."""

    @property
    def mean_log_prob(self) -> float | None:
        """Mean log-probability of a token (Chen et al. 2021, section 3.2), or None if unknown."""
        return sum(self.log_probs) / len(self.log_probs) if self.log_probs else None

    @property
    def is_dropped(self) -> bool:
        """Whether a step has dropped it."""
        return any(verdict.action == "dropped" for verdict in self.verdicts)

    def dropped(self, step: str, reason: str) -> Candidate:
        """Return the same candidate, dropped by ``step``."""
        return replace(self, verdicts=(*self.verdicts, Verdict(step, "dropped", reason)))

    def flagged(self, step: str, reason: str) -> Candidate:
        """Return the same candidate, with a warning of ``step``."""
        return replace(self, verdicts=(*self.verdicts, Verdict(step, "flagged", reason)))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Why steps have flagged it."""
        return tuple(each.reason for each in self.verdicts if each.action == "flagged")

    def changed(self, step: str, reason: str, **changes: object) -> Candidate:
        """Return the candidate with ``changes``, and a verdict of ``step`` that says why."""
        verdicts = (*self.verdicts, Verdict(step, "changed", reason))
        return replace(self, verdicts=verdicts, **changes)  # type: ignore[arg-type]  # checked by replace
