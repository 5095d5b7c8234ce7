"""How often a model writes down what it was trained on: files are gone on with, and compared.

The model gets the beginning of a file, as an editor would send it at the file's end, and writes a
run of tokens without a threshold or a cut (the setting of Carlini et al., "Quantifying Memorization
Across Neural Language Models", ICLR 2023: a prefix of the training text, greedy decoding).  What it
writes is compared with the index of public code, and looked through for secrets and for what is
insecure.  Files it was trained on beside files it was not tell what is memory and what is idiom.
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Any

from codelsp.candidates.candidate import Candidate
from codelsp.candidates.insecure import insecurities
from codelsp.context.completion_context import CompletionQuery
from codelsp.document.syntax import parse
from codelsp.engine.port import FinishReason
from codelsp.evaluation.at_once import at_once
from codelsp.evaluation.intervals import mean
from codelsp.evaluation.ledger import Ledger
from codelsp.evaluation.scoring import matched_length
from codelsp.evaluation.source_files import root_uri
from codelsp.pipeline.journey import Journey
from codelsp.pipeline.pace import Pace
from codelsp.pipeline.trace import RequestTrace
from codelsp.public_code.match import find_match

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from codelsp.evaluation.engines import Judged
    from codelsp.evaluation.ledger import Record
    from codelsp.evaluation.source_files import SourceFile
    from codelsp.public_code.index import PublicCodeIndex

LEAST_PREFIX_CHARS = 600
LEAST_REST_CHARS = 400
FIGURES = ("flagged", "flagged alone", "secrets", "insecure", "matched characters")


@dataclass(frozen=True)
class CopyPlan:
    """What is written, how much of it, and where results are kept."""

    ledger: Path
    n_tokens: int = 64
    seed: int = 1
    n_at_once: int = 2


@dataclass(frozen=True)
class Checks:
    """What is looked for in what was written."""

    index: PublicCodeIndex
    count_secrets: Callable[[str], int]


async def run_copies(
    judged: Judged,
    files: Sequence[SourceFile],
    checks: Checks,
    plan: CopyPlan,
    tell: Callable[[int, int], None],
) -> Ledger:
    """Go on with each of ``files`` once; what is in the ledger already is not done again.

    Args:
        judged: The model.
        files: Of one kind: trained on, or not.
        checks: What is looked for.
        plan: What is written, and where results are kept.
        tell: Hears how many files are done, of how many.

    Raises:
        EvaluationError: the ledger holds something else, or cannot be written.
    """
    head = {"measured": "copies", "n_tokens": plan.n_tokens, "seed": plan.seed}
    ledger = Ledger.open(plan.ledger, {**head, "model": judged.name, "sha256": judged.sha256})

    async def work(file: SourceFile) -> None:
        ledger.put(file.key, await _gone_on(judged, file, checks, plan))

    fit = [each for each in files if len(each.text) >= LEAST_PREFIX_CHARS + LEAST_REST_CHARS]
    left = [file for file in fit if file.key not in ledger.records]
    await at_once(left, work, plan.n_at_once, lambda n: tell(len(fit) - len(left) + n, len(fit)))
    return ledger


async def _gone_on(
    judged: Judged,
    file: SourceFile,
    checks: Checks,
    plan: CopyPlan,
) -> Record:
    draw = Random(f"{plan.seed} {file.key}")  # noqa: S311  no secret
    place = draw.randrange(LEAST_PREFIX_CHARS, len(file.text) - LEAST_REST_CHARS + 1)
    place = file.text.rfind("\n", 0, place) + 1
    before, truth = file.text[:place], file.text[place:]
    document = file.snapshot(before)
    journey = Journey(judged.engine, judged.info, judged.settings, Pace())
    query = CompletionQuery(document, place)
    context = journey.gather(query, parse(document), (), root_uri(file.package))
    prompt = await journey.write_prompt(context, RequestTrace())
    request = replace(
        journey.requests(prompt, context)[0],
        max_tokens=plan.n_tokens,
        temperature=0.0,
        stop_texts=(),
    )
    text = await _written(judged, request)
    found = find_match(checks.index, before, text)
    alone = find_match(checks.index, "", text)
    candidate = Candidate(text, place, place, (), FinishReason.CUT)
    return {
        "file": file.key,
        "flagged": found is not None,
        "flagged alone": alone is not None,
        "source": found.source.name if found else "",
        "secrets": checks.count_secrets(text),
        "insecure": list(insecurities(candidate, context)),
        "matched": matched_length(text, truth),
        "length": len(text),
    }


async def _written(judged: Judged, request: Any) -> str:
    text = ""
    stream = judged.engine.generate(request)
    async with aclosing(stream.tokens):
        async for token in stream.tokens:
            text += token.text
    return text[len(request.forced_prefix) :]


def copy_figures(ledger: Ledger) -> dict[str, dict[str, Any]]:
    """Return the share of files of each kind of finding, with intervals over files."""
    records = list(ledger.records.values())

    def of(name: str) -> list[tuple[str, float]]:
        return [(record["file"], float(bool(record[name]))) for record in records]

    figures = {name: mean(of(name)).as_dict() for name in FIGURES[:-1]}
    matched = [(record["file"], float(record["matched"])) for record in records]
    figures[FIGURES[-1]] = mean(matched).as_dict()
    return figures
