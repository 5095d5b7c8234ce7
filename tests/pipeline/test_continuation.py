"""What a model goes on with, when all there is is a text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from codelsp.engine.scripted import Answer, ScriptedEngine
from codelsp.errors import SettingsError
from codelsp.pipeline.continuation import ContinuationPlan, StopText, continuation


async def answered(engine: ScriptedEngine, text: str, plan: ContinuationPlan) -> str:
    model = await engine.connect()
    return "".join([piece async for piece in continuation(engine, model, text, plan)])


async def test_an_answer_ends_at_the_first_blank_line_and_the_model_with_it() -> None:
    engine = ScriptedEngine(["\n    return a + b\n\ndef other():\n    pass\n"])

    assert await answered(engine, "def add(a, b):", ContinuationPlan()) == "\n    return a + b"
    assert engine.cancelled


async def test_blank_lines_before_anything_else_are_no_end() -> None:
    engine = ScriptedEngine(["\n\n\nimport os\n\nx"])

    assert await answered(engine, "#", ContinuationPlan()) == "\n\n\nimport os"


async def test_a_model_with_control_tokens_reads_the_languages_first() -> None:
    engine = ScriptedEngine(["1"])
    engine.info = replace(engine.info, special_tokens={"<|java|>": 5, "<|endoftext|>": 0})

    await answered(engine, "class A {", ContinuationPlan(language="java"))
    await answered(engine, "def f():", ContinuationPlan(language="python"))

    assert engine.prompts == ["<|java|>class A {", "def f():"]


async def test_an_infilling_model_is_asked_in_its_own_layout() -> None:
    engine = ScriptedEngine(["1"])

    await answered(engine, "x = ", ContinuationPlan(language="python"))

    assert engine.prompts == ["<|file_sep|>main.py\n<|fim_prefix|>x = <|fim_suffix|><|fim_middle|>"]


async def test_sampling_is_as_asked() -> None:
    engine = ScriptedEngine([Answer("1")])
    plan = ContinuationPlan(length=7, temperature=0.2, top_p=0.5, top_k=3, seed=9)

    await answered(engine, "x", plan)

    (request,) = engine.requests
    assert (request.max_tokens, request.temperature, request.top_p) == (7, 0.2, 0.5)
    assert (request.top_k, request.seed) == (3, 9)


async def test_an_answer_longer_than_the_context_allows_is_told() -> None:
    engine = ScriptedEngine()

    with pytest.raises(SettingsError, match="an answer may have 1024"):
        await answered(engine, "x", ContinuationPlan(length=1025))


@pytest.mark.parametrize(
    ("pieces", "shown"),
    [
        pytest.param(["a\n", "\nb"], "a", id="the stop comes in two pieces"),
        pytest.param(["a\n", "b"], "a\nb", id="what was held back is no stop"),
        pytest.param(["a\n"], "a\n", id="what was held back is all there is"),
        pytest.param(["  \n", "\n", "a\n\n"], "  \n\na", id="white space first"),
    ],
)
def test_nothing_of_the_stop_is_shown_and_nothing_else_is_lost(
    pieces: list[str], shown: str
) -> None:
    cut, told = StopText("\n\n"), ""
    for piece in pieces:
        told += cut.taken(piece)
        if cut.has_come:
            break

    assert told + cut.rest() == shown
