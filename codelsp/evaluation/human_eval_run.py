"""Runs HumanEval: n samples a problem at each temperature, each run in the sandbox, resumable.

Every sample has its own key and its own seed, so that a run can be gone on with, and a finished one
be widened: more samples or another temperature reuse what is there.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING

from codelsp import __version__
from codelsp.evaluation.at_once import at_once
from codelsp.evaluation.bleu import bleu4
from codelsp.evaluation.continuation import Sampling, continued, request_of, seed_of
from codelsp.evaluation.hole_run import ledger_file
from codelsp.evaluation.ledger import Ledger
from codelsp.evaluation.programs import Checker, parses

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from codelsp.engine.port import GenerationRequest
    from codelsp.evaluation.engines import Judged
    from codelsp.evaluation.human_eval import Problem
    from codelsp.evaluation.ledger import Record
    from codelsp.evaluation.sandbox import Sandbox

_BESIDE_ENGINE = 2
"""Samples under way beyond those that the engine writes: they are being run."""


@dataclass(frozen=True)
class HumanEvalPlan:
    """What to sample."""

    problems: tuple[Problem, ...]
    sandbox: Sandbox | None
    """None tells everything but passing."""
    n_samples: int = 20
    temperatures: tuple[float, ...] = (0.2,)
    sampling: Sampling = field(default_factory=Sampling)
    seed: int = 1

    def head(self) -> Record:
        """Return what results of this plan begin with."""
        digest = sha256()
        for problem in self.problems:
            digest.update(f"{problem.prompt}\0{problem.test}\0".encode("utf-8", "replace"))
        return {
            "codelsp": __version__,
            "measured": "humaneval",
            "problems": len(self.problems),
            "problems_sha256": digest.hexdigest(),
            **self.sampling.head(),
            "seed": self.seed,
            "run": self.sandbox is not None,
            "seconds": None if self.sandbox is None else self.sandbox.limits.wall_seconds,
        }

    def samples(self) -> list[SampleKey]:
        """Return everything to sample: problem after problem, so that its prompt stays known."""
        return [
            SampleKey(problem, temperature, number)
            for temperature in self.temperatures
            for problem in self.problems
            for number in range(self.n_samples)
        ]


@dataclass(frozen=True)
class SampleKey:
    """Which sample it is."""

    problem: Problem
    temperature: float
    number: int

    def __str__(self) -> str:
        return f"{self.problem.task_id}:T{self.temperature:g}:{self.number}"


async def run_human_eval(
    judged: Judged, plan: HumanEvalPlan, folder: Path, tell: Callable[[int, int], None]
) -> Ledger:
    """Draw and run every sample of ``plan`` that is not in the ledger yet.

    Raises:
        EngineError: the engine does not answer any more.
        EvaluationError: the ledger holds something else, or cannot be written.
        SandboxError: the sandbox does not start any more.
    """
    head = {**plan.head(), "model": judged.name, "model_sha256": judged.sha256}
    ledger = Ledger.open(ledger_file(folder, "humaneval", judged.name), head)
    sampler = _Sampler(judged, plan, ledger, Checker(plan.sandbox))
    samples = plan.samples()
    left = [sample for sample in samples if str(sample) not in ledger.records]
    n_before = len(samples) - len(left)
    n_workers = judged.info.slots + _BESIDE_ENGINE
    await at_once(left, sampler.draw, n_workers, lambda n: tell(n_before + n, len(samples)))
    return ledger


@dataclass
class _Sampler:
    judged: Judged
    plan: HumanEvalPlan
    ledger: Ledger
    checker: Checker
    _asked: tuple[str, GenerationRequest] | None = None
    """The request of the problem that is worked on: its prompt is tokenized once."""

    async def draw(self, sample: SampleKey) -> None:
        problem, sampling = sample.problem, self.plan.sampling
        request = replace(
            await self._request(problem),
            temperature=sample.temperature,
            seed=seed_of(self.plan.seed, sample),
        )
        written = await continued(self.judged, request, sampling.stops)
        program = problem.program(written.text)
        ending = await self.checker.ending(program)
        self.ledger.put(
            str(sample),
            {
                "file": problem.task_id,
                "temperature": sample.temperature,
                "number": sample.number,
                "text": written.text,
                "log_prob": None if written.log_prob is None else round(written.log_prob, 4),
                "tokens": written.n_tokens,
                "ended": written.has_ended,
                "parses": parses(problem.prompt + written.text),
                "bleu": round(bleu4(written.text, problem.solution), 4),
                "ending": None if ending is None else ending.value,
            },
        )

    async def _request(self, problem: Problem) -> GenerationRequest:
        if self._asked is None or self._asked[0] != problem.task_id:
            request = await request_of(self.judged, problem.prompt, self.plan.sampling)
            self._asked = (problem.task_id, request)
        return self._asked[1]
