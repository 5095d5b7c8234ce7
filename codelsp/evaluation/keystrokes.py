"""What a typist would be offered at every key, kept so that any score and threshold can be tried.

The pipeline runs at each place of a transcript without a threshold, in this process.  Taking a
completion leaves the same document as typing it, so one pass is enough to replay the typist under
every threshold and every way to score (``replayed``).
What the server adds, answers kept from one key to the next, is left out here; ``typist`` has it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from codelsp.candidates.sure_part import sure_part
from codelsp.context.completion_context import CompletionQuery
from codelsp.document.syntax import parse
from codelsp.evaluation.scoring import inserted_text
from codelsp.evaluation.source_files import root_uri
from codelsp.evaluation.typist import offer_of, runs_of
from codelsp.pipeline.journey import Journey
from codelsp.pipeline.pace import Pace
from codelsp.pipeline.trace import RequestTrace
from codelsp.ranking import estimate, features, saving
from codelsp.reply import place

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from codelsp.candidates.candidate import Candidate
    from codelsp.context.completion_context import CompletionContext
    from codelsp.document.snapshot import DocumentSnapshot
    from codelsp.evaluation.engines import Judged
    from codelsp.evaluation.ledger import Record
    from codelsp.evaluation.typist import TypingTask

THRESHOLDS = tuple(step / 20 for step in range(1, 18))
"""Those that are tried: 0.05 to 0.85."""
_UNKNOWN = "\0"
"""What nobody types: a completion that changes what stands around it."""


async def offers_in(judged: Judged, task: TypingTask) -> Record:
    """Return, for each run of keys, its length and what is offered after each key.

    A run is ``{"chars": int, "ends": [offset after each key], "offers": [[...], ...]}``; offers
    after one key differ in where they were cut, and say for which thresholds they stand.
    """
    others = tuple(each.snapshot() for each in task.beside)
    text = task.transcript.text
    runs: list[Record] = []
    tree = None
    for keys in runs_of(task.transcript.keys):
        truth = "".join(key.text for key in keys)
        ends: list[int] = []
        offers: list[list[Record]] = []
        for key in keys:
            text = text[: key.offset] + key.text + text[key.offset :]
            ends.append((ends[-1] if ends else 0) + len(key.text))
            document = task.file.snapshot(text)
            tree = parse(document, tree)
            query = CompletionQuery(document, key.offset + len(key.text))
            found = await _candidates(judged, query, tree, others, task.file.package)
            offers.append(_offers(*found, truth[ends[-1] :]))
        runs.append({"chars": len(truth), "ends": ends, "offers": offers})
    return {"file": task.file.key, "package": task.file.package, "runs": runs}


async def _candidates(
    judged: Judged,
    query: CompletionQuery,
    tree: Any,
    others: tuple[DocumentSnapshot, ...],
    package: str,
) -> tuple[list[Candidate], CompletionContext]:
    """Return the cleaned candidates at one place, whole."""
    journey = Journey(judged.engine, judged.info, judged.settings, Pace())
    context = journey.gather(query, tree, others, root_uri(package))
    prompt = await journey.write_prompt(context, RequestTrace())
    request = journey.requests(prompt, context)[0]
    journey = replace(journey, pace=Pace())
    generated = await journey.generate(request, context, RequestTrace(), _ignore)
    cleaned = journey.cleaned([generated], context)
    return [candidate for candidate in cleaned if not candidate.is_dropped], context


def _offers(
    candidates: Sequence[Candidate], context: CompletionContext, truth: str
) -> list[Record]:
    """Return what would be offered at each threshold; the same text only once."""
    found: dict[str, Record] = {}
    for threshold in THRESHOLDS:
        cuts = (sure_part(candidate, context, threshold) for candidate in candidates)
        cut = max(cuts, key=lambda each: saving(each, context), default=None)
        if cut is None:
            return []
        if cut.text not in found:
            found[cut.text] = _judged(cut, context, truth)
        found[cut.text]["thresholds"].append(threshold)
    return list(found.values())


def _judged(candidate: Candidate, context: CompletionContext, truth: str) -> Record:
    document = context.query.document.text
    inserted = inserted_text(place(candidate, context, ""), document, context.offset)
    offer = offer_of(_UNKNOWN if inserted is None else inserted, truth)
    known = asdict(features(candidate, context))
    return {
        "thresholds": [],
        "score": round(estimate(candidate, context), 5),
        "features": {name: round(value, 4) for name, value in known.items()},
        "has_log_probs": bool(candidate.log_probs),
        "length": len(offer.text),
        "taken": offer.taken,
        "matched": offer.matched,
    }


@dataclass
class Replay:
    """Counts of a typist at one threshold."""

    keys_without: int = 0
    keys_used: int = 0
    asked: int = 0
    shown: int = 0
    right: int = 0

    @property
    def saved(self) -> float:
        """Keystrokes saved, as a share."""
        return 1.0 - self.keys_used / max(1, self.keys_without)

    @property
    def precision(self) -> float | None:
        """Right among shown."""
        return self.right / self.shown if self.shown else None


def replayed(
    records: Sequence[Record], score: Callable[[Record], float], threshold: float
) -> Replay:
    """Type every record again, shown what is cut for ``threshold`` and scores that much."""
    replay = Replay()
    for record in records:
        for run in record["runs"]:
            _type(run, score, threshold, replay)
    return replay


def _type(run: Record, score: Callable[[Record], float], threshold: float, replay: Replay) -> None:
    at = dict(zip(run["ends"], run["offers"], strict=True))
    replay.keys_without += len(run["ends"])
    typed = 0
    while typed < run["chars"]:
        typed = next(end for end in run["ends"] if end > typed)
        replay.keys_used += 1
        while typed < run["chars"]:
            replay.asked += 1
            offer = offer_at(at.get(typed, ()), threshold)
            if offer is None or score(offer) < threshold:
                break
            replay.shown += 1
            if not offer["taken"]:
                break
            replay.right += 1
            replay.keys_used += 1
            typed += offer["taken"]


def offer_at(offers: Sequence[Record], threshold: float) -> Record | None:
    """Return the offer that stands for ``threshold``, one of ``THRESHOLDS``; None without one."""
    return next((offer for offer in offers if threshold in offer["thresholds"]), None)


def _ignore(_text: str) -> None:
    """Nobody waits for the text on the way."""
