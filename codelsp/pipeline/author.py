"""``Author``: fills drafts, and writes bodies of functions, when the user asks for one.

Architecture invariant: nothing here changes a document; what comes out is a text to be applied.
Architecture invariant: cancelling the task stops the model.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from codelsp.context.completion_context import CompletionQuery, Trigger
from codelsp.document.edit import replace as replaced
from codelsp.document.languages import language_of
from codelsp.document.syntax import parse
from codelsp.drafts.bodies import body_place, whole_body
from codelsp.drafts.draft import Draft, Hole, HoleKind
from codelsp.drafts.filling import best, fit, is_cut_known, is_settled
from codelsp.errors import DraftError
from codelsp.pipeline.trace import RequestTrace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from codelsp.context.completion_context import CompletionContext
    from codelsp.document.functions import Function
    from codelsp.document.snapshot import DocumentSnapshot
    from codelsp.drafts.bodies import BodyPlace
    from codelsp.drafts.draft import Insert
    from codelsp.engine.port import GenerationRequest
    from codelsp.pipeline.generated import Generated
    from codelsp.pipeline.journey import Journey
    from codelsp.pipeline.workbench import Workbench
    from codelsp.reply import Insertion

    OnText = Callable[[str, float], None]

_LOADING_PAUSE_SECONDS = 0.2
_MOST_TOKENS = {HoleKind.SENTENCE: 32, HoleKind.EXPRESSION: 24}
_MOST_BODY_TOKENS = 192
_LEAST_CANDIDATES = 3


@dataclass(frozen=True)
class Written:
    """A text to replace ``start`` to ``end`` (offsets, end exclusive) of ``document``."""

    title: str
    document: DocumentSnapshot
    start: int
    end: int
    text: str
    """With the line ends of the document."""
    model: str
    also: Insert | None = None
    """What is to be inserted elsewhere with it."""
    is_new_file: bool = False
    n_holes: int = 0
    n_by_model: int = 0
    """How many of the holes the model has filled; the others hold what names and types say."""


@dataclass(frozen=True)
class _Work:
    """One draft being filled."""

    journey: Journey
    draft: Draft
    root: str
    on_text: OnText

    @property
    def document(self) -> DocumentSnapshot:
        return self.draft.document


class Author:
    """Writes what the user asks for by name, over one session's documents and engine."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._kept: tuple[tuple[str, str, BodyPlace], tuple[Written, ...]] | None = None

    def reason_refused(self, document: DocumentSnapshot, root: str) -> str:
        """Return why nothing may be written in ``document``, or an empty text."""
        query = CompletionQuery(document, 0, Trigger.INVOKED)
        return self._bench.admission.reason_refused(query, root)

    def reason_private(self, uri: str, root: str) -> str:
        """Return the privacy rule that excludes ``uri``, or an empty text."""
        return self._bench.admission.reason_uri_refused(uri, root)

    def admitted(
        self, documents: Sequence[DocumentSnapshot], root: str
    ) -> tuple[DocumentSnapshot, ...]:
        """Return the documents that may be looked at."""
        return self._bench.admission.admitted(documents, root)

    async def write(self, draft: Draft, root: str, on_text: OnText) -> Written:
        """Fill ``draft`` hole by hole.

        Args:
            draft: What to write.
            root: URI of the workspace folder; empty for none.
            on_text: Told the text so far, and which share of it is written, from time to time.

        Raises:
            DraftError: the document is private or paused, or what came out does not parse.
            EngineError: the engine cannot be had.
            ModelError: the model cannot be used.
            asyncio.CancelledError: the caller was cancelled; the model has been stopped.
        """
        on_text(draft.text(), 0.0)
        journey = await self._journey(draft.document, root)
        work = _Work(journey, draft, root, on_text)
        filled: list[str] = []
        n_by_model = 0
        for piece in draft.pieces:
            if isinstance(piece, Hole):
                words = await self._words(work, piece, filled)
                n_by_model += words is not None
                filled.append(piece.fallback if words is None else words)
        text = draft.text(tuple(filled))
        if draft.is_code and not _parses(draft, text):
            text, n_by_model = draft.text(), 0
            if not _parses(draft, text):
                raise DraftError(f"No {draft.title} came out that parse; nothing was changed.")
        on_text(text, 1.0)
        return Written(
            draft.title,
            draft.document,
            draft.start,
            draft.end,
            _with_line_ends(text, draft.document.text),
            journey.model.name,
            draft.also,
            draft.is_new_file,
            draft.n_holes,
            n_by_model,
        )

    async def complete(
        self,
        document: DocumentSnapshot,
        function: Function,
        cursor: int,
        root: str,
        on_text: OnText,
    ) -> tuple[Written, ...]:
        """Return different ways to go on with the body of ``function``, the best one first.

        Asked again of the same text, it answers from memory.

        Raises:
            DraftError: the document is private or paused, the function has no body to write, or
                nothing worth showing came out.
            EngineError: the engine cannot be had.
            ModelError: the model cannot be used.
            asyncio.CancelledError: the caller was cancelled; the model has been stopped.
        """
        place = body_place(document, function, cursor)
        asked = (document.uri, document.text, place)
        if self._kept is not None and self._kept[0] == asked:
            return self._kept[1]
        journey = await self._journey(document, root)
        settings = replace(
            journey.settings, multiline="always", threshold=0.0, max_tokens=_MOST_BODY_TOKENS
        )
        journey = replace(journey, settings=settings)
        probe = replaced(document, place.start, place.end, place.lead + place.closing)
        query = CompletionQuery(probe, place.start + len(place.lead), Trigger.INVOKED)
        insertions = await self._insertions(journey, query, root, on_text)
        title = f"body of {function.qualified_name}"
        tree = parse(document)
        found = (
            whole_body(document, function, place, _placed(document, place, probe, each), tree)
            for each in insertions
        )
        texts = dict.fromkeys(text for text in found if text is not None)
        if not texts:
            raise DraftError(
                f"The model {journey.model.name} has nothing to go on with in"
                f" `{function.qualified_name}`."
            )
        written = tuple(
            Written(title, document, place.start, place.end, text, journey.model.name)
            for text in texts
        )
        self._kept = (asked, written)
        return written

    async def _insertions(
        self, journey: Journey, query: CompletionQuery, root: str, on_text: OnText
    ) -> tuple[Insertion, ...]:
        """Return the candidates at a place, through every step that typing's go through."""
        context = journey.gather(
            query, parse(query.document), self._bench.others(query, root), root
        )
        trace = RequestTrace.of(query)
        prompt = await journey.write_prompt(context, trace)
        requests = journey.requests(prompt, context)
        found: list[Generated] = []
        for number, request in enumerate(requests):
            share = number / len(requests)
            show: Callable[[str], None] = _ignore if found else _told(on_text, share)
            async with self._bench.slots:
                found.append(await journey.generate(request, context, trace, show))
        return journey.reply(journey.judge(found, context, trace), context)

    async def _journey(self, document: DocumentSnapshot, root: str) -> Journey:
        refused = self.reason_refused(document, root)
        if refused:
            raise DraftError(f"Nothing is written here: {refused}.")
        while (journey := await self._bench.journey(document)) is None:  # noqa: ASYNC110  # over HTTP
            await asyncio.sleep(_LOADING_PAUSE_SECONDS)
        n_candidates = max(journey.settings.candidates, _LEAST_CANDIDATES)
        return replace(journey, settings=replace(journey.settings, candidates=n_candidates))

    async def _words(self, work: _Work, hole: Hole, filled: Sequence[str]) -> str | None:
        """Return the model's words for ``hole``, None if none of them fit."""
        before = _text_before(work.draft, filled, hole)
        context = self._context(work, before, hole)
        prompt = await work.journey.write_prompt(context, RequestTrace.of(context.query))
        language = language_of(work.document.language_id, work.document.uri)
        share = len(filled) / max(work.draft.n_holes, 1)
        show: Callable[[str], None] = _told(work.on_text, share, before)
        found: list[tuple[str, float | None]] = []
        for request in work.journey.requests(prompt, context):
            most = min(request.max_tokens, _MOST_TOKENS[hole.kind] + len(prompt.healed))
            text, mean = await self._generate(
                work.journey,
                replace(request, max_tokens=most),
                lambda text: is_cut_known(hole, text, language),
                show,
            )
            show = _ignore
            fitting = fit(hole, text, language)
            if fitting is not None and (hole.kind is HoleKind.EXPRESSION or fitting not in filled):
                found.append((fitting, mean))
            if is_settled(hole, found):
                break
        return best(hole, found)

    def _context(self, work: _Work, before: str, hole: Hole) -> CompletionContext:
        """Return what the model sees: the document with the draft up to the hole."""
        draft = work.draft
        snapshot = replaced(draft.document, draft.start, draft.end, before + hole.following)
        query = CompletionQuery(snapshot, draft.start + len(before), Trigger.INVOKED)
        others = self._bench.others(query, work.root)
        context = work.journey.gather(query, parse(snapshot), others, work.root)
        neighbors = context.neighbors
        if draft.neighbors and work.journey.layout.reads_other_files:
            neighbors = (*draft.neighbors, *neighbors)
        # The draft has put the indentation there; it is not the model's to write again.
        return replace(
            context,
            prefix=context.prefix + context.dropped_indentation,
            dropped_indentation="",
            neighbors=neighbors,
        )

    async def _generate(
        self,
        journey: Journey,
        request: GenerationRequest,
        is_enough: Callable[[str], bool],
        on_text: Callable[[str], None],
    ) -> tuple[str, float | None]:
        """Return what the model says until it is enough, and its mean log-probability."""
        healed, raw = request.forced_prefix, ""
        log_probs: list[float] = []
        async with self._bench.slots:
            stream = journey.engine.generate(request)
            async with aclosing(stream.tokens):
                async for token in stream.tokens:
                    raw += token.text
                    if token.log_prob is not None:
                        log_probs.append(token.log_prob)
                    text = raw[len(healed) :]
                    on_text(text)
                    if is_enough(text):
                        break
        mean = sum(log_probs) / len(log_probs) if log_probs else None
        return (raw[len(healed) :] if raw.startswith(healed) else ""), mean


