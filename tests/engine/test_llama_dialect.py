from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from codelsp.engine.llama_dialect import LlamaDialect
from codelsp.engine.port import FinishReason, GenerationRequest, GenerationStats, Token
from codelsp.engine.wire import Wire
from codelsp.errors import (
    EngineError,
    EngineLoadingError,
    EngineRefusedError,
    EngineUnavailableError,
)
from tests.engine.fake_server import FakeServer, Reply, Route, events
from tests.engine.servers import (
    BOS,
    SPECIAL,
    SPELLINGS,
    llama_completion,
    llama_end,
    llama_event,
    llama_progress,
    llama_routes,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

REQUEST = GenerationRequest((1, 3, 40, 2, 41), max_tokens=8)


@contextlib.asynccontextmanager
async def llama(
    routes: Mapping[str, Route] | None = None,
) -> AsyncIterator[tuple[LlamaDialect, FakeServer]]:
    async with FakeServer(llama_routes(routes or {})) as server:
        engine = LlamaDialect(Wire(server.url), SPELLINGS)
        try:
            yield engine, server
        finally:
            await engine.close()


async def generated(
    completion: Route, request: GenerationRequest = REQUEST
) -> tuple[list[Token], GenerationStats | None, Any]:
    """Return the tokens, the stats and what was asked of one generation."""
    async with llama({"/completion": completion}) as (engine, server):
        stream = engine.generate(request)
        tokens = [token async for token in stream.tokens]
        return tokens, stream.stats, server.bodies("/completion")[-1]


async def test_a_server_says_its_model_context_slots_and_special_tokens() -> None:
    async with llama() as (engine, _):
        info = await engine.connect()

    assert (info.name, info.context_tokens, info.slots) == ("pilot-q8.gguf", 2048, 2)
    assert info.special_tokens == SPECIAL
    assert info.takes_token_ids
    assert info.takes_grammar


async def test_it_is_asked_once_only_and_for_all_special_tokens_at_once() -> None:
    async with llama() as (engine, server):
        assert await engine.connect() == await engine.connect()
        assert len([body for body in server.bodies("/tokenize") if body["parse_special"]]) == 1


async def test_a_beginning_of_sequence_is_found_where_the_model_has_one() -> None:
    def without_bos(asked: Any) -> Reply:
        texts = asked.body["content"]
        return Reply({"tokens": [{"id": 100 + ord(c), "piece": c} for c in texts]})

    async with llama() as (engine, _):
        assert (await engine.connect()).bos_id == BOS
    async with llama({"/tokenize": without_bos}) as (engine, _):
        assert (await engine.connect()).bos_id is None


@pytest.mark.parametrize(
    "health",
    [
        Reply({"error": {"code": 503, "message": "Loading model"}}, 503),
        Reply({"status": "loading model"}),
    ],
)
async def test_a_model_that_is_being_loaded_is_told_apart(health: Reply) -> None:
    async with llama({"/health": health}) as (engine, _):
        with pytest.raises(EngineLoadingError, match="loading"):
            await engine.connect()


async def test_another_kind_of_server_is_told_apart() -> None:
    async with llama({"/props": Reply({"hello": "world"})}) as (engine, _):
        with pytest.raises(EngineUnavailableError, match="not an engine codelsp knows"):
            await engine.connect()


async def test_document_text_is_tokenized_with_special_tokens_off() -> None:
    async with llama() as (engine, server):
        await engine.connect()
        ids = await engine.tokenize("<|fim_prefix|>")

        assert len(ids) == len("<|fim_prefix|>")
        body = server.bodies("/tokenize")[-1]
        assert (body["parse_special"], body["add_special"]) == (False, False)


async def test_a_vocabulary_that_reads_special_tokens_everywhere_cannot_be_fooled() -> None:
    def always(asked: Any) -> Reply:
        asked.body["parse_special"] = True
        normal = llama_routes()["/tokenize"]
        assert callable(normal)
        return normal(asked)

    async with llama({"/tokenize": always}) as (engine, _):
        await engine.connect()
        text = "a <|fim_prefix|> b <|fim_middle|>"
        ids = await engine.tokenize(text)

    assert not set(ids) & set(SPECIAL.values())
    assert ids == tuple(100 + ord(char) for char in text)


async def test_a_text_seen_before_is_not_sent_again() -> None:
    async with llama() as (engine, server):
        assert await engine.tokenize("suffix") == await engine.tokenize("suffix")
        assert len(server.bodies("/tokenize")) == 1


async def test_nothing_is_asked_for_no_text() -> None:
    async with llama() as (engine, server):
        assert await engine.tokenize("") == ()
        assert not server.asked


async def test_half_a_character_is_sent_as_a_replacement() -> None:
    async with llama() as (engine, server):
        await engine.tokenize("a\ud83d")
        assert server.bodies("/tokenize")[-1]["content"] == "a\ufffd"


async def test_tokens_come_with_their_log_probabilities_and_the_figures_at_the_end() -> None:
    tokens, stats, _ = await generated(llama_completion("na", "me"))

    assert tokens == [Token("na", -0.5), Token("me", -0.5)]
    assert stats == GenerationStats(
        FinishReason.END,
        prompt_tokens=12,
        prompt_tokens_reused=10,
        prompt_ms=3.5,
        decoded_tokens=2,
        decode_ms=3.0,
    )


async def test_a_used_up_budget_is_told_apart() -> None:
    _, stats, _ = await generated(llama_completion("a", stop_type="limit"))

    assert stats is not None
    assert stats.finish_reason is FinishReason.LENGTH


async def test_the_request_asks_for_what_completion_needs() -> None:
    _, _, body = await generated(llama_completion("a"))

    assert body["prompt"] == [1, 3, 40, 2, 41]
    assert (body["n_predict"], body["temperature"], body["n_probs"]) == (8, 0.0, 1)
    assert (body["stream"], body["cache_prompt"], body["return_progress"]) == (True, True, True)
    assert "grammar" not in body


@pytest.mark.parametrize("top_k", [None, 0, 40])
async def test_an_engine_keeps_its_own_top_k_until_one_is_asked_for(top_k: int | None) -> None:
    request = GenerationRequest((1,), max_tokens=8, top_k=top_k)
    _, _, body = await generated(llama_completion("a"), request)

    assert body.get("top_k") == top_k
    assert ("top_k" in body) == (top_k is not None)


async def test_log_probabilities_that_nobody_wants_are_not_computed() -> None:
    request = GenerationRequest((1,), max_tokens=8, want_log_probs=False)
    _, _, body = await generated(llama_completion("a"), request)

    assert body["n_probs"] == 0


async def test_a_forced_prefix_is_a_grammar_and_is_no_evidence() -> None:
    request = GenerationRequest((1,), max_tokens=8, forced_prefix='se"')
    tokens, _, body = await generated(llama_completion("se", '"l', "f"), request)

    assert body["grammar"] == r'root ::= "se\"" [^\x00]*'
    assert [token.log_prob for token in tokens] == [None, -0.5, -0.5]


async def test_a_stop_token_that_the_engine_does_not_know_ends_the_generation() -> None:
    shown = [llama_event("a", 1), llama_event("<mid>", 2, tokens=(7,)), llama_event("b", 3)]
    request = GenerationRequest((1,), max_tokens=8, stop_ids=(7,))
    tokens, stats, _ = await generated(Reply(chunks=events(*shown, llama_end(3))), request)

    assert [token.text for token in tokens] == ["a"]
    assert stats is not None
    assert stats.finish_reason is FinishReason.END


async def test_a_character_of_several_tokens_comes_out_once_and_whole() -> None:
    pieces = []
    for number, raw in enumerate((b"\xf0\x9f", b"\x99\x82"), 1):
        event = llama_event("\ufffd", number)
        event["completion_probabilities"][0]["bytes"] = list(raw)
        pieces.append(event)
    tokens, _, _ = await generated(Reply(chunks=events(*pieces, llama_end(2))))

    assert [token.text for token in tokens] == ["", "🙂"]


async def test_a_stream_cut_anywhere_by_the_network_reads_the_same() -> None:
    shown = b"".join(events(llama_event("é漢", 1), llama_event("🙂", 2), llama_end(2)))
    sliced = [shown[i : i + 7] for i in range(0, len(shown), 7)]
    tokens, _, _ = await generated(Reply(chunks=sliced))

    assert "".join(token.text for token in tokens) == "é漢🙂"


async def test_closing_stops_the_engine_and_keeps_what_is_known() -> None:
    async def endless() -> AsyncIterator[bytes]:
        number = 0
        while True:
            number += 1
            yield events(llama_event("x", number))[0]
            await asyncio.sleep(0.003)

    async with llama({"/completion": Reply(chunks=endless)}) as (engine, server):
        stream = engine.generate(REQUEST)
        async for _ in stream.tokens:
            break
        await stream.aclose()
        await stream.aclose()
        await asyncio.wait_for(server.hung_up.wait(), 2)

    assert stream.stats is not None
    assert stream.stats.finish_reason is FinishReason.CUT
    assert stream.stats.prompt_tokens_reused == 10
    assert stream.stats.decoded_tokens is not None


async def test_closing_from_another_task_ends_the_tokens_of_the_reader() -> None:
    reading = asyncio.Event()

    async def held() -> AsyncIterator[bytes]:
        yield events(llama_progress(11))[0]
        while True:
            reading.set()
            yield events(llama_progress(12))[0]
            await asyncio.sleep(0.01)

    async with llama({"/completion": Reply(chunks=held)}) as (engine, server):
        stream = engine.generate(REQUEST)

        async def read() -> list[Token]:
            return [token async for token in stream.tokens]

        reader = asyncio.create_task(read())
        await reading.wait()
        await stream.aclose()

        assert await asyncio.wait_for(reader, 2) == []
        await asyncio.wait_for(server.hung_up.wait(), 2)
    assert stream.stats is not None
    assert stream.stats.finish_reason is FinishReason.CUT


async def test_a_cancelled_reader_takes_the_generation_along() -> None:
    started = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield events(llama_event("x", 1))[0]
            started.set()
            await asyncio.sleep(0.003)

    async with llama({"/completion": Reply(chunks=endless)}) as (engine, server):

        async def read() -> None:
            async for _ in engine.generate(REQUEST).tokens:
                pass

        reader = asyncio.create_task(read())
        await started.wait()
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
        await asyncio.wait_for(server.hung_up.wait(), 2)


@pytest.mark.parametrize(
    ("reply", "kind", "message"),
    [
        (Reply({"error": {"message": "no"}}, 500), EngineRefusedError, "log"),
        (Reply({"error": {"message": "no"}}, 429), EngineUnavailableError, "busy"),
        (Reply(b"<html>", 413), EngineRefusedError, "context_tokens"),
        (Reply(chunks=[b"data: {nonsense\n\n"]), EngineUnavailableError, "does not understand"),
        (Reply(chunks=[b"data: [1]\n\n"]), EngineUnavailableError, "does not understand"),
        (Reply(chunks=events({"x": 1})), EngineUnavailableError, "does not understand"),
        (Reply(chunks=events({"error": {"message": "oops"}})), EngineRefusedError, "oops"),
        (Reply(chunks=[b'error: {"message":"oops"}\n\n']), EngineRefusedError, "oops"),
        (Reply(chunks=events(llama_event("a", 1))), EngineUnavailableError, "middle"),
        (Reply(chunks=events(llama_event("a", 1)), is_cut=True), EngineUnavailableError, "hung up"),
    ],
)
async def test_each_failure_of_a_generation_is_told(
    reply: Reply, kind: type[EngineError], message: str
) -> None:
    with pytest.raises(kind, match=message):
        await generated(reply)


async def test_what_an_engine_wrote_is_never_quoted_in_an_error() -> None:
    odd = llama_event("password = ", 1)
    del odd["completion_probabilities"][0]["logprob"]
    with pytest.raises(EngineUnavailableError) as caught:
        await generated(Reply(chunks=events(odd)))

    assert "password" not in str(caught.value)


async def test_an_engine_that_broke_off_is_lost_and_one_that_refused_is_not() -> None:
    async with llama({"/completion": Reply(chunks=[], is_cut=True)}) as (engine, _):
        with pytest.raises(EngineUnavailableError):
            _ = [token async for token in engine.generate(REQUEST).tokens]
        assert engine.is_lost
    async with llama({"/completion": Reply({}, 400)}) as (engine, _):
        with pytest.raises(EngineRefusedError):
            _ = [token async for token in engine.generate(REQUEST).tokens]
        assert not engine.is_lost
