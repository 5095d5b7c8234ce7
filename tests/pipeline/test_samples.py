"""Texts from any engine: the options of OpenAI's tools, where no beams are needed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from codelsp.engine.scripted import Answer, ScriptedEngine
from codelsp.errors import SettingsError
from codelsp.pipeline.samples import EngineSampler, Sample, SamplingPlan


async def sampled(engine: ScriptedEngine, prompt: str, plan: SamplingPlan) -> list[Sample]:
    sampler = EngineSampler(engine, await engine.connect())
    return [sample async for sample in sampler.samples(prompt, plan)]


async def test_texts_come_one_after_the_other_each_with_a_seed_of_its_own() -> None:
    engine = ScriptedEngine(["one", Answer("two", ends=False)])

    samples = await sampled(engine, "x = ", SamplingPlan(2, length=5, top_k=40, seed=7))

    assert [(s.number, s.text, s.has_ended) for s in samples] == [
        (1, "one", True),
        (2, "two", False),
    ]
    assert [request.seed for request in engine.requests] == [7, 8]
    assert {(r.max_tokens, r.top_k, r.top_p) for r in engine.requests} == {(5, 40, 1.0)}
    assert engine.prompts == ["x = ", "x = "]


async def test_a_text_from_nothing_begins_with_the_end_token_and_may_fill_the_context() -> None:
    engine = ScriptedEngine(["text"])

    await sampled(engine, "", SamplingPlan())
    await sampled(engine, "a", SamplingPlan(do_sample=False))

    assert engine.prompts[0] == "<|endoftext|>"
    assert [request.max_tokens for request in engine.requests] == [2047, 1024]
    assert [request.temperature for request in engine.requests] == [1.0, 0.0]


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        pytest.param(SamplingPlan(num_beams=2), "need a folder of safetensors", id="beams"),
        pytest.param(SamplingPlan(ignore_end=True), "need a folder of safetensors", id="no end"),
        pytest.param(SamplingPlan(length=3000), "give --length 2047 or less", id="too long"),
        pytest.param(SamplingPlan(3, 2), "does not divide", id="batches"),
    ],
)
async def test_what_an_engine_cannot_do_is_told(plan: SamplingPlan, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        await sampled(ScriptedEngine(), "x", plan)


async def test_a_model_without_a_token_that_begins_a_text_needs_a_prompt() -> None:
    engine = ScriptedEngine()
    engine.info = replace(engine.info, special_tokens={})

    with pytest.raises(SettingsError, match="give a prompt"):
        await sampled(engine, "", SamplingPlan())
