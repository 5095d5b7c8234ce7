"""``Generation``: one request, step by step; each step runs the model once at most.

A generation is a generator of lists of events, so that whoever drives it can stop between any two
runs of the model, and let several take turns.

Architecture invariant: a generation that is closed runs the model no more.
"""

from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from codelsp.errors import EngineError
from codelsp.torch_engine.drafts import DraftBook
from codelsp.torch_engine.sampling import (
    Choice,
    Sampling,
    chosen_tokens,
    length_of_shortlists,
    sampled_token,
)
from codelsp.torch_engine.text_watch import TextWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from torch import Tensor

    from codelsp.torch_engine.decoder import Decoder
    from codelsp.torch_engine.sampling import Shortlists
    from codelsp.torch_engine.sessions import Session
    from codelsp.torch_engine.stop_rules import StopRule

_MS = 1e3


class NanError(EngineError):
    """The model computes no numbers."""


@dataclass(frozen=True)
class GenerationPlan:
    """What is to be generated."""

    prompt: tuple[int, ...]
    """At least one token."""
    max_tokens: int
    """Of each candidate; 0 reads the prompt only, -1 goes on until the context is full."""
    sampling: Sampling = field(default_factory=Sampling)
    n_candidates: int = 1
    end_ids: frozenset[int] = frozenset()
    """Tokens that end a text; they are not part of it."""
    stop_texts: tuple[str, ...] = ()
    stop_rule: Callable[[], StopRule] | None = None
    forced: bytes = b""
    """Every candidate begins with these bytes (token healing)."""
    n_top: int = 0
    """How many of the likeliest tokens are told at each step."""
    reuses_sessions: bool = True
    slot: int | None = None
    n_keep: int = 0
    """Tokens at the start that stay when the context overflows."""
    most_predict_ms: float = 0.0
    """Time for writing, once a line has ended; 0 for no limit."""
    adapter: str = ""
    uses_drafts: bool = True


@dataclass(frozen=True)
class PromptProgress:
    """How much of the prompt has been read."""

    n_total: int
    n_reused: int
    n_read: int
    elapsed_ms: float


@dataclass(frozen=True)
class TokensWritten:
    """Text that is certain now, and the tokens that it came from."""

    candidate: int
    text: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True)
class CandidateEnded:
    """One candidate is done."""

    candidate: int
    reason: str
    """``eos``, ``limit``, ``word`` or ``rule``."""
    stop_text: str = ""


@dataclass
class Figures:
    """What a generation has cost so far."""

    n_prompt: int = 0
    n_reused: int = 0
    n_read: int = 0
    prompt_ms: float = 0.0
    n_written: int = 0
    predict_ms: float = 0.0
    n_drafted: int = 0
    n_drafts_held: int = 0
    is_truncated: bool = False
    """Whether the context overflowed."""
    n_cached: int = 0
    """Tokens of the session by now."""


Event = PromptProgress | TokensWritten | CandidateEnded


class _Candidate:
    """One of the texts that are written."""

    def __init__(self, number: int, plan: GenerationPlan) -> None:
        self.number = number
        self.watch = TextWatch(plan.stop_texts, plan.stop_rule() if plan.stop_rule else None)
        self.forced = plan.forced
        self.chance = random.Random(plan.sampling.seed + number)  # noqa: S311  # no secret
        self.tokens: list[int] = []
        self.untold: list[Choice] = []
        self.is_done = False


class _Drawn(NamedTuple):
    """The token that a candidate goes on with."""

    row: int
    """Which one of the model's scores it was drawn from."""
    candidate: _Candidate
    choice: Choice


