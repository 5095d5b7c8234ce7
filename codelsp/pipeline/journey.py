"""One request through all rooms, step by step; when and whether is the scheduler's affair.

The journey is a chain of small methods that reads like the list in ARCHITECTURE.md:
``gather`` -> ``write_prompt`` -> ``generate`` -> ``judge`` -> ``reply``.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from codelsp.candidates.clean import clean, prepare
from codelsp.candidates.first_line import first_line
from codelsp.candidates.stream_cut import StreamCut
from codelsp.candidates.sure_part import sure_part
from codelsp.context.completion_context import CompletionContext, CompletionQuery, Trigger
from codelsp.context.gather import ContextPolicy, gather_context
from codelsp.engine.port import (
    Engine,
    FinishReason,
    GenerationRequest,
    GenerationStream,
    ModelInfo,
    Token,
)
from codelsp.errors import EngineError
from codelsp.pipeline.generated import Generated
from codelsp.pipeline.mixture import mixed
from codelsp.pipeline.public_check import checked
from codelsp.prompt.build import PromptBudget, as_text, assemble, plan_prompt
from codelsp.prompt.fim import choose_layout, layout_named
from codelsp.prompt.prompt import Prompt, TextPiece
from codelsp.ranking import rank
from codelsp.recall import recall
from codelsp.reply import Insertion, place

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from codelsp.candidates.candidate import Candidate
    from codelsp.document.snapshot import DocumentSnapshot
    from codelsp.document.syntax import SyntaxTree
    from codelsp.pipeline.pace import Pace
    from codelsp.pipeline.trace import RequestTrace
    from codelsp.prompt.fim import FimLayout
    from codelsp.public_code.index import PublicCodeIndex
    from codelsp.settings import Settings

DEFAULT_CONTEXT_TOKENS = 1024
"""Of a prompt, when neither settings nor model ask for less: quality grows slowly beyond it, and a
cold prompt of this size is read in a fifth of a second by a small model on two cores."""
CHARS_PER_TOKEN = 4.0
"""Generous, so that windows of characters hold enough; ``assemble`` clips to exact tokens."""
_SUFFIX_SHARE = 0.25
_NEIGHBOR_SHARE = 0.25
_MOST_LINES = 12
_MOST_LINES_INVOKED = 40
_SAMPLED_TEMPERATURE = 0.6


@dataclass(frozen=True)
class Journey:
    """The steps for one model under one set of settings."""

    engine: Engine
    model: ModelInfo
    settings: Settings
    pace: Pace
    public_code: PublicCodeIndex | None = None
    """What suggestions are compared with; None compares with nothing."""

    @property
    def layout(self) -> FimLayout:
        """The fill-in-the-middle layout: the one set by name, else by the special tokens."""
        if self.settings.fim_layout != "auto":
            return layout_named(self.settings.fim_layout)
        return choose_layout(self.model.special_tokens)

    @property
    def context_tokens(self) -> int:
        """How long prompt and generation may be together."""
        wanted = self.settings.context_tokens or DEFAULT_CONTEXT_TOKENS
        return min(self.model.context_tokens, self.pace.most_context(wanted))

    def gather(
        self,
        query: CompletionQuery,
        tree: SyntaxTree | None,
        others: Sequence[DocumentSnapshot],
        root: str,
    ) -> CompletionContext:
        """Return what the model may look at for ``query``."""
        settings = self.settings
        multiline = settings.multiline
        if query.trigger is Trigger.AUTOMATIC and not self.pace.allows_lines():
            multiline = "never"
        chars = self.context_tokens * CHARS_PER_TOKEN
        policy = ContextPolicy(
            prefix_chars=int(chars * (1 - _SUFFIX_SHARE)),
            suffix_chars=int(chars * _SUFFIX_SHARE),
            neighbor_chars=int(self._neighbor_tokens() * CHARS_PER_TOKEN),
            multiline=multiline,
            use_neighbors=settings.neighbors and self.layout.reads_other_files,
        )
        return gather_context(query, tree, others, policy, root=root)

    def _neighbor_tokens(self) -> int:
        return min(self.settings.neighbor_tokens, int(self.context_tokens * _NEIGHBOR_SHARE))

    def _max_tokens(self, context: CompletionContext) -> int:
        settings = self.settings
        wanted = settings.max_tokens if context.multiline else settings.max_line_tokens
        if context.query.trigger is Trigger.INVOKED:
            return min(max(wanted, settings.max_tokens), self.context_tokens // 2)
        return min(self.pace.most_tokens(wanted), self.context_tokens // 2)

    async def write_prompt(self, context: CompletionContext, trace: RequestTrace) -> Prompt:
        """Return the prompt of ``context``, tokenized by the engine piece by piece."""
        budget = PromptBudget(
            self.context_tokens, self._max_tokens(context), self._neighbor_tokens()
        )
        layout = self.layout
        with trace.stage("plan"):
            plan = plan_prompt(context, layout, heal=self.model.takes_grammar)
        if not self.model.takes_token_ids:
            prompt = as_text(plan, budget)
        else:
            texts = [piece.text for piece in plan.pieces if isinstance(piece, TextPiece)]
            with trace.stage("tokenize"):
                ids = [await self.engine.tokenize(text) for text in texts]
            with trace.stage("assemble"):
                prompt = assemble(
                    plan, ids, self.model.special_tokens, budget, bos_id=self.model.bos_id
                )
        trace.facts.update(layout=layout.name, prompt_tokens_sent=prompt.n_tokens)
        if self.settings.trace:
            trace.note_prompt(prompt.parts)
        return prompt

    def requests(self, prompt: Prompt, context: CompletionContext) -> list[GenerationRequest]:
        """Return the generations to run: one unasked, several when the user asks.

        The first is as the settings say; the others are sampled, with fixed seeds, so that the
        same document gets the same answer.
        """
        settings = self.settings
        first = GenerationRequest(
            prompt=prompt.ids_or_text,
            max_tokens=prompt.max_tokens,
            temperature=settings.temperature,
            stop_ids=prompt.stop_ids,
            stop_texts=prompt.stop_texts,
            forced_prefix=prompt.healed,
        )
        if context.query.trigger is Trigger.AUTOMATIC:
            return [first]
        temperature = max(settings.temperature, _SAMPLED_TEMPERATURE)
        others = (
            replace(first, temperature=temperature, seed=seed)
            for seed in range(1, settings.candidates)
        )
        return [first, *others]

    async def generate(
        self,
        request: GenerationRequest,
        context: CompletionContext,
        trace: RequestTrace,
        on_text: Callable[[str], None],
    ) -> Generated:
        """Run one generation until it ends or its cut is known, telling ``on_text`` on the way."""
        (generated,) = await self.generate_all([request], context, trace, on_text)
        return generated

    async def generate_all(
        self,
        requests: Sequence[GenerationRequest],
        context: CompletionContext,
        trace: RequestTrace,
        on_text: Callable[[str], None],
    ) -> tuple[Generated, ...]:
        """Run several generations; ``on_text`` hears the first.

        All at once where the engine reads its weights once for all, as servers of teams do; one
        after another where they would only share the same cores, and each slot read the prompt.
        """

        def work(number: int) -> Coroutine[Any, Any, Generated]:
            listener = on_text if number == 0 else _ignore
            return self._generate(requests[number], context, trace, listener)

        numbers = range(len(requests))
        with trace.stage("generate"):
            if self.model.batches and len(requests) > 1:
                return await _at_once([work(number) for number in numbers])
            return tuple([await work(number) for number in numbers])

    async def _generate(
        self,
        request: GenerationRequest,
        context: CompletionContext,
        trace: RequestTrace,
        on_text: Callable[[str], None],
    ) -> Generated:
        is_invoked = context.query.trigger is Trigger.INVOKED
        cut = StreamCut(context, max_lines=_MOST_LINES_INVOKED if is_invoked else _MOST_LINES)
        stream = self.engine.generate(request)
        reader = _Reader(request.forced_prefix, cut)
        began = time.perf_counter()
        async with aclosing(stream.tokens):
            async for token in stream.tokens:
                reader.take(token)
                on_text(reader.text)
                if reader.kept_chars is not None:
                    break
        trace.note_stats(stream.stats)
        self.pace.note_stats(stream.stats, (time.perf_counter() - began) * 1e3)
        return reader.generated(stream)

    def look_ahead(self, context: CompletionContext) -> None:
        """Do now what ``judge`` will need, and the model has no part in.

        What is recalled is cleaned: the steps remember how the document parses with it.
        """
        prepare(context)
        recalled = self._recalled(context)
        if recalled is not None:
            clean(recalled.as_candidate(context.offset), context)

    def _recalled(self, context: CompletionContext) -> Generated | None:
        """Return what the open documents say; None if nothing, or nobody wants to know."""
        tokens = recall(context) if self.settings.recall else ()
        text = "".join(token.text for token in tokens)
        return Generated(text, tokens, FinishReason.CUT) if tokens else None

    def _with_recalled(
        self, generations: Sequence[Generated], context: CompletionContext
    ) -> list[Generated]:
        """Return ``generations`` and what the open documents say, each weighed by the other."""
        recalled = self._recalled(context)
        if recalled is None:
            return list(generations)
        heard = generations[0] if generations else None
        return [*(mixed(each, recalled) for each in generations), mixed(recalled, heard)]

    def cleaned(
        self, generations: Sequence[Generated], context: CompletionContext
    ) -> list[Candidate]:
        """Return the candidates of ``generations``, and of what is recalled, after every step."""
        opinions = self._with_recalled(generations, context)
        cleaned = [clean(each.as_candidate(context.offset), context) for each in opinions]
        if self.settings.insecure_code != "hide":
            return cleaned
        return [
            each.dropped("insecure_code", "it is insecure: " + "; ".join(each.warnings))
            if each.warnings and not each.is_dropped
            else each
            for each in cleaned
        ]

    def judge(
        self,
        generations: Sequence[Generated],
        context: CompletionContext,
        trace: RequestTrace,
    ) -> list[Candidate]:
        """Return the candidates worth showing, best first."""
        with trace.stage("clean"):
            cleaned = self.cleaned(generations, context)
        with trace.stage("rank"):
            alive = [candidate for candidate in cleaned if not candidate.is_dropped]
            if context.query.trigger is Trigger.AUTOMATIC:
                least = self.settings.threshold
                alive = [sure_part(candidate, context, least) for candidate in alive]
            ranked = rank(alive, context, self.settings.threshold)
        with trace.stage("public code"):
            ranked = checked(ranked, context, self.public_code, self.settings.public_code)
        trace.note_candidates([each for each in cleaned if each.is_dropped])
        trace.note_candidates(ranked)
        best = [candidate for candidate in ranked if not candidate.is_dropped]
        if context.query.trigger is Trigger.AUTOMATIC and best:
            line = first_line(best[0])
            best = [best[0]] if line is None or line.is_dropped else [best[0], line]
        return best

    def reply(
        self, candidates: Sequence[Candidate], context: CompletionContext
    ) -> tuple[Insertion, ...]:
        """Return the insertions of ``candidates``."""
        placed = (place(candidate, context, self.model.name) for candidate in candidates)
        if self.settings.insecure_code == "allow":
            return tuple(replace(each, warnings=()) for each in placed)
        return tuple(placed)


async def _at_once(works: Sequence[Coroutine[Any, Any, Generated]]) -> tuple[Generated, ...]:
    """Return what each of ``works`` returns; if one fails or we are cancelled, none goes on."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        return tuple(await asyncio.gather(*tasks))
    except EngineError:
        # Cancelled once only: ``gather`` has done so where we are cancelled ourselves.
        for task in tasks:
            task.cancel()
        raise
    finally:
        await asyncio.gather(*tasks, return_exceptions=True)


