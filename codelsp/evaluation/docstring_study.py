"""How good docstrings are that a model writes: do they lead back to the code?

Functions of held-out packages lose their docstring; the model writes several; and the body is
scored after the signature with nothing, with each of them, and with the author's own (Chen et al.
2021, section 5, graded docstrings by hand, and tried back-translation for ranking).  What a
docstring is worth are the bits of the body that it saves.  BLEU-4 against the author's stands
beside.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from codelsp import __version__
from codelsp.context.docstring_hole import docstring_hole
from codelsp.document.syntax import parse
from codelsp.evaluation.bleu import bleu4
from codelsp.evaluation.figures import machine
from codelsp.evaluation.hole_run import ledger_file
from codelsp.evaluation.intervals import share
from codelsp.evaluation.ledger import Ledger
from codelsp.evaluation.markdown import number, percent, table
from codelsp.pipeline.docstrings import write_docstrings
from codelsp.pipeline.journey import Journey
from codelsp.pipeline.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from codelsp.context.docstring_hole import DocstringHole
    from codelsp.document.functions import Function
    from codelsp.document.snapshot import DocumentSnapshot
    from codelsp.evaluation.back_translation import BackTranslator
    from codelsp.evaluation.ledger import Record
    from codelsp.evaluation.source_files import SourceFile, SourceSet

_LEAST_BODY, _MOST_BODY = 40, 1200
_LEAST_WORDS = 4
_PER_FILE = 2
NONE, FIRST, BEST, AUTHOR = "no docstring", "the surest one", "the best of all", "the author's"
WAYS = (NONE, FIRST, BEST, AUTHOR)


@dataclass(frozen=True)
class DocstringPlan:
    """How many functions to document, and how often each."""

    n_functions: int = 60
    n_candidates: int = 3


@dataclass(frozen=True)
class Documented:
    """A function of a file, with its docstring's place."""

    file: SourceFile
    document: DocumentSnapshot
    function: Function
    hole: DocstringHole

    @property
    def key(self) -> str:
        """What names it in results."""
        return f"{self.file.key}:{self.function.qualified_name}:{self.function.start}"

    @property
    def head(self) -> str:
        """The function up to its docstring's place."""
        return self.document.text[self.function.start : self.hole.start].rstrip(" \t")

    @property
    def body(self) -> str:
        """What follows the docstring, from the line's end on."""
        _, after = self.hole.around(self.function)
        return after[len(self.hole.closing) :]


def documented_functions(sources: SourceSet, n: int) -> list[Documented]:
    """Return ``n`` functions with docstrings of some words and bodies of some lines, in turn."""
    found: list[Documented] = []
    for file in sources.in_turn():
        if file.language_id != "python":
            continue
        document = file.snapshot()
        tree = parse(document)
        own = []
        for function in tree.functions() if tree is not None else ():
            hole = docstring_hole(document, function)
            if hole is None or len(hole.docstring.split()) < _LEAST_WORDS:
                continue
            each = Documented(file, document, function, hole)
            if _LEAST_BODY <= len(each.body) <= _MOST_BODY:
                own.append(each)
        found += own[:_PER_FILE]
        if len(found) >= n:
            break
    return found[:n]


async def run_docstrings(
    translator: BackTranslator,
    sources: SourceSet,
    plan: DocstringPlan,
    folder: Path,
    tell: Callable[[int, int], None],
) -> Ledger:
    """Write and grade docstrings; what is in the ledger is not done again.

    Raises:
        EngineError: the engine does not answer any more.
        EvaluationError: the ledger holds something else, or cannot be written.
    """
    judged = translator.judged
    head = {
        "codelsp": __version__,
        "measured": "docstrings",
        "sources": sources.digest,
        "n_candidates": plan.n_candidates,
        "model": judged.name,
        "model_sha256": judged.sha256,
    }
    ledger = Ledger.open(ledger_file(folder, "docstrings", judged.name), head)
    functions = documented_functions(sources, plan.n_functions)
    for done, each in enumerate(functions, 1):
        if each.key not in ledger.records:
            ledger.put(each.key, await _graded(translator, each, plan.n_candidates))
        tell(done, len(functions))
    return ledger


