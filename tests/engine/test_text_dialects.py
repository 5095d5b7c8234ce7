"""vLLM and plain OpenAI servers, Ollama, TGI: what they are asked, and how they are understood."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from codelsp.engine.completions_reading import OpenAIReading
from codelsp.engine.ollama_dialect import OllamaDialect
from codelsp.engine.openai_dialect import OpenAIDialect
from codelsp.engine.port import FinishReason, GenerationRequest, GenerationStats, Token
from codelsp.engine.tgi_dialect import TgiDialect
from codelsp.engine.wire import Wire
from codelsp.errors import EngineRefusedError, EngineUnavailableError
from tests.engine.fake_server import FakeServer, Reply, Route, events
from tests.engine.servers import (
    BOS,
    SPECIAL,
    SPELLINGS,
    ollama_routes,
    openai_chunk,
    tgi_routes,
    vllm_routes,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from codelsp.engine.open import ConnectedEngine

TEXT = GenerationRequest("<|fim_prefix|>a", max_tokens=8, stop_texts=("<|endoftext|>", "\n\n"))
IDS = GenerationRequest((1, 3, 2), max_tokens=8, stop_ids=(0, 4))


@contextlib.asynccontextmanager
async def vllm(
    routes: Mapping[str, Route] | None = None, model: str = "", *, is_vllm: bool = True
) -> AsyncIterator[tuple[OpenAIDialect, FakeServer]]:
    async with FakeServer(vllm_routes(routes or {})) as server:
        engine = OpenAIDialect(Wire(server.url), model, SPELLINGS, is_vllm=is_vllm)
        yield engine, server
        await engine.close()


@contextlib.asynccontextmanager
async def ollama(
    routes: Mapping[str, Route] | None = None, model: str = ""
) -> AsyncIterator[tuple[OllamaDialect, FakeServer]]:
    async with FakeServer(ollama_routes(routes or {})) as server:
        engine = OllamaDialect(Wire(server.url), model, SPELLINGS)
        yield engine, server
        await engine.close()


@contextlib.asynccontextmanager
async def tgi(
    routes: Mapping[str, Route] | None = None,
) -> AsyncIterator[tuple[TgiDialect, FakeServer]]:
    async with FakeServer(tgi_routes(routes or {})) as server:
        engine = TgiDialect(Wire(server.url), SPELLINGS)
        yield engine, server
        await engine.close()


async def generated(
    engine: ConnectedEngine, request: GenerationRequest
) -> tuple[list[Token], GenerationStats | None]:
    stream = engine.generate(request)
    return [token async for token in stream.tokens], stream.stats


async def test_vllm_says_its_model_context_and_special_tokens() -> None:
    async with vllm() as (engine, _):
        info = await engine.connect()

    assert (info.name, info.context_tokens, info.bos_id) == ("qwen-coder", 8192, BOS)
    assert info.special_tokens == SPECIAL
    assert info.takes_token_ids
    assert not info.takes_grammar


async def test_an_old_vllm_that_names_no_tokens_is_asked_for_each() -> None:
    def ids_only(asked: Any) -> Reply:
        ids = [SPECIAL[asked.body["prompt"]]] if asked.body["prompt"] in SPECIAL else [50, 51]
        return Reply({"tokens": ids})

    async with vllm({"/tokenize": ids_only}) as (engine, _):
        assert (await engine.connect()).special_tokens == SPECIAL


async def test_vllm_reads_special_tokens_everywhere_and_still_cannot_be_fooled() -> None:
    text = "x <|fim_prefix|> y"
    async with vllm() as (engine, server):
        ids = await engine.tokenize(text)
        assert ids == tuple(100 + ord(char) for char in text)
        n_asked = len(server.asked)
        assert await engine.tokenize(text) == ids
        assert len(server.asked) == n_asked


async def test_vllm_gets_ids_and_its_own_stop_tokens() -> None:
    async with vllm() as (engine, server):
        await engine.connect()
        await generated(engine, IDS)
        body = server.bodies("/v1/completions")[-1]

    assert (body["model"], body["prompt"], body["stop_token_ids"]) == (
        "qwen-coder",
        [1, 3, 2],
        [0, 4],
    )
    assert (body["stream"], body["logprobs"]) == (True, 1)


async def test_tokens_usage_and_finish_reason_are_read_from_chunks() -> None:
    async with vllm() as (engine, _):
        tokens, stats = await generated(engine, IDS)

    assert tokens == [Token("na", -0.5), Token("me", -0.5)]
    assert stats is not None
    assert (stats.finish_reason, stats.prompt_tokens, stats.prompt_tokens_reused) == (
        FinishReason.END,
        7,
        5,
    )
    assert stats.decoded_tokens == 2


async def test_several_tokens_in_one_chunk_are_counted_each() -> None:
    chunk = openai_chunk("name", "length")
    chunk["choices"][0]["logprobs"]["token_logprobs"] = [-0.5, -1.5]
    stream = Reply(chunks=events(chunk, done=True))
    async with vllm({"/v1/completions": stream}) as (engine, _):
        tokens, stats = await generated(engine, IDS)

    assert tokens == [Token("name", -0.5), Token("", -1.5)]
    assert stats is not None
    assert (stats.decoded_tokens, stats.finish_reason) == (2, FinishReason.LENGTH)


async def test_a_server_without_log_probabilities_says_none() -> None:
    chunk = {"choices": [{"text": "a", "finish_reason": "stop", "logprobs": None}]}
    stream = Reply(chunks=events(chunk, done=True))
    async with vllm({"/v1/completions": stream}) as (engine, _):
        assert (await generated(engine, IDS))[0] == [Token("a", None)]


async def test_a_plain_server_gets_text_and_nothing_that_is_not_in_the_dialect() -> None:
    async with vllm(is_vllm=False) as (engine, server):
        info = await engine.connect()
        await generated(engine, TEXT)
        body = server.bodies("/v1/completions")[-1]

    assert not info.takes_token_ids
    assert set(info.special_tokens.values()) == {-1}
    assert (body["prompt"], body["stop"]) == ("<|fim_prefix|>a", ["<|endoftext|>", "\n\n"])
    assert not set(body) - {
        "model", "prompt", "max_tokens", "temperature", "top_p", "seed", "stream",
        "stream_options", "logprobs", "stop",
    }  # fmt: skip


async def test_a_plain_server_does_not_tokenize() -> None:
    async with vllm(is_vllm=False) as (engine, _):
        with pytest.raises(EngineRefusedError, match="takes text"):
            await engine.tokenize("a")


async def test_a_model_the_server_has_not_is_told_with_those_it_has() -> None:
    async with vllm(model="gpt-4") as (engine, _):
        with pytest.raises(EngineRefusedError, match=r"no model 'gpt-4'.*qwen-coder"):
            await engine.connect()


async def test_a_server_that_lists_nothing_is_asked_for_the_model_that_is_set() -> None:
    nothing = {"/v1/models": Reply({"object": "list", "data": []})}
    async with vllm(nothing, model="/models/pilot", is_vllm=False) as (engine, _):
        assert (await engine.connect()).name == "/models/pilot"
    async with vllm(nothing, is_vllm=False) as (engine, _):
        with pytest.raises(EngineRefusedError, match="one of: none"):
            await engine.connect()


async def test_a_server_that_hides_its_context_gets_short_prompts() -> None:
    models = Reply({"data": [{"id": "m"}]})
    async with vllm({"/v1/models": models}, is_vllm=False) as (engine, _):
        assert (await engine.connect()).context_tokens == 4096


async def test_ollama_is_asked_raw_with_the_model_it_has() -> None:
    async with ollama() as (engine, server):
        info = await engine.connect()
        tokens, stats = await generated(engine, TEXT)
        body = server.bodies("/api/generate")[-1]

    assert (info.name, info.context_tokens) == ("qwen2.5-coder:1.5b-base", 4096)
    assert (body["raw"], body["stream"], body["model"]) == (True, True, info.name)
    assert body["options"]["num_predict"] == 8
    assert body["options"]["stop"] == ["<|endoftext|>", "\n\n"]
    assert tokens == [Token("na", -0.5), Token("me", None)]
    assert stats == GenerationStats(
        FinishReason.LENGTH, prompt_tokens=7, prompt_ms=3.5, decoded_tokens=2, decode_ms=4.0
    )


async def test_ollama_uses_the_model_that_is_loaded_before_others() -> None:
    loaded = Reply({"models": [{"name": "starcoder2:3b"}]})
    async with ollama({"/api/ps": loaded}) as (engine, _):
        assert (await engine.connect()).name == "starcoder2:3b"


async def test_ollamas_special_tokens_come_from_the_vocabulary_or_from_the_template() -> None:
    vocabulary = {"tokenizer.ggml.tokens": ["<|endoftext|>", "a", "<|fim_prefix|>"]}
    async with ollama({"/api/show": Reply({"model_info": vocabulary})}) as (engine, _):
        found = (await engine.connect()).special_tokens
    async with ollama() as (engine, _):
        in_template = (await engine.connect()).special_tokens
    async with ollama({"/api/show": Reply({"template": "{{ .Prompt }}"})}) as (engine, _):
        unknown = (await engine.connect()).special_tokens

    assert found == {"<|endoftext|>": 0, "<|fim_prefix|>": 2}
    assert in_template == dict.fromkeys(SPELLINGS[:3], -1)
    assert unknown == dict.fromkeys(SPELLINGS, -1)


async def test_an_ollama_without_models_says_how_to_get_one() -> None:
    async with ollama({"/api/tags": Reply({"models": []})}) as (engine, _):
        with pytest.raises(EngineRefusedError, match="ollama pull"):
            await engine.connect()


async def test_a_model_ollama_has_not_is_told() -> None:
    missing = Reply({"error": "model 'x' not found"}, 404)
    async with ollama({"/api/show": missing}, model="x") as (engine, _):
        with pytest.raises(EngineRefusedError, match=r"`model` \(model 'x' not found\)"):
            await engine.connect()


async def test_a_failure_in_ollamas_stream_is_told() -> None:
    stream = Reply(chunks=[b'{"response":"a","done":false}\n{"error":"out of memory"}\n'])
    async with ollama({"/api/generate": stream}) as (engine, _):
        with pytest.raises(EngineRefusedError, match="out of memory"):
            await generated(engine, TEXT)


async def test_an_ollama_that_dies_in_the_middle_is_told() -> None:
    stream = Reply(chunks=[b'{"response":"a","done":false}\n'], is_cut=True)
    async with ollama({"/api/generate": stream}) as (engine, _):
        with pytest.raises(EngineUnavailableError, match="hung up"):
            await generated(engine, TEXT)
        assert engine.is_lost


async def test_tgi_says_its_model_and_special_tokens() -> None:
    async with tgi() as (engine, _):
        info = await engine.connect()

    assert (info.name, info.context_tokens) == ("starcoder2-3b", 4096)
    assert info.special_tokens == SPECIAL


async def test_an_old_tgi_cannot_say_its_special_tokens() -> None:
    async with tgi({"/tokenize": Reply({"error": "not found"}, 404)}) as (engine, _):
        assert set((await engine.connect()).special_tokens.values()) == {-1}


async def test_tgi_is_greedy_unless_a_temperature_is_asked_for() -> None:
    warm = GenerationRequest("a", max_tokens=8, temperature=0.8, seed=7)
    async with tgi() as (engine, server):
        tokens, stats = await generated(engine, TEXT)
        await generated(engine, warm)
        greedy, sampled = (body["parameters"] for body in server.bodies("/generate_stream"))

    assert not {"temperature", "do_sample", "seed"} & set(greedy)
    assert (sampled["temperature"], sampled["do_sample"], sampled["seed"]) == (0.8, True, 7)
    assert [token.text for token in tokens] == ["na", "me", ""]
    assert stats is not None
    assert (stats.finish_reason, stats.prompt_tokens) == (FinishReason.END, 7)


async def test_an_overloaded_tgi_is_told() -> None:
    busy = Reply({"error": "Model is overloaded", "error_type": "overloaded"}, 429)
    async with tgi({"/generate_stream": busy}) as (engine, _):
        with pytest.raises(EngineUnavailableError, match="Model is overloaded"):
            await generated(engine, TEXT)


async def test_text_that_no_engine_accepts_is_made_acceptable() -> None:
    broken = GenerationRequest("a\ud83d", max_tokens=8)
    async with tgi() as (engine, server), ollama() as (other, other_server):
        await generated(engine, broken)
        await generated(other, broken)

        assert server.bodies("/generate_stream")[-1]["inputs"] == "a\ufffd"
        assert other_server.bodies("/api/generate")[-1]["prompt"] == "a\ufffd"


def test_a_finish_reason_nobody_has_heard_of_is_an_end() -> None:
    reading = OpenAIReading()
    reading.tokens_of(openai_chunk("a", "content_filter"))

    assert reading.finish_reason is FinishReason.END
