"""The client with the real engine and the embedded model."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import statistics
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from codelsp.engine.llama_dialect import LlamaDialect
from codelsp.engine.open import open_engine
from codelsp.engine.port import Engine, FinishReason, GenerationRequest, GenerationStream, Token
from codelsp.engine.process import EngineAddress, engine_status, stop_engine
from codelsp.engine.recognize import recognize
from codelsp.engine.torch_presence import missing_packages
from codelsp.engine.wire import Wire
from codelsp.errors import EngineError, EngineRefusedError, EngineUnavailableError
from codelsp.model_store import resolve_model
from codelsp.model_store.places import DEFAULT_MODEL
from codelsp.settings import Settings
from tests.engine.processes import ensured, home

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

__all__ = ["home"]
pytestmark = pytest.mark.slow

CODE = '''import os


def read_file(path):
    """Return the text of a file."""
    with open(path) as file:
        return file.'''
NASTY = [
    "def f(x):\n    return x\n\n\n\tif a:\r\n  pass  # é 漢字 🙂\n",
    "<|fim_prefix|> <|endoftext|>",
    "   \n\n \t x",
    "a\x0cb\u2028c\x00d",
    "'\"\\`${}",
]


@pytest.fixture(scope="module", params=["llama.cpp", "torch"])
def address(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EngineAddress]:
    if request.param == "torch" and missing_packages():
        pytest.skip(f"not installed: {', '.join(missing_packages())}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CODELSP_HOME", str(tmp_path_factory.mktemp("home")))
        yield ensured(engine=request.param)
        stop_engine()


@contextlib.asynccontextmanager
async def engine_at(address: EngineAddress) -> AsyncIterator[LlamaDialect]:
    engine = LlamaDialect(Wire(address.url, address.api_key))
    await engine.connect()
    yield engine
    await engine.close()


async def prompt_of(engine: LlamaDialect, code: str = CODE) -> tuple[int, ...]:
    special = (await engine.connect()).special_tokens
    prefix, suffix, middle = (special[f"<|fim_{one}|>"] for one in ("prefix", "suffix", "middle"))
    return (prefix, suffix, *await engine.tokenize("\n"), middle, *await engine.tokenize(code))


async def tokens_of(stream: GenerationStream) -> list[Token]:
    return [token async for token in stream.tokens]


async def text_of(stream: GenerationStream) -> str:
    return "".join(token.text for token in await tokens_of(stream))


async def n_decodes(engine_address: EngineAddress) -> int:
    """Return how often the engine has run its model, once it is idle."""
    while True:
        metrics = await asyncio.to_thread(metrics_of, engine_address)
        if metrics["requests_processing"] == 0:
            return metrics["n_decode_total"]
        await asyncio.sleep(0.002)


def metrics_of(engine_address: EngineAddress) -> dict[str, int]:
    import http.client

    port = int(engine_address.url.rsplit(":", 1)[1])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    key = {"Authorization": f"Bearer {engine_address.api_key}"}
    connection.request("GET", "/metrics", headers=key)
    text = connection.getresponse().read().decode()
    connection.close()
    return {
        name: int(float(value))
        for name, value in re.findall(r"^llamacpp:(\w+) (\S+)$", text, re.MULTILINE)
    }


async def test_the_embedded_model_says_what_it_is(address: EngineAddress) -> None:
    tokenizer = json.loads((resolve_model("").path.parent / "tokenizer.json").read_text("utf-8"))
    added = {token["content"]: token["id"] for token in tokenizer["added_tokens"]}
    async with engine_at(address) as engine:
        info = await engine.connect()

    assert info.name == DEFAULT_MODEL
    assert info.context_tokens >= 512
    assert info.bos_id is None
    assert info.special_tokens.items() <= added.items()
    assert {"<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"} <= set(info.special_tokens)


async def test_a_url_to_it_is_recognized_and_a_wrong_key_is_told(address: EngineAddress) -> None:
    engine = await recognize(address.url, address.api_key)
    assert isinstance(engine, LlamaDialect)
    await engine.close()

    with pytest.raises(EngineRefusedError, match="`engine_api_key`"):
        await recognize(address.url, "wrong")


async def test_texts_become_the_ids_that_training_used(address: EngineAddress) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    tokenizer = tokenizers.Tokenizer.from_file(
        str(resolve_model("").path.parent / "tokenizer.json")
    )
    async with engine_at(address) as engine:
        for text in NASTY[:1] + NASTY[2:]:
            assert list(await engine.tokenize(text)) == tokenizer.encode(text).ids


async def test_no_text_becomes_a_special_token(address: EngineAddress) -> None:
    async with engine_at(address) as engine:
        special = set((await engine.connect()).special_tokens.values())
        for text in NASTY:
            assert not special & set(await engine.tokenize(text))


async def test_greedy_generations_are_the_same_and_have_log_probabilities(
    address: EngineAddress,
) -> None:
    async with engine_at(address) as engine:
        request = GenerationRequest(await prompt_of(engine), max_tokens=8)
        first, second = [await tokens_of(engine.generate(request)) for _ in range(2)]

    assert [token.text for token in first] == [token.text for token in second]
    assert all(token.log_prob is not None and token.log_prob <= 0 for token in first)


async def test_a_further_key_reads_one_further_token(address: EngineAddress) -> None:
    async with engine_at(address) as engine:
        prompt = await prompt_of(engine)
        await tokens_of(engine.generate(GenerationRequest(prompt, max_tokens=4)))
        stream = engine.generate(GenerationRequest((*prompt, 70), max_tokens=4))
        await tokens_of(stream)

    assert stream.stats is not None
    assert stream.stats.prompt_tokens == len(prompt) + 1
    assert stream.stats.prompt_tokens_reused is not None
    assert stream.stats.prompt_tokens_reused >= len(prompt) - 1


@pytest.mark.parametrize(
    "forced", ["re", '"', "\\", "\n", "\t", "é", "漢🙂", "]", "x" * 40, "\x0c"]
)
async def test_a_generation_begins_with_what_it_must(address: EngineAddress, forced: str) -> None:
    async with engine_at(address) as engine:
        prompt = await prompt_of(engine)
        # Each forced character may take several tokens, and some are needed after them.
        n_tokens = 4 * len(forced) + 8
        request = GenerationRequest(prompt, max_tokens=n_tokens, forced_prefix=forced)
        stream = engine.generate(request)
        text = await text_of(stream)

    assert text.startswith(forced)
    assert stream.stats is not None
    assert len(text) > len(forced) or stream.stats.finish_reason is FinishReason.END


async def test_a_model_may_still_end_after_what_it_must_write(address: EngineAddress) -> None:
    async with engine_at(address) as engine:
        prompt = await prompt_of(engine)
        reasons = []
        for seed in range(12):
            stream = engine.generate(
                GenerationRequest(
                    prompt, max_tokens=200, temperature=1.0, seed=seed, forced_prefix="re"
                )
            )
            text = await text_of(stream)
            assert text.startswith("re")
            assert stream.stats is not None
            reasons.append(stream.stats.finish_reason)

    assert FinishReason.END in reasons


async def test_special_tokens_never_come_out_as_text(address: EngineAddress) -> None:
    async with engine_at(address) as engine:
        prompt = await prompt_of(engine)
        stops = tuple((await engine.connect()).special_tokens.values())
        for seed in range(12):
            request = GenerationRequest(
                prompt, max_tokens=60, temperature=2.0, seed=seed, stop_ids=stops
            )
            assert not re.search(r"<\|\w+\|>", await text_of(engine.generate(request)))


async def test_a_stop_token_of_ours_ends_a_generation(address: EngineAddress) -> None:
    async with engine_at(address) as engine:
        prompt = await prompt_of(engine)
        free = await text_of(engine.generate(GenerationRequest(prompt, max_tokens=6)))
        # Greedy writes the same again, so one of its own tokens can be made to stop it.
        stop = (await engine.tokenize(free))[:1]
        stream = engine.generate(GenerationRequest(prompt, max_tokens=6, stop_ids=stop))

        assert await text_of(stream) == ""
        assert stream.stats is not None
        assert stream.stats.finish_reason is FinishReason.END


async def test_a_prompt_longer_than_the_context_is_refused_with_the_reason(
    address: EngineAddress,
) -> None:
    async with engine_at(address) as engine:
        info = await engine.connect()
        request = GenerationRequest((70,) * (info.context_tokens + 1), max_tokens=4)
        with pytest.raises(EngineRefusedError, match="context"):
            await tokens_of(engine.generate(request))
        assert not engine.is_lost


async def test_a_closed_generation_leaves_the_engine_idle_within_a_token_or_two(
    address: EngineAddress,
) -> None:
    after = []
    async with engine_at(address) as engine:
        prompt = await prompt_of(engine)
        for seed in range(12):
            before = await n_decodes(address)
            stream = engine.generate(
                GenerationRequest(prompt, max_tokens=400, temperature=1.0, seed=seed)
            )
            n_read = 0
            # A model may also end by itself before that.
            async for _ in stream.tokens:
                n_read += 1
                if n_read == 5:
                    break
            await stream.aclose()
            after.append(await n_decodes(address) - before - n_read)

    assert statistics.median(after) <= 3
    assert max(after) < 200


async def test_a_long_prompt_is_given_up_between_two_batches(address: EngineAddress) -> None:
    async with engine_at(address) as engine:
        n_tokens = (await engine.connect()).context_tokens - 8
        whole: list[int] = []
        given_up: list[int] = []
        for seed in range(4):
            prompt = tuple(100 + (7 * i + 13 * seed) % 7000 for i in range(n_tokens))
            before = await n_decodes(address)
            stream = engine.generate(GenerationRequest(prompt, max_tokens=1))
            reader = asyncio.create_task(tokens_of(stream))
            if seed % 2:
                await asyncio.sleep(0.02)
                await stream.aclose()
            await reader
            (given_up if seed % 2 else whole).append(await n_decodes(address) - before)

    assert min(whole) > max(given_up)


async def test_all_slots_work_at_the_same_time(address: EngineAddress) -> None:
    async with engine_at(address) as engine:
        info = await engine.connect()
        request = GenerationRequest(await prompt_of(engine), max_tokens=8)
        streams = [engine.generate(request) for _ in range(info.slots + 2)]
        texts = await asyncio.gather(*map(text_of, streams))

    assert len(set(texts)) == 1


@pytest.mark.usefixtures("home")
async def test_an_engine_killed_while_it_writes_is_started_again() -> None:
    engine = open_engine(Settings())
    await engine.connect()
    stream = engine.generate(GenerationRequest((70,) * 30, max_tokens=500, temperature=1.0))

    async def read_until_the_end() -> None:
        async for _ in stream.tokens:
            for status in engine_status():
                with contextlib.suppress(psutil.NoSuchProcess):
                    psutil.Process(status.address.pid).kill()

    with pytest.raises(EngineUnavailableError):
        await read_until_the_end()
    text = await soon_again(engine)

    assert text
    await engine.close()


async def soon_again(engine: Engine) -> str:
    """Return a text from ``engine``, which may be away for a while."""
    request = GenerationRequest((70, 71, 72), max_tokens=4)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(EngineError):
            return await text_of(engine.generate(request))
        await asyncio.sleep(0.1)
    return await text_of(engine.generate(request))
