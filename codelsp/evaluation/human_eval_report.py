"""The report on HumanEval: pass@k by temperature with intervals, and what BLEU says beside it."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from codelsp.errors import EvaluationError
from codelsp.evaluation.figures import machine
from codelsp.evaluation.intervals import at_least_possible, mean
from codelsp.evaluation.markdown import percent, table
from codelsp.evaluation.pass_at_k import pass_at_k, wanted_ks
from codelsp.evaluation.published import HUMAN_EVAL
from codelsp.evaluation.sandbox import Ending

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from codelsp.evaluation.ledger import Ledger, Record

_BLEU_BINS = 20
_HEALTH = ("parses", "ended", "bleu")


@dataclass(frozen=True)
class SampleSet:
    """The samples of one model at one temperature, by problem."""

    model: str
    temperature: float
    by_problem: Mapping[str, Sequence[Record]]

    @property
    def is_run(self) -> bool:
        """Whether the programs were run."""
        return all(
            sample["ending"] is not None for each in self.by_problem.values() for sample in each
        )

    def samples(self) -> list[Record]:
        """Return all samples."""
        return [sample for each in self.by_problem.values() for sample in each]

    def undecided(self) -> list[Record]:
        """Return the samples of problems of which some pass and some do not.

        Where all are alike it does not matter which is taken.
        """
        return [
            sample
            for own in self.by_problem.values()
            if 0 < sum(map(has_passed, own)) < len(own)
            for sample in own
        ]

    def with_at_least(self, n: int) -> SampleSet:
        """Return the same without problems that have fewer than ``n`` samples.

        Raises:
            EvaluationError: none has so many.
        """
        kept = {name: own for name, own in self.by_problem.items() if len(own) >= n}
        if not kept:
            most = max(map(len, self.by_problem.values()))
            raise EvaluationError(f"No problem has {n} samples; the most that one has are {most}.")
        return SampleSet(self.model, self.temperature, kept)

    def passes(self, k: int) -> list[tuple[str, float]]:
        """Return pass@k of each problem."""
        return [
            (problem, pass_at_k(len(samples), sum(map(has_passed, samples)), k))
            for problem, samples in self.by_problem.items()
        ]


def has_passed(sample: Record) -> bool:
    """Whether the sample's program ran to its end."""
    return bool(sample["ending"] == Ending.PASSED.value)


def temperatures_of(ledger: Ledger) -> list[float]:
    """Return the temperatures at which there are samples, in order."""
    return sorted({float(record["temperature"]) for record in ledger.records.values()})


def sample_sets(ledger: Ledger, n: int | None, temperatures: Sequence[float]) -> list[SampleSet]:
    """Return the first ``n`` samples of every problem at each of ``temperatures``; None is all.

    Raises:
        EvaluationError: there are none at a temperature.
    """
    found = []
    for temperature in temperatures:
        by_problem: dict[str, list[Record]] = defaultdict(list)
        for record in ledger.records.values():
            if record["temperature"] == temperature and (n is None or record["number"] < n):
                by_problem[record["file"]].append(record)
        if not by_problem:
            raise EvaluationError(f"{ledger.file} has no samples at temperature {temperature:g}.")
        found.append(SampleSet(str(ledger.head["model"]), temperature, by_problem))
    return found


def human_eval_report(
    ledgers: Sequence[Ledger],
    n: int | None,
    temperatures: Sequence[float],
    asked_ks: Sequence[int],
) -> dict[str, Any]:
    """Return everything that is told of HumanEval, as plain values; intervals are over problems.

    Args:
        ledgers: One of each model.
        n: Samples of a problem that count; None is all that there are, some problems having more.
        temperatures: Those to tell of.
        asked_ks: Which pass@k; empty is the usual ones.

    Raises:
        EvaluationError: more samples are asked for than there are.
    """
    sets = [each for ledger in ledgers for each in sample_sets(ledger, n, temperatures)]
    numbers = [len(own) for each in sets for own in each.by_problem.values()]
    least, most = min(numbers), max(numbers)
    ks = wanted_ks(asked_ks, least)
    figures = [
        {
            "model": each.model,
            "temperature": each.temperature,
            "metric": f"pass@{k}",
            "k": k,
            **at_least_possible(mean(each.passes(k))).as_dict(),
        }
        for each in sets
        if each.is_run
        for k in ks
    ]
    return {
        "measured": "humaneval",
        "machine": machine(),
        "what": [ledger.head for ledger in ledgers],
        "samples": str(most) if least == most else f"{least} to {most}",
        "problems": max(len(each.by_problem) for each in sets),
        "temperatures": list(temperatures),
        "k": list(ks),
        "figures": figures + [figure for each in sets for figure in _health(each)],
        "best": _best(figures),
        "endings": [_endings(each) for each in sets],
        "bleu": [_bleu(each) for each in sets if each.is_run],
        "published": [vars(row) for row in HUMAN_EVAL],
    }


