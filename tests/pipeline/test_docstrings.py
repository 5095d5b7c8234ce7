"""Docstrings by a scripted engine."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from codelsp.context.docstring_hole import docstring_hole
from codelsp.document.snapshot import DocumentSnapshot
from codelsp.document.syntax import parse
from codelsp.engine.scripted import Answer, ScriptedEngine
from codelsp.pipeline.docstrings import DocstringCandidate, without_babble, write_docstrings
from codelsp.pipeline.journey import Journey
from codelsp.pipeline.pace import Pace
from codelsp.settings import Settings

DOCUMENT = DocumentSnapshot.of(
    "file:///a.py", "python", 1, "import os\n\n\ndef add(a, b):\n    return a + b\n\n\nx = 1\n"
)


def _written(engine: ScriptedEngine, n: int = 3) -> list[DocstringCandidate]:
    tree = parse(DOCUMENT)
    assert tree is not None
    (function,) = tree.functions()
    hole = docstring_hole(DOCUMENT, function)
    assert hole is not None
    journey = Journey(engine, engine.info, Settings(), Pace())
    return asyncio.run(write_docstrings(journey, DOCUMENT, function, hole, n))


def test_the_surest_comes_first_and_each_only_once() -> None:
    engine = ScriptedEngine([
        Answer('Say nothing."""\n', (-2.0,)),
        Answer('Add two numbers."""\n', (-0.5,)),
        Answer('Add two numbers."""\n', (-0.5,)),
    ])  # fmt: skip
    found = _written(engine)

    assert [each.text for each in found] == ["Add two numbers.", "Say nothing."]
    assert all(each.has_ended for each in found)
    assert [run.request.temperature for run in engine.runs] == [0.0, 0.6, 0.6]


def test_a_model_that_fills_holes_sees_the_function_on_both_sides() -> None:
    engine = ScriptedEngine(['Add."""'])
    _written(engine, 1)

    (prompt,) = engine.prompts
    before, _, after = prompt.partition("<|fim_suffix|>")
    healed = engine.runs[0].request.forced_prefix
    assert (before + healed).endswith('def add(a, b):\n    """')
    assert after.startswith('"""\n    return a + b\n')


def test_a_model_that_only_goes_on_reads_the_function_first() -> None:
    engine = ScriptedEngine(['Add."""'])
    engine.info = replace(engine.info, special_tokens={})
    _written(engine, 1)

    assert (engine.prompts[0] + engine.runs[0].request.forced_prefix).endswith(
        'def add(a, b):\n    return a + b\n\n# Docstring of the function above:\n"""'
    )


@pytest.mark.parametrize("said", ["", '"""', '  \n"""', '123."""'])
def test_what_has_no_words_is_no_docstring(said: str) -> None:
    assert _written(ScriptedEngine([said])) == []


def test_a_docstring_that_never_ends_is_cut_after_its_first_paragraph() -> None:
    (found,) = _written(ScriptedEngine([Answer("Add.\n\n    And so on", ends=False)]), 1)

    assert (found.text, found.has_ended) == ("Add.", False)


def test_a_line_said_twice_ends_it() -> None:
    text = "Add.\n\n    >>> add(1, 2)\n    3\n    >>> add(1, 2)\n    3"

    assert without_babble(text, has_ended=True) == ("Add.", False)
    assert without_babble("Add.\n\n    Two.\n", has_ended=True) == ("Add.\n\n    Two.", True)
    babble = "This is " + "a widget that is not a new widget that is not " * 9
    kept, is_whole = without_babble(babble, has_ended=False)
    assert (len(kept) < 60, is_whole) == (True, False)
