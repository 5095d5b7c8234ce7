"""Programs that a model writes on from a prompt: sampled, cut at stop texts, with what it thinks.

The protocol is Codex's (Chen et al. 2021, arXiv 2107.03374, section 2.3): nucleus sampling, and the
text ends at the first thing that begins something else at the left margin.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any
from zlib import crc32

from codelsp.context.completion_context import CompletionQuery
from codelsp.document.snapshot import DocumentSnapshot
from codelsp.document.syntax import parse
from codelsp.engine.port import FinishReason, GenerationRequest
from codelsp.errors import EngineUnavailableError
from codelsp.pipeline.journey import Journey
from codelsp.pipeline.pace import Pace
from codelsp.pipeline.trace import RequestTrace

if TYPE_CHECKING:
    from codelsp.engine.port import Token
    from codelsp.evaluation.engines import Judged

CODEX_STOPS = ("\nclass", "\ndef", "\n#", "\nif", "\nprint")
CODE_CLIPPY_STOPS = ("\ndef", "\nclass", "\n#", "\nif")
_ROOT = "file:///program"
_PAUSES_SECONDS = (0.5, 2.0, 8.0, 20.0)


class PromptStyle(Enum):
    """How a prompt that has nothing after it is asked."""

    PLAIN = "plain"
    """As text to go on from, the way of models without fill-in-the-middle, and of Codex."""
    INFILL = "infill"
    """As an infilling whose suffix is empty, the way an editor asks at a document's end."""


@dataclass(frozen=True)
class Sampling:
    """How continuations are drawn."""

    max_tokens: int = 256
    top_p: float = 0.95
    stops: tuple[str, ...] = CODEX_STOPS
    style: PromptStyle = PromptStyle.PLAIN

    def head(self) -> dict[str, Any]:
        """Return what results under these rules begin with."""
        return {
            "max_tokens": self.max_tokens,
            "top_p": self.top_p,
            "stops": list(self.stops),
            "prompt": self.style.value,
        }


@dataclass(frozen=True)
class Continuation:
    """What was written after a prompt."""

    text: str
    log_prob: float | None
    """Sum over its tokens, natural logarithm, before temperature; None where nothing told."""
    n_tokens: int
    has_ended: bool
    """Whether a stop text or the model ended it, not its length."""


async def request_of(judged: Judged, text: str, sampling: Sampling) -> GenerationRequest:
    """Return the request to go on from ``text``, to be varied by temperature and seed.

    Raises:
        EngineError: the engine does not answer.
    """
    if sampling.style is PromptStyle.INFILL:
        return await _infill_request(judged, text, sampling)
    rules = {"max_tokens": sampling.max_tokens, "top_p": sampling.top_p, "top_k": 0}
    if not judged.info.takes_token_ids:
        return GenerationRequest(text, stop_texts=sampling.stops, **rules)  # type: ignore[arg-type]
    start = () if judged.info.bos_id is None else (judged.info.bos_id,)
    ids = await judged.engine.tokenize(text)
    room = judged.info.context_tokens - sampling.max_tokens - len(start)
    return GenerationRequest((*start, *ids[-max(1, room) :]), **rules)  # type: ignore[arg-type]


async def _infill_request(judged: Judged, text: str, sampling: Sampling) -> GenerationRequest:
    most = sampling.max_tokens
    settings = replace(judged.settings, max_tokens=most, max_line_tokens=most, multiline="always")
    journey = Journey(judged.engine, judged.info, settings, Pace())
    document = DocumentSnapshot.of(f"{_ROOT}/program.py", "python", 1, text)
    query = CompletionQuery(document, len(text))
    context = journey.gather(query, parse(document), (), _ROOT)
    prompt = await journey.write_prompt(context, RequestTrace())
    first = journey.requests(prompt, context)[0]
    return replace(first, max_tokens=most, top_p=sampling.top_p, top_k=0)


async def continued(
    judged: Judged, request: GenerationRequest, stops: tuple[str, ...]
) -> Continuation:
    """Return one continuation; the engine is let go as soon as a stop text has come.

    An engine that is silent for a while, on a machine that is busy elsewhere, is asked again: the
    same request has the same answer, and hours of sampling are not to end at one hiccup.

    Raises:
        EngineError: the engine does not answer any more.
    """
    for pause in _PAUSES_SECONDS:
        try:
            return await _continued_once(judged, request, stops)
        except EngineUnavailableError:  # noqa: PERF203  # it is asked a few times
            await asyncio.sleep(pause)
    return await _continued_once(judged, request, stops)


async def _continued_once(
    judged: Judged, request: GenerationRequest, stops: tuple[str, ...]
) -> Continuation:
    healed = len(request.forced_prefix)
    stream = judged.engine.generate(request)
    tokens: list[Token] = []
    raw, end = "", None
    async with aclosing(stream.tokens):
        async for token in stream.tokens:
            tokens.append(token)
            raw += token.text
            end = first_stop(raw[healed:], stops)
            if end is not None:
                break
    reason = stream.stats.finish_reason if stream.stats else FinishReason.CUT
    text = raw[healed:] if end is None else raw[healed : healed + end]
    log_prob, n_tokens = _evidence(tokens, healed + len(text))
    return Continuation(text, log_prob, n_tokens, end is not None or reason is FinishReason.END)


def first_stop(text: str, stops: tuple[str, ...]) -> int | None:
    """Return where the first of ``stops`` begins in ``text``; None where there is none."""
    found = [place for stop in stops if (place := text.find(stop)) >= 0]
    return min(found, default=None)


def seed_of(*facts: object) -> int:
    """Return a seed that depends on all of ``facts``, the same on every machine, never 0."""
    return (crc32("/".join(map(str, facts)).encode()) & 0x7FFFFFFE) + 1


def _evidence(tokens: list[Token], length: int) -> tuple[float | None, int]:
    """Return the summed log-probability of the tokens that begin before ``length``, and how many.

    Raises nothing for tokens without one: then nothing is told.
    """
    total, n_tokens, place = 0.0, 0, 0
    for token in tokens:
        if place >= length:
            break
        place += len(token.text)
        if token.log_prob is not None:
            total += token.log_prob
            n_tokens += 1
    return (total, n_tokens) if n_tokens else (None, 0)