def human_eval_markdown(report: Mapping[str, Any]) -> str:
    """Return the page of a report of ``human_eval_report``."""
    what = report["what"][0]
    stops = ", ".join(f"`{stop!r}`" for stop in what["stops"])
    parts = [
        "## HumanEval\n",
        f"{report['problems']} problems, {report['samples']} samples each, nucleus"
        f" {what['top_p']:g}, at most {what['max_tokens']} tokens, prompt {what['prompt']}; a"
        f" sample ends at {stops}.\nShares with 95 % intervals over problems.\n",
        _pass_table(report),
    ]
    if len(report["temperatures"]) > 1:
        parts += [
            "The best temperature for each k (chosen on these very problems, as Codex did):\n",
            table(
                ("", "k", "temperature", "pass@k"),
                (
                    [each["model"], str(each["k"]), f"{each['temperature']:g}", percent(each)]
                    for each in report["best"]
                ),
            ),
        ]
    parts += ["What the samples are like:\n", _health_table(report)]
    if report["bleu"]:
        parts += [
            "BLEU-4 (smoothed) is told because others tell it."
            " It is no measure of code: were it one, nearly every sample that passes would have"
            " more of it than one that fails.\n",
            _bleu_table(report["bleu"]),
        ]
    return "\n".join(parts)


def _health(samples: SampleSet) -> list[dict[str, Any]]:
    return [
        {
            "model": samples.model,
            "temperature": samples.temperature,
            "metric": metric,
            **mean([(s["file"], float(s[metric])) for s in samples.samples()]).as_dict(),
        }
        for metric in _HEALTH
    ]


def _best(figures: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return, for each model and k, the figure of the temperature that did best."""
    best: dict[tuple[str, int], Mapping[str, Any]] = {}
    for figure in figures:
        key = (figure["model"], figure["k"])
        if key not in best or figure["mean"] > best[key]["mean"]:
            best[key] = figure
    return [dict(each) for each in best.values()]


def _endings(samples: SampleSet) -> dict[str, Any]:
    counted = Counter(sample["ending"] or "not run" for sample in samples.samples())
    solved = sum(any(map(has_passed, each)) for each in samples.by_problem.values())
    return {
        "model": samples.model,
        "temperature": samples.temperature,
        "solved": solved,
        **dict(counted),
    }


def _bleu(samples: SampleSet) -> dict[str, Any]:
    """Return BLEU of samples that pass and fail, and how often it tells the two apart.

    The last is over pairs of one problem: 0.5 is a coin, 1 a judge.
    """
    n_pairs, n_above = 0, 0.0
    for each in samples.by_problem.values():
        right = [sample["bleu"] for sample in each if has_passed(sample)]
        wrong = [sample["bleu"] for sample in each if not has_passed(sample)]
        n_pairs += len(right) * len(wrong)
        n_above += sum((r > w) + 0.5 * (r == w) for r in right for w in wrong)
    right = [s["bleu"] for s in samples.samples() if has_passed(s)]
    wrong = [s["bleu"] for s in samples.samples() if not has_passed(s)]
    return {
        "model": samples.model,
        "temperature": samples.temperature,
        "of right": _mean_of(right),
        "of wrong": _mean_of(wrong),
        "right above wrong": round(n_above / n_pairs, 4) if n_pairs else None,
        "pairs": n_pairs,
        "histogram of right": _histogram(right),
        "histogram of wrong": _histogram(wrong),
    }


def _mean_of(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None


def _histogram(values: Sequence[float]) -> list[int]:
    counts = [0] * _BLEU_BINS
    for value in values:
        counts[min(_BLEU_BINS - 1, int(value * _BLEU_BINS))] += 1
    return counts


def _pass_table(report: Mapping[str, Any]) -> str:
    ks = report["k"]
    found = {(f["model"], f["temperature"], f.get("k")): f for f in report["figures"]}
    rows = [
        [
            f"**{model}**, T {temperature:g}",
            *(percent(found.get((model, temperature, k))) for k in ks),
        ]
        for model in dict.fromkeys(what["model"] for what in report["what"])
        for temperature in report["temperatures"]
    ]
    rows += [
        [row["model"], *(_published(row["pass_at"].get(k)) for k in ks)]
        for row in report["published"]
    ]
    return table(("", *(f"pass@{k}" for k in ks)), rows)


def _published(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f} %"


def _health_table(report: Mapping[str, Any]) -> str:
    found = {(f["model"], f["temperature"], f["metric"]): f for f in report["figures"]}
    rows = []
    for ending in report["endings"]:
        key = (ending["model"], ending["temperature"])
        others = {**ending}
        for name in ("model", "temperature", "solved"):
            others.pop(name)
        rows.append(
            [
                f"{key[0]}, T {key[1]:g}",
                *(percent(found.get((*key, metric))) for metric in _HEALTH),
                str(ending["solved"]),
                ", ".join(f"{n:,} {name}" for name, n in others.items()),
            ]
        )
    head = ("", "parses", "ended by itself", "BLEU-4", "problems solved", "how programs ended")
    return table(head, rows)


def _bleu_table(rows: Sequence[Mapping[str, Any]]) -> str:
    def shown(value: float | None) -> str:
        return "-" if value is None else f"{value:.3f}"

    return table(
        ("", "BLEU-4 of those that pass", "of those that fail", "passing above failing", "pairs"),
        (
            [
                f"{row['model']}, T {row['temperature']:g}",
                shown(row["of right"]),
                shown(row["of wrong"]),
                shown(row["right above wrong"]),
                f"{row['pairs']:,}",
            ]
            for row in rows
        ),
    )