class Generation:
    """One request to ``decoder``."""

    def __init__(self, plan: GenerationPlan, decoder: Decoder) -> None:
        self.plan = plan
        self.figures = Figures(n_prompt=len(plan.prompt))
        self._decoder = decoder
        self._candidates = [_Candidate(number, plan) for number in range(plan.n_candidates)]
        self._read_at = 0.0

    def steps(self) -> Generator[list[Event], None, None]:
        """Yield the events of each run of the model.

        Raises:
            NanError: the model computes NaN.
            EngineUnavailableError: there is not enough memory.
        """
        plan, pool = self.plan, self._decoder.pool
        begun = time.perf_counter()
        session = pool.take(
            plan.prompt, adapter=plan.adapter, slot=plan.slot, reuse=plan.reuses_sessions
        )
        self.figures.n_reused = session.cache.length
        try:
            logits = yield from self._read_prompt(session, begun)
            if plan.max_tokens == 0:
                yield [CandidateEnded(each.number, "limit") for each in self._candidates]
            elif plan.n_candidates == 1:
                yield from self._write_one(session, logits)
            else:
                yield from self._write_several(session, logits)
        finally:
            self.figures.n_cached = session.cache.length
            pool.give_back(session)
            if not plan.reuses_sessions:
                pool.drop(session)

    def _read_prompt(self, session: Session, begun: float) -> Generator[list[Event], None, Tensor]:
        """Read what is new of the prompt, in chunks; return the scores of what follows."""
        prompt, figures = self.plan.prompt, self.figures
        while True:
            start = session.cache.length
            end = min(start + self._decoder.chunk_tokens, len(prompt))
            is_last = end == len(prompt)
            logits = self._run(session, prompt[start:end], n_last=int(is_last))
            figures.n_read += end - start
            figures.prompt_ms = (time.perf_counter() - begun) * _MS
            yield [PromptProgress(len(prompt), figures.n_reused, figures.n_read, figures.prompt_ms)]
            if is_last:
                self._read_at = time.perf_counter()
                return logits

    def _write_one(self, session: Session, logits: Tensor) -> Generator[list[Event], None, None]:
        candidate = self._candidates[0]
        choices = self._chosen([candidate], logits[:, -1])
        drafts = self._draft_book()
        while True:
            events = [event for choice in choices for event in self._written(candidate, choice)]
            yield events
            if candidate.is_done:
                return
            if drafts is not None:
                for choice in choices:
                    drafts.add(choice.token)
            draft = drafts.draft()[: self._draft_room(session, candidate)] if drafts else []
            if session.cache.length + 1 > self._decoder.context_tokens:
                if self.plan.max_tokens < 0:
                    yield self._ended(candidate, "limit")
                    return
                yield from self._drop_half(session)
            choices = self._next(session, candidate, choices[-1].token, draft, drafts)

    def _next(
        self,
        session: Session,
        candidate: _Candidate,
        token: int,
        draft: list[int],
        drafts: DraftBook | None,
    ) -> list[Choice]:
        """Read ``token`` and the draft after it; return the tokens that are certain by then."""
        if not draft or drafts is None:
            return self._chosen([candidate], self._run(session, [token], n_last=1)[:, -1])
        start = session.cache.length
        logits = self._run(session, [token, *draft], n_last=1 + len(draft))[0]
        lists = self._decoder.shortlists(logits, max(2, self.plan.n_top))
        choices = lists.choices(self.plan.n_top)
        n_sure = self._n_sure(lists)
        n_held = 0
        while n_held < min(len(draft), n_sure - 1) and choices[n_held].token == draft[n_held]:
            n_held += 1
        drafts.tell(len(draft), n_held)
        self.figures.n_drafted += len(draft)
        self.figures.n_drafts_held += n_held
        if n_sure == 0:
            session.cut(start)
            return self._chosen([candidate], self._run(session, [token], n_last=1)[:, -1])
        session.cut(start + 1 + n_held)
        self._refuse_nan(choices)
        return choices[: n_held + 1]

    def _n_sure(self, lists: Shortlists) -> int:
        """Return how many of the rows, from the first, have a best token beyond doubt.

        Several tokens are not read with exactly the same rounding as one alone, so where two
        tokens are too close the draft proves nothing.
        """
        margin = self._decoder.draft_margin(self.plan.adapter)
        is_sure = (lists.scores[:, 0] - lists.scores[:, 1] > margin).tolist()
        return is_sure.index(False) if False in is_sure else len(is_sure)

    def _write_several(
        self, session: Session, logits: Tensor
    ) -> Generator[list[Event], None, None]:
        """Write all candidates side by side, from one reading of the prompt.

        Candidates that have drawn the same tokens so far are one row, which the model reads once.
        """
        rows = [list(self._candidates)]
        cache = self._decoder.branched(session.cache, adapter=self.plan.adapter)
        scores = logits[:, -1]
        while True:
            drawn = self._drawn(rows, scores)
            yield [event for each in drawn for event in self._written(each.candidate, each.choice)]
            if cache.length + 1 > self._decoder.context_tokens:
                yield [event for each in drawn if not each.candidate.is_done
                       for event in self._ended(each.candidate, "limit")]  # fmt: skip
            following: dict[tuple[int, int], list[_Candidate]] = {}
            for each in drawn:
                if not each.candidate.is_done:
                    following.setdefault((each.row, each.choice.token), []).append(each.candidate)
            if not following:
                return
            origins = [row for row, _ in following]
            if origins != list(range(len(rows))):
                cache.select_rows(origins)
            ids = [[token] for _, token in following]
            rows = list(following.values())
            scores = self._decoder.run(cache, ids, 1, adapter=self.plan.adapter)[:, -1]

    def _drawn(self, rows: Sequence[Sequence[_Candidate]], scores: Tensor) -> list[_Drawn]:
        """Return the next token of each candidate; ``scores`` has a row for each of ``rows``."""
        candidates = [each for row in rows for each in row]
        places = [place for place, row in enumerate(rows) for _ in row]
        choices = self._chosen(candidates, scores, places)
        return [_Drawn(*each) for each in zip(places, candidates, choices, strict=True)]

    def _run(self, session: Session, ids: Sequence[int], n_last: int) -> Tensor:
        logits = self._decoder.run(session.cache, [ids], n_last, adapter=self.plan.adapter)
        session.tokens.extend(ids)
        return logits

    def _drop_half(self, session: Session) -> Generator[list[Event], None, None]:
        """Make room: forget the older half of what need not be kept, and read the rest again."""
        self.figures.is_truncated = True
        keep = min(self.plan.n_keep, session.cache.length // 2)
        rest = session.tokens[keep:]
        again = rest[(len(rest) + 1) // 2 :]
        session.cut(keep)
        for start in range(0, len(again), self._decoder.chunk_tokens):
            self._run(session, again[start : start + self._decoder.chunk_tokens], n_last=0)
            yield []

    def _draft_book(self) -> DraftBook | None:
        plan = self.plan
        may_draft = (
            plan.uses_drafts and plan.sampling.is_greedy and not plan.sampling.changes_scores
        )
        if not may_draft or self._decoder.draft_tokens == 0 or plan.forced:
            return None
        return DraftBook(plan.prompt, self._decoder.draft_tokens)

    def _draft_room(self, session: Session, candidate: _Candidate) -> int:
        """Return how many tokens a draft may have: no more than are wanted, or fit."""
        room = self._decoder.context_tokens - session.cache.length - 1
        if self.plan.max_tokens > 0:
            room = min(room, self.plan.max_tokens - len(candidate.tokens) - 1)
        return max(room, 0)

    def _chosen(
        self, candidates: Sequence[_Candidate], logits: Tensor, rows: Sequence[int] = (0,)
    ) -> list[Choice]:
        """Return the next token of each candidate; ``rows`` says which one of ``logits`` is its."""
        plan = self.plan
        if plan.sampling.changes_scores or any(each.forced for each in candidates):
            pairs = zip(candidates, rows, strict=True)
            choices = [self._sampled(candidate, logits[row]) for candidate, row in pairs]
        else:
            length = length_of_shortlists(plan.sampling, plan.n_top, logits.shape[-1])
            choices = chosen_tokens(
                self._decoder.shortlists(logits, length).of_rows(rows),
                plan.sampling,
                [each.chance for each in candidates],
                ends=plan.end_ids,
                n_top=plan.n_top,
            )
        self._refuse_nan(choices)
        return choices

    def _sampled(self, candidate: _Candidate, logits: Tensor) -> Choice:
        table = self._decoder.vocabulary.bytes
        allowed = table.fitting(candidate.forced) if candidate.forced else None
        choice = sampled_token(
            logits,
            self.plan.sampling,
            candidate.chance,
            history=[*self.plan.prompt, *candidate.tokens],
            ends=self.plan.end_ids,
            n_top=self.plan.n_top,
            allowed=allowed or None,
        )
        if candidate.forced:
            candidate.forced = candidate.forced[
                len(self._decoder.vocabulary.written(choice.token)) :
            ]
        return choice

    def _refuse_nan(self, choices: Sequence[Choice]) -> None:
        if any(math.isnan(choice.log_prob) for choice in choices):
            raise NanError(
                "The model computes NaN, so its weights or their precision are at fault;"
                " try `--dtype float32`, or get the files again."
            )

    def _written(self, candidate: _Candidate, choice: Choice) -> list[Event]:
        """Add a token to a candidate; return what there is to tell."""
        if candidate.is_done:
            return []
        candidate.tokens.append(choice.token)
        self.figures.n_written += 1
        self.figures.predict_ms = (time.perf_counter() - self._read_at) * _MS
        if choice.token in self.plan.end_ids:
            return self._ended(candidate, "eos")
        text = candidate.watch.add(self._decoder.vocabulary.written(choice.token))
        candidate.untold.append(choice)
        ending = candidate.watch.ending
        if ending is not None:
            return [*self._told(candidate, text), *self._ended(candidate, ending.reason)]
        events = self._told(candidate, text) if text or not candidate.watch.is_holding else []
        if len(candidate.tokens) == self.plan.max_tokens or self._is_late(candidate):
            events += self._ended(candidate, "limit")
        return events

    def _told(self, candidate: _Candidate, text: str) -> list[Event]:
        choices, candidate.untold = tuple(candidate.untold), []
        return [TokensWritten(candidate.number, text, choices)] if choices or text else []

    def _ended(self, candidate: _Candidate, reason: str) -> list[Event]:
        candidate.is_done = True
        ending = candidate.watch.ending
        rest = candidate.watch.rest()
        events = self._told(candidate, rest) if rest or candidate.untold else []
        return [
            *events,
            CandidateEnded(candidate.number, reason, ending.stop_text if ending else ""),
        ]

    def _is_late(self, candidate: _Candidate) -> bool:
        limit = self.plan.most_predict_ms
        return 0 < limit < self.figures.predict_ms and "\n" in candidate.watch.text
