"""Which of n samples to take: what each way of choosing is worth, over the same samples.

Chen et al. 2021 (arXiv 2107.03374), section 3.3 and figure 7: the mean log-probability of a
sample's tokens chooses well, their sum may be worse than chance, back-translation lies between, an
oracle that runs the tests is the most that there is.

Nothing is drawn: of all ways to take k of n samples, the share in which the sample at place i of
the order by score is the best one taken is C(n-1-i, k-1) / C(n, k).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from codelsp.evaluation.back_translation import (
    BackTranslator,
    function_named,
    program_document,
)
from codelsp.evaluation.figures import machine
from codelsp.evaluation.hole_run import ledger_file
from codelsp.evaluation.human_eval_report import has_passed
from codelsp.evaluation.intervals import difference, mean
from codelsp.evaluation.ledger import Ledger
from codelsp.evaluation.markdown import percent, table
from codelsp.evaluation.pass_at_k import pass_at_k, wanted_ks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from codelsp.evaluation.human_eval import Problem
    from codelsp.evaluation.human_eval_report import SampleSet
    from codelsp.evaluation.ledger import Record

MEAN, SUM, BACK, RANDOM, ORACLE = (
    "mean log-probability",
    "sum of log-probabilities",
    "back-translation",
    "random",
    "oracle",
)


@dataclass(frozen=True)
class Ranked:
    """The samples of one model at one temperature, with the scores of back-translation."""

    samples: SampleSet
    back: Mapping[str, float]
    """By ``text_key``; empty where none was made."""

    def share(self, way: str, k: int) -> list[tuple[str, float]]:
        """Return, for each problem, how often the one taken of k samples passes."""
        found = []
        for problem, samples in self.samples.by_problem.items():
            if way in {RANDOM, ORACLE}:
                passed = sum(map(has_passed, samples))
                value = pass_at_k(len(samples), passed, 1 if way == RANDOM else k)
            else:
                scored = [(self._score(way, sample), has_passed(sample)) for sample in samples]
                value = chosen_share(scored, k)
            found.append((problem, value))
        return found

    def _score(self, way: str, sample: Record) -> float:
        if way == BACK:
            return self.back.get(text_key(sample), -math.inf)
        if sample["log_prob"] is None:
            return -math.inf
        total = float(sample["log_prob"])
        return total if way == SUM else total / max(1, int(sample["tokens"]))


def chosen_share(scored: Sequence[tuple[float, bool]], k: int) -> float:
    """Return how often the best of k samples passes, over all ways to take k of them.

    Args:
        scored: (score, whether it passes) of each sample; those with the same score share a place.
        k: How many are taken.
    """
    n = len(scored)
    k = min(k, n)
    places = np.arange(n)
    # C(n-1-i, k-1) / C(n, k), as a product that stays between 0 and 1.
    weights = np.ones(n) * k / n
    for step in range(k - 1):
        weights *= np.clip(n - 1 - places - step, 0, None) / (n - 1 - step)
    ordered = sorted(scored, key=lambda each: -each[0])
    share, first = 0.0, 0
    while first < n:
        last = first
        while last < n and ordered[last][0] == ordered[first][0]:
            last += 1
        n_right = sum(passed for _, passed in ordered[first:last])
        share += float(weights[first:last].sum()) * n_right / (last - first)
        first = last
    return share


def text_key(sample: Record) -> str:
    """Return what tells texts of a problem apart."""
    return f"{sample['file']}\0{sample['text']}"


async def run_back_translation(
    translator: BackTranslator,
    problems: Sequence[Problem],
    samples: Sequence[Record],
    folder: Path,
    tell: Callable[[int, int], None],
) -> dict[str, float]:
    """Return the mean log-probability of each problem's docstring after each distinct sample.

    Raises:
        EngineError: the engine does not answer any more.
        EvaluationError: the ledger holds something else, or cannot be written.
    """
    judged = translator.judged
    head = {"measured": BACK, "model": judged.name, "model_sha256": judged.sha256}
    ledger = Ledger.open(ledger_file(folder, "backtranslation", judged.name), head)
    by_id = {problem.task_id: problem for problem in problems}
    texts = {text_key(sample): sample for sample in samples if sample["file"] in by_id}
    for number, (key, sample) in enumerate(texts.items(), 1):
        if key not in ledger.records:
            score = await _score(translator, by_id[sample["file"]], sample["text"])
            ledger.put(key, {"score": score})
        tell(number, len(texts))
    scores = {key: record["score"] for key, record in ledger.records.items()}
    return {key: score for key, score in scores.items() if score is not None}


async def _score(translator: BackTranslator, problem: Problem, text: str) -> float | None:
    """Return the mean log-probability of the docstring; None where the prompt has none."""
    from codelsp.context.docstring_hole import docstring_hole

    document = program_document(problem.prompt + text)
    function = function_named(document, problem.entry_point)
    hole = None if function is None else docstring_hole(document, function)
    if hole is None or not hole.docstring:
        return None
    total, n_tokens = await translator.log_prob(hole.before, hole.docstring, hole.after)
    return round(total / max(1, n_tokens), 6)


def ranking_report(ranked: Sequence[Ranked], n: int, asked_ks: Sequence[int]) -> dict[str, Any]:
    """Return everything that is told of choosing, as plain values; intervals are over problems."""
    ks = wanted_ks(asked_ks, n)
    figures, differences = [], []
    for each in ranked:
        named = {"model": each.samples.model, "temperature": each.samples.temperature}
        ways = [MEAN, SUM, *([BACK] if each.back else []), RANDOM, ORACLE]
        for way in ways:
            for k in ks:
                values = each.share(way, k)
                figures.append({**named, "way": way, "k": k, **mean(values).as_dict()})
        luck = [(problem, value, 1.0) for problem, value in each.share(RANDOM, n)]
        for way in ways[:-2]:
            own = [(problem, value, 1.0) for problem, value in each.share(way, n)]
            differences.append({**named, "way": way, "k": n, **difference(own, luck).as_dict()})
    return {
        "measured": "ranking",
        "machine": machine(),
        "samples": n,
        "k": list(ks),
        "figures": figures,
        "differences": differences,
    }


def ranking_markdown(report: Mapping[str, Any]) -> str:
    """Return the page of a report of ``ranking_report``."""
    ks = report["k"]
    found = {(f["model"], f["temperature"], f["way"], f["k"]): f for f in report["figures"]}
    rows = [
        [
            f"{model}, T {temperature:g}: {way}",
            *(percent(found[model, temperature, way, k]) for k in ks),
        ]
        for model, temperature, way in dict.fromkeys(key[:3] for key in found)
    ]
    n_problems = max(figure["files"] for figure in report["figures"])
    lead = [
        [f"{d['model']}, T {d['temperature']:g}: {d['way']}", percent(d, signed=True)]
        for d in report["differences"]
    ]
    return "\n".join(
        [
            "## Which sample to take\n",
            f"{n_problems} problems. How often the one sample passes that is taken out of k, over"
            f" all ways to take k of {report['samples']}.\n"
            "Shares with 95 % intervals over problems.\n",
            table(("", *(f"of {k}" for k in ks)), rows),
            f"Better than chance, of {report['samples']} samples, paired by problem:\n",
            table(("", "difference"), lead),
        ]
    )
