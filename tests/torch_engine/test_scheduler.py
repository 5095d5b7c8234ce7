from __future__ import annotations

import asyncio
import threading
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, cast

import pytest

pytest.importorskip("torch")

from codelsp.torch_engine.generation import (
    GenerationPlan,
    NanError,
    PromptProgress,
)
from codelsp.torch_engine.residence import Residence
from codelsp.torch_engine.scheduler import FairQueue, Job, ModelThread, QueueFullError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from codelsp.torch_engine.decoder import Decoder
    from codelsp.torch_engine.generation import Event

PLAN = GenerationPlan((1,), 4)


class Steps:
    """Stands in for a generation: says when it runs, and runs as often as it is asked to."""

    def __init__(
        self, n_steps: int, note: Callable[[], None], error: Exception | None = None
    ) -> None:
        self._left, self._note, self._error = n_steps, note, error

    def __iter__(self) -> Iterator[list[Event]]:
        return self

    def __next__(self) -> list[Event]:
        if self._left == 0:
            if self._error is not None:
                raise self._error
            raise StopIteration
        self._left -= 1
        self._note()
        return [PromptProgress(1, 0, 1, 0.0)]

    def close(self) -> None:
        self._left = 0


def job(session: str = "a") -> Job:
    return Job(PLAN, session, asyncio.get_running_loop())


def with_steps(
    one: Job, n_steps: int, note: Callable[[], None], error: Exception | None = None
) -> Job:
    one.steps = cast("None", Steps(n_steps, note, error))
    return one


@pytest.fixture
async def thread() -> AsyncIterator[ModelThread]:
    residence = Residence(lambda: cast("Decoder", None))
    made = ModelThread(residence, most_waiting=3, most_active=2)
    made.start()
    yield made
    await asyncio.to_thread(made.stop)


async def n_batches(one: Job) -> int:
    total = 0
    async with aclosing(one.batches()) as batches:
        async for events in batches:
            total += len(events)
    return total


async def test_sessions_take_turns_and_the_newest_of_a_session_goes_first() -> None:
    queue = FairQueue()
    jobs = {name: job(name[0]) for name in ("a1", "a2", "b1", "a3")}
    for each in jobs.values():
        queue.put(each)
    names = {id(each): name for name, each in jobs.items()}

    order = [names[id(each)] for each in iter(queue.take, None)]

    assert order == ["a3", "b1", "a2", "a1"]
    assert len(queue) == 0


async def test_a_session_that_is_busy_waits() -> None:
    queue = FairQueue()
    queue.put(job("a"))

    assert queue.take(frozenset("a")) is None
    assert queue.take() is not None


async def test_generations_run_token_by_token_in_turns(thread: ModelThread) -> None:
    ran: list[str] = []
    hold = threading.Event()

    def held() -> None:
        hold.wait(60)
        ran.append("a")

    first = with_steps(job("a"), 3, held)
    second = with_steps(job("b"), 3, lambda: ran.append("b"))
    thread.submit(first)
    thread.submit(second)
    hold.set()
    counts = await asyncio.gather(n_batches(first), n_batches(second))

    assert list(counts) == [3, 3]
    assert sorted(ran) == list("aaabbb")
    assert "ab" in "".join(ran)
    assert "ba" in "".join(ran)


async def test_a_closed_reader_stops_the_model_before_its_next_run(thread: ModelThread) -> None:
    ran = 0
    may_run = threading.Semaphore(1)

    def note() -> None:
        nonlocal ran
        may_run.acquire(timeout=20)
        ran += 1

    one = with_steps(job(), 1000, note)
    thread.submit(one)
    batches = one.batches()
    await batches.__anext__()
    await batches.aclose()
    # The run that was going on when the reader left ends; no other begins.
    may_run.release()
    assert await asyncio.to_thread(until, lambda: thread.totals.n_cancelled > 0)

    assert ran <= 2
    assert thread.totals.n_cancelled == 1


def until(is_so: Callable[[], bool]) -> bool:
    """Wait until something is so; tell whether it came to be."""
    deadline = time.monotonic() + 30
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


async def test_a_full_queue_says_so_at_once(thread: ModelThread) -> None:
    hold = threading.Event()
    running = with_steps(job("running"), 1, lambda: cast("None", hold.wait(60)))
    thread.submit(running)
    assert await asyncio.to_thread(until, lambda: thread.n_active == 1)
    waiting = [with_steps(job(f"w{n}"), 1, lambda: None) for n in range(3)]
    for each in waiting:
        thread.submit(each)
    with pytest.raises(QueueFullError, match="too busy"):
        thread.submit(job("late"))
    hold.set()
    counts = await asyncio.gather(*map(n_batches, [running, *waiting]))

    assert thread.totals.n_refused == 1
    assert counts == [1, 1, 1, 1]


async def test_a_failure_reaches_its_reader_and_nobody_else(thread: ModelThread) -> None:
    bad = with_steps(job("a"), 1, lambda: None, NanError("The model computes NaN"))
    worse = with_steps(job("b"), 1, lambda: None, ZeroDivisionError())
    good = with_steps(job("c"), 2, lambda: None)
    for each in (bad, worse, good):
        thread.submit(each)
    results = await asyncio.gather(*map(n_batches, (bad, worse, good)), return_exceptions=True)

    assert isinstance(results[0], NanError)
    assert "ZeroDivisionError" in str(results[1])
    assert results[2] == 2


async def test_a_reader_that_is_slow_does_not_hold_up_the_others(thread: ModelThread) -> None:
    slow = with_steps(job("slow"), 2000, lambda: None)
    thread.submit(slow)
    quick = with_steps(job("quick"), 5, lambda: None)
    assert await asyncio.to_thread(until, lambda: slow.is_stalled)
    thread.submit(quick)

    assert await n_batches(quick) == 5
    assert await n_batches(slow) == 2000


async def test_a_model_that_rests_is_loaded_again_when_it_is_needed() -> None:
    loads: list[object] = []

    class Loaded:
        counters = None

    def load() -> Decoder:
        loads.append(Loaded())
        return cast("Decoder", loads[-1])

    residence = Residence(load, rest_seconds=10)
    first = residence.decoder()
    is_there = []
    for idle_seconds in (9, 10):
        residence.rest(idle_seconds)
        is_there.append(residence.is_loaded)

    assert is_there == [True, False]
    assert residence.decoder() is not first
    assert residence.counters.n_loads == 2