def _ignore(_text: str) -> None:
    """Nobody hears what the further candidates say before they are whole."""


class _Reader:
    """Puts a stream together: text without the healed part, tokens, and where the cut fell."""

    def __init__(self, healed: str, cut: StreamCut) -> None:
        self._healed = healed
        self._cut = cut
        self._raw = ""
        self._tokens: list[Token] = []
        self.kept_chars: int | None = None

    @property
    def text(self) -> str:
        """What stands after the cursor so far."""
        return self._raw[len(self._healed) :]

    def take(self, token: Token) -> None:
        """Take one token, and look whether enough has come."""
        before = len(self._raw)
        self._raw += token.text
        healed = len(self._healed)
        if len(self._raw) > healed or (not token.text and before >= healed):
            shown = token.text[max(0, healed - before) :]
            self._tokens.append(replace(token, text=shown))
            self.kept_chars = self._cut.kept_length(self.text)

    def generated(self, stream: GenerationStream) -> Generated:
        """Return what came; a stream that we closed ourselves ended by the cut."""
        if not self._raw.startswith(self._healed):
            return Generated("", (), FinishReason.END)
        if self.kept_chars is not None:
            return Generated(self.text, tuple(self._tokens), FinishReason.CUT, self.kept_chars)
        reason = stream.stats.finish_reason if stream.stats else FinishReason.LENGTH
        return Generated(self.text, tuple(self._tokens), reason)
