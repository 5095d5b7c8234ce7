from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codelsp.engine.port import Engine, FinishReason, GenerationRequest, GenerationStream
from codelsp.engine.scripted import Answer, ScriptedEngine
from codelsp.errors import EngineLoadingError, EngineRefusedError, EngineUnavailableError


def asking(
    prompt: tuple[int, ...] | str = "p", max_tokens: int = 48, **more: object
) -> GenerationRequest:
    return GenerationRequest(prompt, max_tokens, **more)  # type: ignore[arg-type]


async def text_of(stream: GenerationStream) -> str:
    return "".join([token.text async for token in stream.tokens])


def test_it_is_an_engine() -> None:
    engine: Engine = ScriptedEngine()

    assert isinstance(engine.generate(asking()), GenerationStream)


@given(st.text())
def test_tokens_are_reversible_and_the_same_in_every_instance(text: str) -> None:
    engine = ScriptedEngine()

    assert engine.text_of(engine.ids_of(text)) == text
    assert ScriptedEngine().ids_of(text) == engine.ids_of(text)


async def test_no_text_becomes_a_special_token() -> None:
    engine = ScriptedEngine()
    ids = await engine.tokenize("<|fim_prefix|>")

    assert not set(ids) & set(engine.info.special_tokens.values())
    assert engine.text_of((1, *ids)) == "<|fim_prefix|><|fim_prefix|>"


async def test_a_list_is_answered_in_order_and_its_last_entry_for_ever() -> None:
    engine = ScriptedEngine(["a", "b"])

    assert [await text_of(engine.generate(asking())) for _ in range(3)] == ["a", "b", "b"]


async def test_a_function_sees_the_prompt_as_text() -> None:
    engine = ScriptedEngine(lambda prompt: "yes" if prompt.endswith("return ") else "no")
    ids = engine.ids_of("return ")

    assert await text_of(engine.generate(asking((1, *ids)))) == "yes"
    assert await text_of(engine.generate(asking("x"))) == "no"
    assert engine.prompts == ["<|fim_prefix|>return ", "x"]


async def test_a_budget_a_stop_text_and_a_stop_token_are_obeyed() -> None:
    engine = ScriptedEngine(["a b c\nd"])
    short = engine.generate(asking(max_tokens=2))
    by_text = engine.generate(asking(stop_texts=("\n",)))
    by_token = engine.generate(asking(stop_ids=engine.ids_of(" c")))

    assert [await text_of(one) for one in (short, by_text, by_token)] == ["a b", "a b c", "a b"]
    reasons = [one.stats.finish_reason for one in (short, by_text, by_token) if one.stats]
    assert reasons == [FinishReason.LENGTH, FinishReason.END, FinishReason.END]


async def test_a_forced_prefix_begins_the_text_and_has_no_log_probability() -> None:
    engine = ScriptedEngine([Answer("me + 1", log_probs=(-0.1, -2.0))])
    stream = engine.generate(asking(forced_prefix="x."))
    tokens = [token async for token in stream.tokens]

    assert "".join(token.text for token in tokens) == "x.me + 1"
    assert [token.log_prob for token in tokens][:3] == [None, None, -2.0]


async def test_a_gate_holds_a_token_until_it_is_opened() -> None:
    engine = ScriptedEngine(["a b c"])
    gate = engine.hold_at(2)
    stream = engine.generate(asking())
    reader = asyncio.create_task(text_of(stream))
    await gate.reached.wait()

    assert (engine.runs[0].n_delivered, engine.n_running) == (2, 1)
    gate.opened.set()
    assert await reader == "a b c"
    assert engine.n_running == 0


async def test_a_closed_run_is_kept_with_what_it_delivered() -> None:
    engine = ScriptedEngine(["a b c"])
    stream = engine.generate(asking())
    await stream.tokens.__anext__()
    await stream.aclose()

    assert [run.n_delivered for run in engine.cancelled] == [1]
    assert stream.stats is not None
    assert stream.stats.finish_reason is FinishReason.CUT


async def test_a_run_closed_while_another_task_waits_ends_that_tasks_tokens() -> None:
    engine = ScriptedEngine(["a b c"])
    gate = engine.hold_at(1)
    stream = engine.generate(asking())
    reader = asyncio.create_task(text_of(stream))
    await gate.reached.wait()
    await stream.aclose()

    assert await reader == "a"
    assert engine.runs[0].was_cancelled


async def test_a_stream_nobody_read_was_never_run() -> None:
    engine = ScriptedEngine(["a"])
    stream = engine.generate(asking())
    await stream.aclose()

    assert engine.runs == []
    assert await text_of(stream) == ""
    assert stream.stats is not None


async def test_failures_come_when_asked_for() -> None:
    engine = ScriptedEngine(["a b c"])
    engine.fail_with(EngineRefusedError("no"), after_tokens=1)
    stream = engine.generate(asking())
    assert (await stream.tokens.__anext__()).text == "a"
    with pytest.raises(EngineRefusedError):
        await stream.tokens.__anext__()

    assert isinstance(engine.runs[0].error, EngineRefusedError)
    assert await text_of(engine.generate(asking())) == "a b c"


async def test_a_loading_model_and_a_closed_engine_are_told() -> None:
    engine = ScriptedEngine()
    engine.is_loading = True
    with pytest.raises(EngineLoadingError):
        await engine.connect()
    await engine.close()

    with pytest.raises(EngineUnavailableError):
        await engine.tokenize("a")


async def test_a_delay_comes_before_every_token() -> None:
    engine = ScriptedEngine(["a b c"])
    engine.delay_ms = 5
    began = time.perf_counter()
    await text_of(engine.generate(asking()))

    assert time.perf_counter() - began >= 0.015


async def test_runs_at_the_same_time_are_counted() -> None:
    engine = ScriptedEngine(["a"])
    gates = [engine.hold_at(0), engine.hold_at(0)]
    readers = [asyncio.create_task(text_of(engine.generate(asking()))) for _ in gates]
    for gate in gates:
        await gate.reached.wait()
        gate.opened.set()
    await asyncio.gather(*readers)

    assert engine.most_at_once == 2