async def _graded(translator: BackTranslator, each: Documented, n_candidates: int) -> Record:
    judged = translator.judged
    journey = Journey(judged.engine, judged.info, judged.settings, Pace())
    hole = each.hole
    found = await write_docstrings(journey, each.document, each.function, hole, n_candidates)

    async def bits(text: str | None) -> float:
        docstring = "" if text is None else f"{hole.opening}{text}{hole.closing}"
        before = each.head + docstring
        total, _ = await translator.log_prob_after(before, each.body)
        return round(-total / math.log(2), 3)

    return {
        "file": each.file.key,
        "chars": len(each.body),
        NONE: await bits(None),
        AUTHOR: await bits(hole.docstring),
        "candidates": [
            {
                "text": one.text,
                "mean_log_prob": one.mean_log_prob,
                "ended": one.has_ended,
                "bits": await bits(one.text),
                "bleu": round(bleu4(one.text, hole.docstring), 4),
            }
            for one in found
        ],
    }


def docstring_report(ledgers: Sequence[Ledger]) -> dict[str, Any]:
    """Return everything that is told of docstrings, as plain values; intervals are over files."""
    figures = []
    for ledger in ledgers:
        model = str(ledger.head["model"])
        records = list(ledger.records.values())
        for way in WAYS:
            values = [(r["file"], _bits(r, way), float(r["chars"])) for r in records]
            figures.append(
                {"model": model, "way": way, "metric": "bits", **share(values).as_dict()}
            )
        for way in (FIRST, BEST, AUTHOR):
            helped = [(r["file"], float(_bits(r, way) < r[NONE]), 1.0) for r in records]
            figures.append(
                {"model": model, "way": way, "metric": "helps", **share(helped).as_dict()}
            )
        written = [(r["file"], float(bool(r["candidates"])), 1.0) for r in records]
        figures.append(
            {"model": model, "way": FIRST, "metric": "written", **share(written).as_dict()}
        )
        bleu = [(r["file"], c[0]["bleu"], 1.0) for r in records if (c := r["candidates"])]
        figures.append({"model": model, "way": FIRST, "metric": "bleu", **share(bleu).as_dict()})
    return {
        "measured": "docstrings",
        "machine": machine(),
        "what": [ledger.head for ledger in ledgers],
        "figures": figures,
    }


def docstring_markdown(report: Mapping[str, Any]) -> str:
    """Return the page of a report of ``docstring_report``."""
    found = {(f["model"], f["way"], f["metric"]): f for f in report["figures"]}
    models = dict.fromkeys(f["model"] for f in report["figures"])
    n = max(f["n"] for f in report["figures"])
    n_candidates = report["what"][0]["n_candidates"]
    rows = [
        [
            f"{model}: {way}",
            number(found.get((model, way, "bits"))),
            percent(found.get((model, way, "helps"))),
            percent(found.get((model, way, "written"))),
            percent(found.get((model, way, "bleu"))),
        ]
        for model in models
        for way in WAYS
    ]
    return "\n".join(
        [
            "## Docstrings\n",
            f"{n} functions of held-out packages, {n_candidates} docstrings each, graded by how"
            " well the body is foretold after them; 95 % intervals over files.\n",
            table(
                ("", "bits a character of the body", "helps", "has words", "BLEU-4"),
                rows,
            ),
        ]
    )


def _bits(record: Record, way: str) -> float:
    """Return the bits of the body; where the model wrote nothing, as without a docstring."""
    if way in {NONE, AUTHOR}:
        return float(record[way])
    bits = [float(each["bits"]) for each in record["candidates"]]
    if not bits:
        return float(record[NONE])
    return min(bits) if way == BEST else bits[0]