def _text_before(draft: Draft, filled: Sequence[str], hole: Hole) -> str:
    words = iter(filled)
    before = ""
    for piece in draft.pieces:
        if piece is hole:
            break
        before += next(words) if isinstance(piece, Hole) else piece
    return before


def _placed(
    document: DocumentSnapshot, place: BodyPlace, probe: DocumentSnapshot, insertion: Insertion
) -> str:
    """Return what is to stand at ``place`` for ``insertion``, which belongs to the probe."""
    whole = probe.text[: insertion.start] + insertion.text + probe.text[insertion.end :]
    text = whole[place.start : len(whole) - (len(document.text) - place.end)]
    return _with_line_ends(text.replace("\r\n", "\n"), document.text)


def _parses(draft: Draft, text: str) -> bool:
    """Whether the document has no more syntax errors with ``text`` in it."""
    before = parse(draft.document)
    after = parse(replaced(draft.document, draft.start, draft.end, text))
    if before is None or after is None:
        return True
    n_before = before.error_count(0, len(draft.document.text))
    return after.error_count(0, len(after.document.text)) <= n_before


def _with_line_ends(text: str, document: str) -> str:
    """Return ``text`` with the line ends of ``document``."""
    if "\r\n" in document:
        return text.replace("\n", "\r\n")
    return text


def _told(on_text: OnText, share: float, before: str = "") -> Callable[[str], None]:
    """Return what tells ``on_text`` of a generation behind ``before``."""
    return lambda text: on_text(before + text.lstrip(), share)


def _ignore(_text: str) -> None:
    """Only the first candidate is shown while it comes."""
