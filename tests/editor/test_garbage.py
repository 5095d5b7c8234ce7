"""Garbage is looked for when an answer has been written, and there is enough of it."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING

import pytest

from codelsp.editor import garbage
from codelsp.engine.scripted import ScriptedEngine
from tests.editor.desk import Desk

if TYPE_CHECKING:
    from collections.abc import Iterator


class Held:
    """What holds itself."""

    def __init__(self) -> None:
        self.own = self


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


def garbage_of(n_objects: int) -> weakref.ref[Held]:
    first = weakref.ref(Held())
    for _ in range(n_objects):
        Held()
    return first


def test_nothing_is_looked_for_until_it_is_worth_it() -> None:
    garbage.settle()

    few = garbage_of(100)
    garbage.collect()
    assert few() is not None

    many = garbage_of(garbage.WORTH_LOOKING)
    garbage.collect()
    assert few() is many() is None


def test_a_server_that_starts_settles_when_it_has_given_its_first_answer() -> None:
    garbage.settle_later()
    assert gc.get_freeze_count() == 0

    garbage.collect()
    assert gc.get_freeze_count() > 0

    later = garbage_of(100)
    garbage.collect()
    assert later() is not None


def test_a_server_that_is_asked_nothing_collects_by_itself() -> None:
    garbage.settle()

    first = garbage_of(100_000)

    assert first() is None


def test_old_garbage_goes_too() -> None:
    garbage.settle()
    held = Held()
    gc.collect()
    old = weakref.ref(held)
    del held

    for _ in range(100):
        young = [Held() for _ in range(garbage.WORTH_LOOKING)]
        garbage.collect()
        del young

    assert old() is None


async def test_it_is_looked_for_when_the_answer_has_been_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Desk(ScriptedEngine(["value"])) as desk:
        was_sent: list[bool] = []

        def collect() -> None:
            results = [message.get("result") for message in desk.sent]
            was_sent.append(any(isinstance(each, dict) and "items" in each for each in results))

        monkeypatch.setattr(garbage, "collect", collect)
        await desk.answer("textDocument/inlineCompletion", desk.open("x = <CURSOR>\n"))
        await desk.ask("codelsp/unknown")

        assert was_sent == [True]
