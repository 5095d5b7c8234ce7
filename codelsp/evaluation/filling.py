"""Fills one hole in every way that is compared.

* ``model``: the model alone, greedily, to its own end.
* ``model, no suffix``: the same model that does not see what comes after the cursor.
* ``pipeline``: what an editor would be shown: cut while it streams, cleaned, ranked.  It runs
  without a threshold and keeps its score, so that every threshold can be looked at afterwards.
* ``ranked of k``, ``random of k``, ``oracle of k``: the greedy candidate and sampled ones, cleaned;
  the one that ranking puts first, any of them, the best of them.
* ``n-gram cache`` and ``empty``: no model at all.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from codelsp.candidates.clean import clean
from codelsp.context.completion_context import CompletionQuery
from codelsp.engine.port import FinishReason
from codelsp.evaluation import scoring
from codelsp.evaluation.holes import Hole, HoleKind, closing
from codelsp.evaluation.ngram import Counts, NgramCache
from codelsp.evaluation.source_files import root_uri
from codelsp.pipeline.journey import Journey
from codelsp.pipeline.pace import Pace
from codelsp.pipeline.trace import RequestTrace
from codelsp.ranking import features, rank

if TYPE_CHECKING:
    from codelsp.candidates.candidate import Candidate
    from codelsp.context.completion_context import CompletionContext
    from codelsp.document.snapshot import DocumentSnapshot
    from codelsp.document.syntax import SyntaxTree
    from codelsp.engine.port import GenerationRequest
    from codelsp.evaluation.bits import BitsCounter
    from codelsp.evaluation.engines import Judged
    from codelsp.evaluation.source_files import SourceFile, SourceSet
    from codelsp.pipeline.generated import Generated

LINE_TOKENS, BLOCK_TOKENS = 40, 96
_NEIGHBORS = 6
_PROJECT_CHARS = 300_000
_SAMPLED_TEMPERATURE = 0.6
_NGRAM_TOKENS = {HoleKind.BLOCK: 100}
_NGRAM_LINE_TOKENS = 40

Outcome = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """A hole as the pipeline sees it."""

    hole: Hole
    document: DocumentSnapshot
    tree: SyntaxTree | None
    others: tuple[DocumentSnapshot, ...]

    @property
    def query(self) -> CompletionQuery:
        """What an editor asks there while its user types."""
        return CompletionQuery(self.document, self.hole.start)


@dataclass
class Filler:
    """Every way to fill a hole, for one model."""

    judged: Judged
    sources: SourceSet
    n_candidates: int = 0
    """How many candidates ``ranked of k`` and its companions have; 0 leaves them out."""
    bits: BitsCounter | None = None

    def __post_init__(self) -> None:
        settings = replace(self.judged.settings, threshold=0.0)
        long = replace(settings, max_tokens=BLOCK_TOKENS, max_line_tokens=LINE_TOKENS)
        # A fresh pace has measured nothing, so that a busy machine shortens no completion.
        self._shown = Journey(self.judged.engine, self.judged.info, settings, Pace())
        self._alone = Journey(self.judged.engine, self.judged.info, long, Pace())

    @property
    def reads_other_files(self) -> bool:
        """Whether the model has learned to read other files; if not, they are left out."""
        return self._shown.layout.reads_other_files

    async def fill(self, hole: Hole, *, across_files: bool) -> dict[str, Outcome]:
        """Return what came of ``hole`` in each way, by its name."""
        place = self._place(hole, across_files=across_files)
        found = await self._by_model(place)
        found.update(await self._by_pipeline(place))
        if not across_files and hole.kind is not HoleKind.BLOCK:
            found["model, no suffix"] = await self._without_suffix(hole)
        return found

    def _place(self, hole: Hole, *, across_files: bool) -> Place:
        from codelsp.document.syntax import parse

        document = hole.file.snapshot(hole.text)
        others = nearest(hole.file, self.sources) if across_files else ()
        return Place(hole, document, parse(document), tuple(each.snapshot() for each in others))

    def _context(self, journey: Journey, place: Place) -> CompletionContext:
        journey = replace(journey, pace=Pace())
        root = root_uri(place.hole.file.package)
        return journey.gather(place.query, place.tree, place.others, root)

    async def _by_model(self, place: Place) -> dict[str, Outcome]:
        context = self._context(self._alone, place)
        request = await self._request(self._alone, context)
        text, log_probs, reason = await self._written(request, place.hole.kind)
        outcome = _outcome(place, scoring.cut_to_kind(text, place.hole.kind))
        outcome["ended"] = reason is FinishReason.END
        outcome["mean_log_prob"] = sum(log_probs) / len(log_probs) if log_probs else None
        middle = context.dropped_indentation + place.hole.middle
        outcome["end_found"] = await self._end_found(request, middle)
        if place.hole.kind is HoleKind.REST_OF_LINE and not place.others:
            outcome["bits"] = await self._bits(request, middle)
        return {"model": outcome}

    async def _without_suffix(self, hole: Hole) -> Outcome:
        file = replace(hole.file, text=hole.file.text[: hole.start] + hole.middle)
        place = self._place(Hole(file, hole.kind, hole.start, len(file.text)), across_files=False)
        context = self._context(self._alone, place)
        text, _, reason = await self._written(
            await self._request(self._alone, context), place.hole.kind
        )
        outcome = _outcome(place, scoring.cut_to_kind(text, hole.kind))
        outcome["ended"] = reason is FinishReason.END
        return outcome

    async def _request(self, journey: Journey, context: CompletionContext) -> GenerationRequest:
        journey = replace(journey, pace=Pace())
        prompt = await journey.write_prompt(context, RequestTrace())
        limit = BLOCK_TOKENS if context.multiline else LINE_TOKENS
        return replace(journey.requests(prompt, context)[0], max_tokens=limit, temperature=0.0)

    async def _written(
        self, request: GenerationRequest, kind: HoleKind
    ) -> tuple[str, list[float], FinishReason]:
        """Return a greedy generation up to its end, or to where its kind is over."""
        healed = len(request.forced_prefix)
        stream = self.judged.engine.generate(request)
        raw, log_probs = "", []
        async with aclosing(stream.tokens):
            async for token in stream.tokens:
                raw += token.text
                if token.log_prob is not None:
                    log_probs.append(token.log_prob)
                if _is_over(raw[healed:], kind):
                    break
        reason = stream.stats.finish_reason if stream.stats else FinishReason.CUT
        return raw[healed:], log_probs, reason

    async def _end_found(self, request: GenerationRequest, middle: str) -> bool | None:
        """Return whether the model, having written the true middle, says that it is done."""
        if isinstance(request.prompt, str):
            return None
        ids = await self.judged.engine.tokenize(request.forced_prefix + middle)
        one = replace(request, prompt=(*request.prompt, *ids), max_tokens=1, forced_prefix="")
        stream = self.judged.engine.generate(one)
        text = ""
        async with aclosing(stream.tokens):
            async for token in stream.tokens:
                text += token.text
        reason = stream.stats.finish_reason if stream.stats else FinishReason.CUT
        return reason is FinishReason.END and not text

    async def _bits(self, request: GenerationRequest, middle: str) -> float | None:
        """Return the bits of the true middle; None where nothing can tell."""
        if self.bits is None or isinstance(request.prompt, str):
            return None
        ids = await self.judged.engine.tokenize(request.forced_prefix + middle)
        # In a thread: the engine's connections are not to wait for it.
        healed = request.forced_prefix if self.bits.texts else ""
        return round(await asyncio.to_thread(self.bits.bits, request.prompt, ids, healed), 3)

    async def _by_pipeline(self, place: Place) -> dict[str, Outcome]:
        journey = replace(self._shown, pace=Pace())
        context = self._context(journey, place)
        prompt = await journey.write_prompt(context, RequestTrace())
        first = journey.requests(prompt, context)[0]
        greedy = await journey.generate(first, context, RequestTrace(), _ignore)
        best = journey.judge([greedy], context, RequestTrace())
        found = {"pipeline": _shown_outcome(place, context, best[0] if best else None)}
        if self.n_candidates > 1 and place.hole.kind is HoleKind.REST_OF_LINE and not place.others:
            generations = [greedy]
            for seed in range(1, self.n_candidates):
                sampled = replace(first, temperature=_SAMPLED_TEMPERATURE, seed=seed)
                generations.append(
                    await journey.generate(sampled, context, RequestTrace(), _ignore)
                )
            found.update(_of_several(place, context, generations))
        return found


def without_model(hole: Hole, sources: SourceSet) -> dict[str, Outcome]:
    """Return what the baselines without a model make of ``hole``."""
    before, after = hole.file.text[: hole.start], hole.file.text[hole.end :]
    file = Counts.of([before, after])
    cache = NgramCache(file, _project_counts(sources, hole.file))
    text = cache.continued(
        before,
        lambda written: _is_over(written, hole.kind),
        _NGRAM_TOKENS.get(hole.kind, _NGRAM_LINE_TOKENS),
    )
    if hole.kind is HoleKind.BLOCK:
        text = _block_of(text, before)
    document = hole.file.snapshot(hole.text)
    from codelsp.document.syntax import parse

    place = Place(hole, document, parse(document), ())
    return {
        "n-gram cache": _outcome(place, scoring.cut_to_kind(text, hole.kind)),
        "empty": _outcome(place, ""),
    }


def nearest(file: SourceFile, sources: SourceSet) -> tuple[SourceFile, ...]:
    """Return the files that someone who edits ``file`` would have open: imported ones first."""
    imports = "\n".join(
        line for line in file.text.split("\n") if line.startswith(("import ", "from "))
    )
    folder = file.path.rpartition("/")[0]

    def distance(other: SourceFile) -> tuple[bool, bool, str]:
        stem = other.path.rpartition("/")[2].partition(".")[0]
        return (stem not in imports, other.path.rpartition("/")[0] != folder, other.path)

    beside = [each for each in sources.beside(file) if len(each.text) > 0]
    return tuple(sorted(beside, key=distance)[:_NEIGHBORS])


@lru_cache(maxsize=2)
def _counts_of(texts: tuple[str, ...]) -> Counts:
    return Counts.of(texts)


def _project_counts(sources: SourceSet, file: SourceFile) -> Counts:
    """Return the counts of the other files of the package, up to a bounded amount of text."""
    texts, n_chars = [], 0
    for other in sources.beside(file):
        if n_chars + len(other.text) > _PROJECT_CHARS:
            continue
        texts.append(other.text)
        n_chars += len(other.text)
    return _counts_of(tuple(texts))


def _is_over(text: str, kind: HoleKind) -> bool:
    """Whether what a hole of ``kind`` wants has come."""
    if kind is HoleKind.BLOCK:
        return False
    if kind is HoleKind.ARGUMENTS and closing(text, 0, len(text)) is not None:
        return True
    return bool(text.strip()) and "\n" in text.lstrip("\r\n")


def _block_of(text: str, before: str) -> str:
    """Return ``text`` up to where it is indented less than the block that it begins."""
    indentation = len(before) - before.rfind("\n") - 1
    kept = []
    for number, line in enumerate(text.split("\n")):
        if number and line.strip() and len(line) - len(line.lstrip()) < indentation:
            break
        kept.append(line)
    return "\n".join(kept).rstrip()


def _outcome(place: Place, text: str) -> Outcome:
    """Return how near ``text`` is to what stood there."""
    hole = place.hole
    written = text.lstrip() if _is_at_line_start(hole) else text
    return {
        "text": text,
        "exact": scoring.is_exact(text, hole) if _is_at_line_start(hole) else text == hole.middle,
        "first_line": scoring.is_first_line_exact(text, hole),
        "similarity": round(scoring.edit_similarity(text, hole.middle), 4),
        "parses": scoring.parses(place.tree, hole.start, hole.start, written),
    }


def _shown_outcome(
    place: Place, context: CompletionContext, candidate: Candidate | None
) -> Outcome:
    """Return what became of the one candidate that would be shown; ``shown`` is 0 without one."""
    if candidate is None:
        return {**_outcome(place, ""), "shown": False, "right": False, "score": None}
    from codelsp.reply import place as placed

    hole = place.hole
    inserted = scoring.inserted_text(
        placed(candidate, context, ""), place.document.text, hole.start
    )
    text = candidate.text if inserted is None else inserted
    is_right = inserted is not None and scoring.is_right(inserted, hole.middle)
    return {
        **_outcome(place, text),
        "shown": True,
        "right": is_right,
        "matched": 0 if inserted is None else scoring.matched_length(inserted, hole.middle),
        "score": candidate.score,
        "features": asdict(features(candidate, context)),
    }


def _of_several(
    place: Place, context: CompletionContext, generations: list[Generated]
) -> dict[str, Outcome]:
    cleaned = [clean(each.as_candidate(context.offset), context) for each in generations]
    ranked = [each for each in rank(cleaned, context, 0.0) if not each.is_dropped]
    outcomes = [_shown_outcome(place, context, each) for each in ranked]
    nothing = _shown_outcome(place, context, None)
    n = max(1, len(outcomes))
    means = {
        name: sum(float(each[name]) for each in outcomes) / n
        for name in ("exact", "first_line", "similarity", "parses", "right")
    }
    best = max(outcomes, key=lambda each: (each["exact"], each["similarity"]), default=nothing)
    return {
        "ranked of k": outcomes[0] if outcomes else nothing,
        "random of k": {**nothing, **means, "shown": bool(outcomes)},
        "oracle of k": best,
    }


def _is_at_line_start(hole: Hole) -> bool:
    return not hole.file.text[hole.file.text.rfind("\n", 0, hole.start) + 1 : hole.start].strip()


def _ignore(_text: str) -> None:
    """Nobody waits for the text on the way."""
