"""Runs HumanEval-Infilling: exact match, and whether the program then passes its tests."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from codelsp import __version__
from codelsp.context.completion_context import CompletionQuery
from codelsp.document.snapshot import DocumentSnapshot
from codelsp.document.syntax import parse
from codelsp.engine.port import FinishReason
from codelsp.evaluation.at_once import at_once
from codelsp.evaluation.bleu import bleu4
from codelsp.evaluation.hole_run import BASELINES, ledger_file
from codelsp.evaluation.human_eval import InfillingKind
from codelsp.evaluation.ledger import Ledger
from codelsp.evaluation.ngram import Counts, NgramCache
from codelsp.evaluation.programs import Checker, is_python
from codelsp.evaluation.scoring import edit_similarity, overlaps, repeats, without_line_ends
from codelsp.pipeline.journey import Journey
from codelsp.pipeline.pace import Pace
from codelsp.pipeline.trace import RequestTrace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from codelsp.evaluation.engines import Judged
    from codelsp.evaluation.human_eval import InfillingTask
    from codelsp.evaluation.ledger import Record
    from codelsp.evaluation.sandbox import Sandbox

_URI = "file:///human_eval/solution.py"
_MOST_TOKENS = {
    InfillingKind.SINGLE_LINE: 48,
    InfillingKind.MULTI_LINE: 160,
    InfillingKind.RANDOM_SPAN: 96,
}
_NGRAM_TOKENS = 60


@dataclass(frozen=True)
class InfillingPlan:
    """Which tasks, and whether programs are run."""

    tasks: tuple[InfillingTask, ...]
    sandbox: Sandbox | None
    """None tells exact match alone."""
    seed: int = 1
    n_at_once: int = 4

    def head(self) -> Record:
        """Return what results of this plan begin with."""
        counts: dict[str, int] = {}
        for task in self.tasks:
            counts[task.kind.value] = counts.get(task.kind.value, 0) + 1
        return {
            "codelsp": __version__,
            "measured": "infilling",
            "tasks": counts,
            "seed": self.seed,
            "run": self.sandbox is not None,
        }


@dataclass(frozen=True)
class Answer:
    """What was written into a hole."""

    text: str
    has_ended: bool | None
    """Whether the model ended it; None where nothing could say."""


async def run_infilling(
    judged: Judged | None, plan: InfillingPlan, folder: Path, tell: Callable[[int, int], None]
) -> Ledger:
    """Fill every task with a model, or with the n-gram cache where ``judged`` is None.

    Raises:
        EngineError: the engine does not answer any more.
        EvaluationError: the ledger holds something else, or cannot be written.
        SandboxError: the sandbox does not start any more.
    """
    head = plan.head()
    if judged is not None:
        head |= {"model": judged.name, "model_sha256": judged.sha256}
    name = BASELINES if judged is None else judged.name
    ledger = Ledger.open(ledger_file(folder, "infilling", name), head)
    checker = Checker(plan.sandbox)

    async def work(task: InfillingTask) -> None:
        if judged is None:
            answer = Answer(_by_ngram(task), None)
        else:
            answer = await _by_model(judged, task)
        ledger.put(task.key, await _record(task, answer, checker))
        await asyncio.sleep(0)

    left = [task for task in plan.tasks if task.key not in ledger.records]
    n_before = len(plan.tasks) - len(left)
    await at_once(left, work, plan.n_at_once, lambda n: tell(n_before + n, len(plan.tasks)))
    return ledger


async def _record(task: InfillingTask, answer: Answer, checker: Checker) -> Record:
    text = answer.text
    program = task.program(text)
    return {
        "file": task.problem,
        "kind": task.kind.value,
        "text": text,
        "exact": is_exact(task, text),
        "similarity": round(edit_similarity(text, task.middle), 4),
        "bleu": round(bleu4(text, task.middle), 4),
        "overlaps": overlaps(text, task.suffix),
        "repeats": repeats(text),
        "ended": answer.has_ended,
        "parses": is_python(program),
        "passed": await checker.passes(program),
    }


def is_exact(task: InfillingTask, text: str) -> bool:
    """Whether ``text`` is what is missing, but for white space at the ends of whole lines."""
    if not task.kind.has_whole_lines:
        return text == task.middle
    return without_line_ends(text) == without_line_ends(task.middle)


def cut(task: InfillingTask, text: str) -> str:
    """Return what of a model's text is its answer: of a single line the first that is not blank."""
    if task.kind is InfillingKind.SINGLE_LINE:
        return text.lstrip("\n").partition("\n")[0].rstrip()
    return text.rstrip("\n") if task.kind.has_whole_lines else text


async def _by_model(judged: Judged, task: InfillingTask) -> Answer:
    """Return the model's greedy answer, and whether it ended it itself."""
    most = _MOST_TOKENS[task.kind]
    settings = replace(judged.settings, threshold=0.0, max_tokens=most, max_line_tokens=most)
    journey = Journey(judged.engine, judged.info, settings, Pace())
    document = DocumentSnapshot.of(_URI, "python", 1, task.prefix + task.suffix)
    query = CompletionQuery(document, len(task.prefix))
    context = journey.gather(query, parse(document), (), "file:///human_eval")
    prompt = await journey.write_prompt(context, RequestTrace())
    request = replace(
        journey.requests(prompt, context)[0], temperature=0.0, max_tokens=most, want_log_probs=False
    )
    healed = len(request.forced_prefix)
    stream = judged.engine.generate(request)
    raw = ""
    async with aclosing(stream.tokens):
        async for token in stream.tokens:
            raw += token.text
            text = raw[healed:]
            is_line = task.kind is InfillingKind.SINGLE_LINE
            if is_line and text.strip() and "\n" in text.lstrip("\n"):
                break
    has_ended = stream.stats is not None and stream.stats.finish_reason is FinishReason.END
    dropped = context.dropped_indentation
    text = raw[healed:]
    # Where white space before the cursor was left to the model, it has written it once more.
    return Answer(cut(task, text.removeprefix(dropped) if dropped else text), has_ended)


def _by_ngram(task: InfillingTask) -> str:
    cache = NgramCache(Counts.of([task.prefix, task.suffix]), Counts())
    is_span = not task.kind.has_whole_lines
    n_lines = 1 if is_span else task.middle.count("\n") + 1

    def is_done(text: str) -> bool:
        return bool(text.strip()) and text.lstrip("\n").count("\n") >= n_lines

    return cut(task, cache.continued(task.prefix, is_done, _NGRAM_TOKENS))


def kinds_of(tasks: Sequence[InfillingTask]) -> list[InfillingKind]:
    """Return the kinds among ``tasks``, in the order of the benchmarks."""
    there = {task.kind for task in tasks}
    return [kind for kind in InfillingKind if kind in there]
