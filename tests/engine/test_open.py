from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from codelsp.engine import process
from codelsp.engine.open import RenewedEngine, open_engine
from codelsp.engine.port import FinishReason, GenerationRequest
from codelsp.engine.process import EngineAddress
from codelsp.engine.scripted import ScriptedEngine
from codelsp.errors import (
    CodelspError,
    EngineLoadingError,
    EngineUnavailableError,
    ModelNotFoundError,
)
from codelsp.settings import Settings
from tests.engine.fake_server import FakeServer, Reply, events
from tests.engine.servers import llama_completion, llama_event, llama_routes

if TYPE_CHECKING:
    from collections.abc import Callable

REQUEST = GenerationRequest((1, 2), max_tokens=8)


class Found(ScriptedEngine):
    """An engine that can be lost."""

    is_lost = False


@dataclass
class World:
    """What there is to be found, and a clock that a test turns."""

    seconds: float = 100.0
    found: list[Found] = field(default_factory=list)
    error: CodelspError | None = None
    n_tries: int = 0
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.may_answer.set()

    def now(self) -> float:
        return self.seconds

    async def find(self) -> Found:
        self.n_tries += 1
        await self.may_answer.wait()
        if self.error is not None:
            raise self.error
        self.found.append(Found(["text"]))
        return self.found[-1]

    def engine(self) -> RenewedEngine:
        return RenewedEngine(self.find, self.now)


async def text_of(engine: RenewedEngine) -> str:
    return "".join([token.text async for token in engine.generate(REQUEST).tokens])


async def test_nothing_is_found_before_it_is_needed() -> None:
    world = World()
    engine = world.engine()
    assert world.n_tries == 0

    assert (await engine.connect()).name == "scripted"
    await engine.connect()
    assert world.n_tries == 1


async def test_callers_at_the_same_time_share_one_attempt() -> None:
    world = World()
    world.may_answer.clear()
    engine = world.engine()
    callers = [asyncio.create_task(engine.connect()) for _ in range(5)]
    await asyncio.sleep(0)
    world.may_answer.set()

    assert len({id(await caller) for caller in callers}) == 1
    assert world.n_tries == 1


async def test_a_caller_that_gives_up_leaves_the_attempt_to_the_others() -> None:
    world = World()
    world.may_answer.clear()
    engine = world.engine()
    hasty, patient = (asyncio.create_task(engine.connect()) for _ in range(2))
    await asyncio.sleep(0)
    hasty.cancel()
    await asyncio.sleep(0)
    world.may_answer.set()

    assert (await patient).name == "scripted"
    assert world.n_tries == 1


async def test_a_generation_finds_the_engine_itself() -> None:
    world = World()
    stream = world.engine().generate(REQUEST)

    assert [token.text async for token in stream.tokens] == ["text"]
    assert stream.stats is not None
    assert stream.stats.finish_reason is FinishReason.END


async def test_a_failure_is_told_again_until_its_pause_is_over() -> None:
    world = World(error=EngineUnavailableError("gone"))
    engine = world.engine()
    for _ in range(3):
        with pytest.raises(EngineUnavailableError, match="gone"):
            await engine.connect()
    assert world.n_tries == 1

    world.seconds += 0.6
    world.error = None
    assert (await engine.connect()).name == "scripted"


