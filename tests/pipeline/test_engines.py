"""A session has an engine for each model that its documents' languages need, and no other."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from codelsp.document.snapshot import DocumentSnapshot
from codelsp.document.store import DocumentStore
from codelsp.engine.scripted import ScriptedEngine
from codelsp.errors import EngineUnavailableError
from codelsp.model_store.by_language import OF_OTHER_LANGUAGES
from codelsp.pipeline.answer import Status, StatusKind
from codelsp.pipeline.completer import Completer
from codelsp.pipeline.connection import Connection
from codelsp.pipeline.engines import Engines
from codelsp.settings import Settings

if TYPE_CHECKING:
    from codelsp.engine.port import ModelInfo


class Made:
    """The engines that were made, by their model's name."""

    def __init__(self) -> None:
        self.models: list[str] = []
        self.statuses: list[Status] = []

    def engine(self, settings: Settings) -> ScriptedEngine:
        self.models.append(settings.model)
        return ScriptedEngine([""])

    def engines(self) -> Engines:
        return Engines(self.engine, Settings(), self.statuses.append)


async def test_languages_of_one_model_share_its_engine() -> None:
    made = Made()
    engines = made.engines()
    for language in ("typescript", "python", "rust", "python", "typescript"):
        await engines.of(language).get()

    assert made.models == [OF_OTHER_LANGUAGES, ""]


async def test_a_file_of_data_is_answered_by_the_model_that_is_there() -> None:
    made = Made()
    engines = made.engines()
    assert engines.of("json") is engines.of("python")
    other = engines.of("typescript")

    assert engines.of("json") is engines.current is other


async def test_each_model_has_a_pace_of_its_own() -> None:
    engines = Made().engines()

    assert engines.of("python").pace is engines.of("python").pace
    assert engines.of("python").pace is not engines.of("go").pace


async def test_the_status_is_that_of_the_model_in_use() -> None:
    made = Made()
    engines = made.engines()
    python, typescript = engines.of("python"), engines.of("typescript")
    made.statuses.clear()

    python.lost("it has gone")
    assert made.statuses == []
    typescript.lost("it has gone, too")
    assert [status.kind for status in made.statuses] == [StatusKind.ERROR]


@pytest.mark.parametrize(
    ("settings", "n_made"),
    [(Settings(threshold=0.9), 2), (Settings(model="codelsp-s"), 3), (Settings(engine="torch"), 3)],
)
async def test_other_settings_of_engines_make_new_ones(settings: Settings, n_made: int) -> None:
    made = Made()
    engines = made.engines()
    for language in ("python", "go"):
        await engines.of(language).get()

    assert await engines.update(settings) == (n_made == 3)
    for language in ("python", "go"):
        await engines.of(language).get()
    assert len(made.models) == n_made


async def test_an_engine_is_made_by_the_settings_of_the_moment_in_which_it_is_wanted() -> None:
    made: list[Settings] = []

    def engine(settings: Settings) -> ScriptedEngine:
        made.append(settings)
        return ScriptedEngine([""])

    engines = Engines(engine, Settings(), lambda _status: None)
    connection = engines.of("go")
    await engines.update(Settings(context_tokens=512))
    await connection.get()

    assert [(each.model, each.context_tokens) for each in made] == [(OF_OTHER_LANGUAGES, 512)]


async def test_the_model_is_made_ready_for_the_document_that_is_opened() -> None:
    made, store = Made(), DocumentStore()
    completer = Completer(store, made.engine, Settings())
    store.open(DocumentSnapshot.of("file:///a/b.ts", "", 1, "const a = 1;\n"))

    await completer.warm_up("file:///a/b.ts")
    assert made.models == [OF_OTHER_LANGUAGES]
    await completer.warm_up()
    assert made.models == [OF_OTHER_LANGUAGES]
    await completer.close()


class Absent(ScriptedEngine):
    """An engine that cannot be had."""

    async def connect(self) -> ModelInfo:
        await asyncio.sleep(0)
        raise EngineUnavailableError("There is none.")


async def test_whoever_waits_for_an_engine_that_cannot_be_had_is_told_so() -> None:
    connection = Connection(Absent, lambda _status: None)

    async def ask_twice() -> None:
        with pytest.raises(EngineUnavailableError, match="There is none"):
            await connection.get()
        with pytest.raises(EngineUnavailableError, match="There is none"):
            await connection.get()

    await asyncio.gather(ask_twice(), ask_twice())
