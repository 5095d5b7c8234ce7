"""``Samples``: everything that the bench measured, unreduced."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from codelsp.evaluation.editor_session import Reply


ENGINE_STAGES = ("generate", "tokenize", "attached", "debounce", "wait for a slot")
"""Stages of a trace in which the server waits for the engine, or spares it."""


@dataclass
class Samples:
    """Times are in milliseconds, memory in millions of bytes."""

    initialize_ms: list[float] = field(default_factory=list)
    first_ghost_text_ms: list[float] = field(default_factory=list)
    typed_through_ms: list[float] = field(default_factory=list)
    answers: list[Reply] = field(default_factory=list)
    """One for each keystroke of the transcript."""
    places: list[tuple[str, str]] = field(default_factory=list)
    """Prefix and suffix, as the model saw them, of the keystrokes in ``from_model``."""
    plugin_places: list[tuple[str, str]] = field(default_factory=list)
    """The same, as a plugin without codelsp would send them."""
    large_file_answers: list[Reply] = field(default_factory=list)
    """One for each keystroke in the large file, as often as that was replayed."""
    infill_ms: list[float] = field(default_factory=list)
    infill_same_windows_ms: list[float] = field(default_factory=list)
    infill_tokens_read: list[float] = field(default_factory=list)
    tokens_after_cancel: list[float] = field(default_factory=list)
    jump_ms: list[float] = field(default_factory=list)
    """The first key at places that the cursor jumped to."""
    rested_jump_ms: list[float] = field(default_factory=list)
    """The same where it had rested there for a second, and the editor had said so."""
    server_mb: list[float] = field(default_factory=list)
    """Resident memory after each file."""
    engine_mb: list[float] = field(default_factory=list)

    @property
    def from_model(self) -> list[Reply]:
        """The keystrokes for which the model ran."""
        return [reply for reply in self.answers if reply.source == "model"]

    @property
    def large_file_rest_ms(self) -> list[float]:
        """What each keystroke in the large file took beside the engine, where the model ran.

        The median of its replays: a few milliseconds of one key are often the machine's, which had
        something else to do just then, and those of every replay are ours.
        """
        by_key: dict[int, list[float]] = {}
        for reply in self.large_file_answers:
            if reply.source == "model":
                rest = reply.elapsed_ms - reply.stages_ms(*ENGINE_STAGES)
                by_key.setdefault(reply.offset, []).append(rest)
        return [statistics.median(replays) for replays in by_key.values()]

    @property
    def tokens_read(self) -> list[float]:
        """Prompt tokens the engine read again, for each keystroke of ``from_model``."""
        counts = (
            (r.fact("prompt_tokens"), r.fact("prompt_tokens_reused")) for r in self.from_model
        )
        return [total - (reused or 0) for total, reused in counts if total is not None]

    def as_dict(self) -> dict[str, Any]:
        """Return everything but documents as plain values, for JSON."""
        replies = {"answers": self.answers, "large_file_answers": self.large_file_answers}
        left_out = {*replies, "places", "plugin_places"}
        plain = {name: vars(self)[name] for name in vars(self) if name not in left_out}
        return plain | {
            name: [{"elapsed_ms": reply.elapsed_ms, "trace": reply.trace} for reply in those]
            for name, those in replies.items()
        }