async def test_pauses_double_up_to_a_minute_with_one_log_line_each(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World(error=EngineUnavailableError("gone"))
    engine = world.engine()
    pauses = []
    with caplog.at_level(logging.WARNING):
        for _ in range(10):
            with pytest.raises(EngineUnavailableError):
                await engine.connect()
            pause = 0.5
            n_tries = world.n_tries
            while world.n_tries == n_tries:
                world.seconds += 0.5
                with pytest.raises(EngineUnavailableError):
                    await engine.connect()
                pause += 0.5
            pauses.append(pause - 0.5)
            if len(pauses) == 8:
                break

    assert pauses == [0.5, 1, 2, 4, 8, 16, 32, 60]
    assert len(caplog.records) == world.n_tries


async def test_a_loading_engine_is_asked_again_without_a_pause() -> None:
    world = World(error=EngineLoadingError("loading"))
    engine = world.engine()
    with pytest.raises(EngineLoadingError):
        await engine.connect()
    world.error = None

    assert (await engine.connect()).name == "scripted"


async def test_a_model_that_cannot_be_used_is_told_as_it_is() -> None:
    world = World(error=ModelNotFoundError("no such model"))

    with pytest.raises(ModelNotFoundError):
        await world.engine().connect()


async def test_a_lost_engine_is_let_go_and_found_again_after_a_pause() -> None:
    world = World()
    engine = world.engine()
    await engine.connect()
    world.found[0].is_lost = True
    with pytest.raises(EngineUnavailableError, match="started again"):
        await text_of(engine)
    world.seconds += 0.6

    assert await text_of(engine) == "text"
    assert world.found[0].is_closed
    assert len(world.found) == 2


async def test_an_engine_that_dies_at_once_each_time_is_started_ever_more_rarely() -> None:
    world = World()
    engine = world.engine()
    for pause in (0.5, 1.0, 2.0):
        await engine.connect()
        world.found[-1].is_lost = True
        with pytest.raises(EngineUnavailableError):
            await engine.connect()
        world.seconds += pause - 0.1
        with pytest.raises(EngineUnavailableError):
            await engine.connect()
        world.seconds += 0.2


async def test_an_engine_that_served_long_is_started_again_soon() -> None:
    world = World()
    engine = world.engine()
    for _ in range(5):
        await engine.connect()
        world.seconds += 3600
        world.found[-1].is_lost = True
        with pytest.raises(EngineUnavailableError):
            await engine.connect()
        world.seconds += 0.6

    assert (await engine.connect()).name == "scripted"


async def test_closing_ends_an_attempt_and_lets_the_engine_go() -> None:
    world = World()
    engine = world.engine()
    await engine.connect()
    await engine.close()
    assert world.found[0].is_closed

    world.may_answer.clear()
    waiting = asyncio.create_task(engine.connect())
    await asyncio.sleep(0)
    await engine.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_an_engine_there_is_not_is_told_when_it_is_needed() -> None:
    engine = open_engine(Settings(engine="tensorrt"))

    with pytest.raises(EngineUnavailableError, match=r"`auto`, `llama\.cpp`, `torch`"):
        await engine.connect()


async def test_a_url_is_used_with_its_key_and_model() -> None:
    async with FakeServer(llama_routes()) as server:
        engine = open_engine(Settings(engine=server.url, engine_api_key="secret"))
        assert (await engine.connect()).name == "pilot-q8.gguf"
        await engine.close()

        assert {one.headers["authorization"] for one in server.asked} == {"Bearer secret"}


async def test_a_wrong_url_is_told_when_it_is_needed() -> None:
    engine = open_engine(Settings(engine="http://"))

    with pytest.raises(EngineUnavailableError, match="http://HOST:PORT"):
        await engine.connect()


def process_at(server: FakeServer) -> Callable[[Settings], object]:
    async def ensure(_settings: Settings) -> EngineAddress:
        return EngineAddress(server.url, "key", 1, "pilot", "1")

    return ensure


@pytest.mark.parametrize("name", ["auto", "llama.cpp", "torch"])
async def test_our_own_process_is_started_when_no_url_is_given(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with FakeServer(llama_routes()) as server:
        monkeypatch.setattr(process, "ensure_engine", process_at(server))
        engine = open_engine(Settings(engine=name))
        await engine.connect()
        await engine.close()

        assert server.asked[0].headers["authorization"] == "Bearer key"


async def test_an_engine_killed_in_the_middle_ends_its_generation_and_is_started_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dying = Reply(chunks=events(llama_event("a", 1)), is_cut=True)
    async with (
        FakeServer(llama_routes({"/completion": dying})) as first,
        FakeServer(llama_routes({"/completion": llama_completion("b")})) as second,
    ):
        servers = iter((first, second))

        async def ensure(_settings: Settings) -> EngineAddress:
            return EngineAddress(next(servers).url, "key", 1, "pilot", "1")

        monkeypatch.setattr(process, "ensure_engine", ensure)
        engine = open_engine(Settings())
        assert isinstance(engine, RenewedEngine)
        await engine.connect()
        with pytest.raises(EngineUnavailableError, match="hung up"):
            await text_of(engine)
        with pytest.raises(EngineUnavailableError, match="started again"):
            await text_of(engine)
        await asyncio.sleep(0.55)
        assert await text_of(engine) == "b"
        await engine.close()
