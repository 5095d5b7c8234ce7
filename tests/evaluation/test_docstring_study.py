"""Docstrings written by a scripted engine and graded by counted bits."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import pytest

pytest.importorskip("numpy")
pytest.importorskip("sacrebleu")

from codelsp.engine.scripted import Answer, ScriptedEngine
from codelsp.evaluation.back_translation import BackTranslator
from codelsp.evaluation.docstring_study import (
    AUTHOR,
    BEST,
    FIRST,
    NONE,
    DocstringPlan,
    docstring_markdown,
    docstring_report,
    documented_functions,
    run_docstrings,
)
from codelsp.evaluation.engines import Judged
from codelsp.evaluation.source_files import from_folders
from codelsp.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from codelsp.evaluation.bits import BitsCounter
    from codelsp.evaluation.source_files import SourceSet

BODY = "    total = first + second\n    return total if total > 0 else -total\n"
FUNCTION = f'def add(first, second):\n    """Add two numbers of any kind."""\n{BODY}\n\n'
FILLER = "".join(f"value_{number} = {number}\n" for number in range(120))


@pytest.fixture
def sources(tmp_path: Path) -> SourceSet:
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "a.py").write_text(FUNCTION + "def bare(a):\n    return a\n\n\n" + FILLER)
    (folder / "b.py").write_text(FUNCTION.replace("add", "join") + FILLER)
    return from_folders([folder], 10, 1)


class _Bits:
    """A body costs less the more of the word "numbers" the model has read before it."""

    def __init__(self, engine: ScriptedEngine) -> None:
        self._engine = engine

    def bits(self, prompt: Sequence[int], middle: Sequence[int]) -> float:
        assert self._engine.text_of(middle).strip() == BODY.strip()
        return 100.0 - 10 * self._engine.text_of(prompt).count("numbers")


def test_docstrings_are_graded_by_the_bits_of_the_body_that_they_save(
    tmp_path: Path, sources: SourceSet
) -> None:
    said = [Answer('Do it."""', (-0.1,)), Answer('Add numbers to numbers."""', (-1.0,))]
    engine = ScriptedEngine(said * 2)
    translator = BackTranslator(
        Judged(engine, engine.info, "model", "", Settings()),
        cast("BitsCounter", _Bits(engine)),
    )
    plan = DocstringPlan(2, 2)
    folder = tmp_path / "results"

    async def run() -> None:
        await run_docstrings(translator, sources, plan, folder, lambda *_: None)

    asyncio.run(run())
    ledger = asyncio.run(run_docstrings(translator, sources, plan, folder, lambda *_: None))
    assert len(engine.runs) == 4  # the second time nothing is asked again

    records = list(ledger.records.values())
    assert [(r[NONE], r[AUTHOR]) for r in records] == [(100.0, 90.0)] * 2
    report = docstring_report([ledger])
    found = {(f["way"], f["metric"]): f["mean"] for f in report["figures"]}
    n_chars = records[0]["chars"]
    assert found[FIRST, "bits"] == pytest.approx(100 / n_chars, abs=1e-4)
    assert found[BEST, "bits"] == pytest.approx(80 / n_chars, abs=1e-4)
    assert (found[FIRST, "helps"], found[BEST, "helps"], found[AUTHOR, "helps"]) == (0, 1, 1)
    assert found[FIRST, "written"] == 1
    page = docstring_markdown(report)
    assert "2 functions" in page
    assert "model: the author's" in page


def test_only_functions_with_a_docstring_and_a_body_are_taken(sources: SourceSet) -> None:
    names = [each.function.name for each in documented_functions(sources, 9)]

    assert sorted(names) == ["add", "join"]
