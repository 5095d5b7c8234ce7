from __future__ import annotations

import pytest

from codelsp.engine.llama_dialect import LlamaDialect
from codelsp.engine.ollama_dialect import OllamaDialect
from codelsp.engine.openai_dialect import OpenAIDialect
from codelsp.engine.recognize import recognize
from codelsp.engine.tgi_dialect import TgiDialect
from codelsp.errors import EngineLoadingError, EngineRefusedError, EngineUnavailableError
from tests.engine.fake_server import FakeServer, Reply, Route
from tests.engine.servers import (
    SPELLINGS,
    llama_routes,
    ollama_routes,
    tgi_routes,
    vllm_routes,
)

PLAIN = {"/v1/models": Reply({"data": [{"id": "m"}]})}


@pytest.mark.parametrize(
    ("routes", "kind", "takes_ids"),
    [
        (llama_routes(), LlamaDialect, True),
        (vllm_routes(), OpenAIDialect, True),
        (ollama_routes(), OllamaDialect, False),
        (tgi_routes(), TgiDialect, False),
        (PLAIN, OpenAIDialect, False),
    ],
)
async def test_each_server_is_known_by_what_only_it_has(
    routes: dict[str, Route], kind: type, takes_ids: bool
) -> None:
    async with FakeServer(routes) as server:
        engine = await recognize(server.url, spellings=SPELLINGS)
        info = await engine.connect()
        await engine.close()

    assert isinstance(engine, kind)
    assert info.takes_token_ids == takes_ids


async def test_the_url_may_end_as_openais_clients_want_it() -> None:
    async with FakeServer(PLAIN) as server:
        engine = await recognize(server.url + "/v1/", spellings=SPELLINGS)
        assert (await engine.connect()).name == "m"
        await engine.close()


async def test_the_special_tokens_of_all_families_are_asked_for_unless_told_otherwise() -> None:
    from codelsp.prompt.fim import KNOWN_SPECIAL_TOKENS

    async with FakeServer(llama_routes()) as server:
        engine = await recognize(server.url)
        await engine.connect()
        await engine.close()
        asked = next(body for body in server.bodies("/tokenize") if body["parse_special"])

    assert all(token in asked["content"] for token in KNOWN_SPECIAL_TOKENS)


@pytest.mark.parametrize(("status", "word"), [(401, "set"), (403, "check")])
async def test_a_server_that_wants_a_key_says_so(status: int, word: str) -> None:
    class Locked(dict[str, Route]):
        def get(self, _path: str, _default: object = None) -> Reply:
            return Reply({"error": {"message": "Invalid API Key"}}, status)

    async with FakeServer(Locked()) as server:
        with pytest.raises(EngineRefusedError, match=f"{word} `engine_api_key`"):
            await recognize(server.url, "wrong", spellings=SPELLINGS)


async def test_a_server_that_is_loading_says_so() -> None:
    loading = Reply({"error": {"code": 503, "message": "Loading model"}}, 503)
    async with FakeServer({"/props": loading}) as server:
        with pytest.raises(EngineLoadingError):
            await recognize(server.url, spellings=SPELLINGS)


async def test_a_web_server_is_no_engine() -> None:
    async with FakeServer({"/": Reply(b"<html>It works!</html>")}) as server:
        with pytest.raises(EngineUnavailableError, match="is no engine codelsp knows"):
            await recognize(server.url, spellings=SPELLINGS)


async def test_something_that_does_not_speak_http_is_no_engine() -> None:
    async with FakeServer({"/props": Reply(raw=b"220 mail ESMTP\r\n\r\n")}) as server:
        with pytest.raises(EngineUnavailableError, match="does not speak HTTP"):
            await recognize(server.url, spellings=SPELLINGS)


async def test_where_nothing_listens_one_attempt_is_enough() -> None:
    async with FakeServer({}) as server:
        url = server.url

    with pytest.raises(EngineUnavailableError, match="Cannot reach"):
        await recognize(url, spellings=SPELLINGS)
