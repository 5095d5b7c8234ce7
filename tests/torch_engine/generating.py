"""Generations run to their end, without a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codelsp.torch_engine.generation import CandidateEnded, TokensWritten

if TYPE_CHECKING:
    from codelsp.torch_engine.generation import Event, Generation


def events_of(generation: Generation) -> list[Event]:
    """Return everything that happens."""
    return [event for step in generation.steps() for event in step]


def tokens_of(generation: Generation, candidate: int = 0) -> list[int]:
    """Return the tokens of one candidate."""
    return [
        choice.token
        for event in events_of(generation)
        if isinstance(event, TokensWritten) and event.candidate == candidate
        for choice in event.choices
    ]


def text_and_reason(generation: Generation, candidate: int = 0) -> tuple[str, str]:
    """Return the text of one candidate, and why it ended."""
    events = events_of(generation)
    text = "".join(
        event.text
        for event in events
        if isinstance(event, TokensWritten) and event.candidate == candidate
    )
    reasons = [
        event.reason
        for event in events
        if isinstance(event, CandidateEnded) and event.candidate == candidate
    ]
    (reason,) = reasons
    return text, reason
