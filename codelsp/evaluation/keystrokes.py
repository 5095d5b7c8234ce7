"""What a typist would be offered at every key, kept so that any score and threshold can be tried.

The pipeline runs at each place of a transcript without a threshold, in this process.  Taking a
completion leaves the same document as typing it, so one pass is enough to replay the typist under
every threshold and every way to score (``replayed``).
What the server adds, answers kept from one key to the next, is left out here; ``typist`` has it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from codelsp.context.completion_context import CompletionQuery
from codelsp.document.syntax import parse
from codelsp.evaluation.scoring import inserted_text
from codelsp.evaluation.source_files import root_uri
from codelsp.evaluation.typist import offer_of, runs_of
from codelsp.pipeline.journey import Journey
from codelsp.pipeline.pace import Pace
from codelsp.pipeline.trace import RequestTrace
from codelsp.ranking import features
from codelsp.reply import place

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from codelsp.document.snapshot import DocumentSnapshot
    from codelsp.evaluation.engines import Judged
    from codelsp.evaluation.ledger import Record
    from codelsp.evaluation.typist import TypingTask

Score = Any


async def offers_in(judged: Judged, task: TypingTask) -> Record:
    """Return, for each run of keys, its length and what is offered after each key.

    A run is ``{"chars": int, "ends": [offsets after each key], "offers": [Offer as dict or None]}``.
    """
    others = tuple(each.snapshot() for each in task.beside)
    text = task.transcript.text
    runs: list[Record] = []
    tree = None
    for keys in runs_of(task.transcript.keys):
        truth = "".join(key.text for key in keys)
        ends: list[int] = []
        offers: list[Record | None] = []
        for key in keys:
            text = text[: key.offset] + key.text + text[key.offset :]
            ends.append((ends[-1] if ends else 0) + len(key.text))
            document = task.file.snapshot(text)
            tree = parse(document, tree)
            query = CompletionQuery(document, key.offset + len(key.text))
            found = await _offer(judged, query, tree, others, task.file.package)
            offers.append(None if found is None else _judged(found, truth[ends[-1] :]))
        runs.append({"chars": len(truth), "ends": ends, "offers": offers})
    return {"file": task.file.key, "package": task.file.package, "runs": runs}


def _judged(found: Record, truth: str) -> Record:
    offer = offer_of(found.pop("inserted"), truth)
    return {**found, "length": len(offer.text), "taken": offer.taken, "matched": offer.matched}


async def _offer(
    judged: Judged,
    query: CompletionQuery,
    tree: Any,
    others: tuple[DocumentSnapshot, ...],
    package: str,
) -> Record | None:
    """Return the best candidate at one place, with what is known of it."""
    journey = Journey(judged.engine, judged.info, replace(judged.settings, threshold=0.0), Pace())
    context = journey.gather(query, tree, others, root_uri(package))
    prompt = await journey.write_prompt(context, RequestTrace())
    request = journey.requests(prompt, context)[0]
    journey = replace(journey, pace=Pace())
    generated = await journey.generate(request, context, RequestTrace(), _ignore)
    best = journey.judge([generated], context, RequestTrace())
    if not best:
        return None
    insertion = place(best[0], context, "")
    inserted = inserted_text(insertion, query.document.text, query.offset)
    return {
        "inserted": "\0" if inserted is None else inserted,
        "score": best[0].score,
        "mean_log_prob": best[0].mean_log_prob,
        "log_probs": [round(each, 3) for each in best[0].log_probs],
        "features": {k: round(v, 4) for k, v in asdict(features(best[0], context)).items()},
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
    """Type every record again, shown what scores at least ``threshold``."""
    replay = Replay()
    for record in records:
        for run in record["runs"]:
            _type(run, score, threshold, replay)
    return replay


def _type(
    run: Record, score: Callable[[Record], float], threshold: float, replay: Replay
) -> None:
    at = {end: offer for end, offer in zip(run["ends"], run["offers"], strict=True)}
    replay.keys_without += len(run["ends"])
    typed = 0
    while typed < run["chars"]:
        typed = next(end for end in run["ends"] if end > typed)
        replay.keys_used += 1
        while typed < run["chars"]:
            replay.asked += 1
            offer = at.get(typed)
            if offer is None or score(offer) < threshold:
                break
            replay.shown += 1
            if not offer["taken"]:
                break
            replay.right += 1
            replay.keys_used += 1
            typed += offer["taken"]


def _ignore(_text: str) -> None:
    """Nobody waits for the text on the way."""
