"""Runs over holes, resumable: one ledger a model, one for the baselines that need none."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codelsp import __version__
from codelsp.evaluation.at_once import at_once
from codelsp.evaluation.bits import BitsCounter
from codelsp.evaluation.filling import Filler, without_model
from codelsp.evaluation.holes import HoleKind, by_place, draw_holes
from codelsp.evaluation.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from codelsp.evaluation.engines import Judged
    from codelsp.evaluation.holes import Hole
    from codelsp.evaluation.ledger import Record
    from codelsp.evaluation.source_files import SourceSet

BASELINES = "baselines"
SINGLE, CROSS = "single file", "across files"


@dataclass(frozen=True)
class HolePlan:
    """What to measure, and how much of it."""

    n_each: int = 80
    """Holes of each kind; of rest of line three times as many, as that is what is asked most."""
    kinds: tuple[HoleKind, ...] = tuple(HoleKind)
    across_files: bool = True
    """Whether each hole is filled with other files open, too, by models that read them."""
    n_candidates: int = 4
    seed: int = 1
    n_at_once: int = 4
    """Holes filled at the same time."""

    def holes(self, sources: SourceSet) -> list[Hole]:
        """Return the holes to fill."""
        n_of = {HoleKind.REST_OF_LINE: 3 * self.n_each}
        numbers = {kind: n_of.get(kind, self.n_each) for kind in self.kinds}
        return draw_holes(sources.in_turn(), numbers, self.seed)

    def head(self, sources: SourceSet) -> Record:
        """Return what results of this plan begin with."""
        return {
            "codelsp": __version__,
            "measured": "holes",
            "sources": sources.digest,
            "n_each": self.n_each,
            "kinds": [kind.value for kind in self.kinds],
            "n_candidates": self.n_candidates,
            "seed": self.seed,
        }


def ledger_file(folder: Path, measured: str, model: str) -> Path:
    """Return where the results of a model stand."""
    safe = "".join(c if c.isalnum() or c in "-_." else "-" for c in model)
    return folder / f"{measured}-{safe}.jsonl"


async def run_baselines(
    sources: SourceSet, plan: HolePlan, folder: Path, tell: Callable[[int, int], None]
) -> Ledger:
    """Fill every hole without a model; ``tell`` hears how many are done, of how many."""
    ledger = Ledger.open(ledger_file(folder, "holes", BASELINES), plan.head(sources))
    holes = list(by_place(plan.holes(sources)))
    for number, hole in enumerate(holes, 1):
        if hole.key not in ledger.records:
            ledger.put(hole.key, _record(hole, SINGLE, without_model(hole, sources)))
            await asyncio.sleep(0)
        tell(number, len(holes))
    return ledger


async def run_holes(
    judged: Judged,
    sources: SourceSet,
    plan: HolePlan,
    folder: Path,
    tell: Callable[[int, int], None],
) -> Ledger:
    """Fill every hole with one model; what is in its ledger already is not done again.

    Raises:
        EngineError: the engine does not answer any more.
        EvaluationError: the ledger holds something else, or cannot be written.
    """
    head = {**plan.head(sources), "model": judged.name, "model_sha256": judged.sha256}
    ledger = Ledger.open(ledger_file(folder, "holes", judged.name), head)
    bits = None if judged.path is None else BitsCounter.beside(judged.path)
    filler = Filler(judged, sources, plan.n_candidates, bits)
    holes = by_place(plan.holes(sources))
    jobs = [(hole, scope) for hole in holes for scope in _scopes(filler, plan)]
    left = [job for job in jobs if _key(*job) not in ledger.records]

    async def work(job: tuple[Hole, str]) -> None:
        hole, scope = job
        filled = await filler.fill(hole, across_files=scope == CROSS)
        ledger.put(_key(hole, scope), _record(hole, scope, filled))

    await at_once(left, work, plan.n_at_once, lambda n: tell(len(jobs) - len(left) + n, len(jobs)))
    return ledger


def _key(hole: Hole, scope: str) -> str:
    return hole.key if scope == SINGLE else f"{hole.key}:{scope}"


def _scopes(filler: Filler, plan: HolePlan) -> Sequence[str]:
    return (SINGLE, CROSS) if plan.across_files and filler.reads_other_files else (SINGLE,)


def _record(hole: Hole, scope: str, systems: dict[str, Record]) -> Record:
    return {
        "file": hole.file.key,
        "package": hole.file.package,
        "kind": hole.kind.value,
        "cursor": hole.cursor.value,
        "scope": scope,
        "middle": hole.middle,
        "systems": systems,
    }
