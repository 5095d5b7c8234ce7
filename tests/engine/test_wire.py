from __future__ import annotations

import asyncio
import contextlib
import gc
import shutil
import ssl
import subprocess
import sys
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from codelsp.engine.sockets import SocketStream
from codelsp.engine.wire import Deadlines, Wire
from codelsp.errors import (
    EngineError,
    EngineLoadingError,
    EngineRefusedError,
    EngineUnavailableError,
)
from tests.engine.fake_server import FakeServer, Reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@contextlib.asynccontextmanager
async def wire_to(server: FakeServer, api_key: str = "") -> AsyncIterator[Wire]:
    wire = Wire(server.url, api_key, Deadlines(connect=2, silence=5, turn=0.5))
    try:
        yield wire
    finally:
        await wire.close()


async def error_for(reply: Reply) -> EngineError:
    """Return what a GET of this reply raises."""
    async with FakeServer({"/x": reply}) as server, wire_to(server) as wire:
        with pytest.raises(EngineError) as caught:
            await wire.get_json("/x")
        return caught.value


async def test_json_goes_both_ways_with_the_api_key() -> None:
    async with FakeServer({"/x": Reply({"é": [1]})}) as server, wire_to(server, "secret") as wire:
        assert await wire.post_json("/x", {"prompt": "\ud800漢"}) == {"é": [1]}
        assert server.asked[0].headers["authorization"] == "Bearer secret"
        assert server.asked[0].headers["host"] == f"127.0.0.1:{server.port}"
        assert server.asked[0].body == {"prompt": "\ud800漢"}


async def test_without_a_key_none_is_sent() -> None:
    async with FakeServer({"/x": Reply({})}) as server, wire_to(server) as wire:
        await wire.get_json("/x")

        assert "authorization" not in server.asked[0].headers


async def test_one_connection_serves_request_after_request() -> None:
    stream = Reply(chunks=[b"a", b"b"])
    async with FakeServer({"/x": Reply({}), "/s": stream}) as server, wire_to(server) as wire:
        for _ in range(3):
            await wire.get_json("/x")
            assert [chunk async for chunk in wire.stream("/s", {})] == [b"a", b"b"]

        assert server.n_connections == 1


async def test_a_kept_connection_that_the_engine_closed_is_opened_again() -> None:
    async with FakeServer({"/x": Reply({}, then_closes=True)}) as server, wire_to(server) as wire:
        for _ in range(3):
            await wire.get_json("/x")

        assert len(server.asked) == 3
        assert not wire.is_lost


async def test_a_request_is_sent_again_only_if_its_connection_was_a_kept_one() -> None:
    replies = [Reply({}), Reply(raw=b""), Reply(raw=b"")]
    async with FakeServer({"/x": lambda _: replies.pop(0)}) as server, wire_to(server) as wire:
        await wire.get_json("/x")
        with pytest.raises(EngineUnavailableError, match="hung up"):
            await wire.get_json("/x")

        assert len(server.asked) == 3
        assert wire.is_lost


async def test_closing_a_stream_closes_its_connection_at_once() -> None:
    opened = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"data: x\n\n"
            await asyncio.sleep(0.005)
            opened.set()

    async with FakeServer({"/s": Reply(chunks=endless)}) as server, wire_to(server) as wire:
        stream = wire.stream("/s", {})
        await stream.__anext__()
        await stream.aclose()
        await asyncio.wait_for(server.hung_up.wait(), 2)

        assert server.n_chunks_sent <= 3


async def test_what_came_is_used_before_the_connection_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"data: x\n\n"
            await asyncio.sleep(0.005)

    happened: list[str] = []
    hang_up = SocketStream.aclose

    async def note_and_hang_up(stream: SocketStream) -> None:
        happened.append("closed")
        await hang_up(stream)

    monkeypatch.setattr(SocketStream, "aclose", note_and_hang_up)
    async with FakeServer({"/s": Reply(chunks=endless)}) as server, wire_to(server) as wire:
        stream = wire.stream("/s", {})
        await stream.__anext__()
        await stream.aclose()
        # As a future does that somebody waits for.
        asyncio.get_running_loop().call_soon(happened.append, "used")
        await wire.close()

        assert happened == ["used", "closed"]
        await asyncio.wait_for(server.hung_up.wait(), 2)


async def test_a_crowd_of_requests_shares_few_connections() -> None:
    async with FakeServer({"/x": Reply({"ok": True})}) as server, wire_to(server) as wire:
        answers = await asyncio.gather(*(wire.get_json("/x") for _ in range(40)))
        await asyncio.sleep(0.01)

        assert answers == [{"ok": True}] * 40
        assert server.most_open <= 8
        assert server.n_open <= 2


async def test_other_requests_go_on_while_one_streams_and_is_closed() -> None:
    gate = asyncio.Event()

    async def held() -> AsyncIterator[bytes]:
        yield b"a"
        await gate.wait()

    routes = {"/s": Reply(chunks=held), "/x": Reply({"ok": True})}
    async with FakeServer(routes) as server, wire_to(server) as wire:
        stream = wire.stream("/s", {})
        await stream.__anext__()
        assert await wire.get_json("/x") == {"ok": True}
        await stream.aclose()
        assert await wire.get_json("/x") == {"ok": True}
        gate.set()


@pytest.mark.filterwarnings(
    # Where a machine is so busy that a reader is cancelled while it connects, the asyncio of
    # Python 3.10 leaves its socket to the garbage collector.
    *(["ignore::pytest.PytestUnraisableExceptionWarning"] if sys.version_info < (3, 11) else [])
)
@pytest.mark.parametrize("pauses", [0, 1, 2, 3])
async def test_readers_cancelled_again_and_again_leave_connections_for_others(pauses: int) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"data: x\n\n"
            await asyncio.sleep(0.005)

    async def read(wire: Wire) -> None:
        async with aclosing(wire.stream("/s", {})) as chunks:
            async for _ in chunks:
                pass

    routes = {"/s": Reply(chunks=endless), "/x": Reply({"ok": True})}
    async with FakeServer(routes) as server, wire_to(server) as wire:
        for _ in range(20):
            reader = asyncio.ensure_future(read(wire))
            await asyncio.sleep(0.02)
            reader.cancel()
            for _ in range(pauses):
                await asyncio.sleep(0)
            reader.cancel()
            await asyncio.wait([reader])

        assert await asyncio.wait_for(wire.get_json("/x"), 5) == {"ok": True}
    gc.collect()  # here, so that what is said of it is said here


async def test_megabytes_come_through_whole() -> None:
    big = {"text": "é" * 3_000_000}
    async with FakeServer({"/x": Reply(big)}) as server, wire_to(server) as wire:
        assert await wire.post_json("/x", big) == big
        assert server.asked[0].body == big


@pytest.mark.parametrize(
    ("status", "kind", "advice"),
    [
        (400, EngineRefusedError, "does not accept"),
        (401, EngineRefusedError, "set `engine_api_key`"),
        (403, EngineRefusedError, "check `engine_api_key`"),
        (404, EngineRefusedError, "check the URL in `engine`"),
        (413, EngineRefusedError, "lower `context_tokens`"),
        (418, EngineRefusedError, "check the URL"),
        (429, EngineUnavailableError, "too busy"),
        (500, EngineRefusedError, "look into its log"),
        (502, EngineUnavailableError, "proxy"),
        (503, EngineUnavailableError, "not ready"),
    ],
)
async def test_each_refusal_says_what_to_do(
    status: int, kind: type[EngineError], advice: str
) -> None:
    error = await error_for(Reply({"error": {"message": "because"}}, status))

    assert type(error) is kind
    assert advice in str(error)
    assert "because" in str(error)


async def test_a_loading_model_is_told_apart() -> None:
    loading = {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}

    assert isinstance(await error_for(Reply(loading, 503)), EngineLoadingError)


async def test_a_web_page_is_named_by_its_title_and_not_quoted() -> None:
    page = b"<html><head><title>502 Bad Gateway</title></head><body>" + b"x" * 9000
    error = await error_for(Reply(page, 502, content_type="text/html"))

    assert "a web page: 502 Bad Gateway" in str(error)
    assert len(str(error)) < 300


async def test_an_answer_that_is_no_json_is_no_engine() -> None:
    page = await error_for(Reply(b"<html><title>Router</title>"))
    broken = await error_for(Reply(b"{'a': "))

    assert "is not an engine codelsp knows (a web page: Router)" in str(page)
    assert "is not an engine codelsp knows ({'a':)" in str(broken)


async def test_an_answer_cut_short_is_an_engine_that_hung_up() -> None:
    error = await error_for(Reply({"a": 1}, is_cut=True))

    assert isinstance(error, EngineUnavailableError)
    assert "hung up" in str(error)


async def test_a_port_that_speaks_something_else_is_told() -> None:
    error = await error_for(Reply(raw=b"+OK ready\r\n\r\n"))

    assert "does not speak HTTP" in str(error)


async def test_a_port_where_nothing_listens_is_told() -> None:
    async with FakeServer({}) as server:
        url = server.url
    wire = Wire(url)

    with pytest.raises(EngineUnavailableError, match="look whether it runs"):
        await wire.get_json("/x")
    assert wire.is_lost


async def test_a_host_that_does_not_exist_is_told() -> None:
    with pytest.raises(EngineUnavailableError, match=r"Cannot reach an engine at http://nowhere"):
        await Wire("http://nowhere.invalid:1").get_json("/x")


async def test_an_engine_that_falls_silent_is_given_up() -> None:
    gate = asyncio.Event()

    async def silent() -> AsyncIterator[bytes]:
        yield b"a"
        await gate.wait()

    async with FakeServer({"/s": Reply(chunks=silent)}) as server:
        wire = Wire(server.url, deadlines=Deadlines(silence=0.05))
        stream = wire.stream("/s", {})
        assert await stream.__anext__() == b"a"
        with pytest.raises(EngineUnavailableError, match="fallen silent"):
            await stream.__anext__()
        gate.set()


async def test_an_api_key_that_cannot_be_sent_is_not_shown() -> None:
    async with FakeServer({"/x": Reply({})}) as server, wire_to(server, "se\ncret") as wire:
        with pytest.raises(EngineUnavailableError) as caught:
            await wire.get_json("/x")

    assert "engine_api_key" in str(caught.value)
    assert "cret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "", "localhost:8080", "ftp://host", "http://", "http://host:port", "http://host:99999",
        "http://a..b:80", "http://[::1", f"http://{'a' * 64}.org",
    ],
)  # fmt: skip
def test_what_is_no_url_is_told(url: str) -> None:
    with pytest.raises(EngineUnavailableError, match="http://HOST:PORT"):
        Wire(url)


def test_a_password_in_the_url_is_refused_and_not_shown() -> None:
    with pytest.raises(EngineUnavailableError) as caught:
        Wire("http://me:secret@host:80")

    assert "engine_api_key" in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_a_path_prefix_in_the_url_is_kept() -> None:
    async with FakeServer({"/team/llm/x": Reply({"ok": True})}) as server:
        wire = Wire(server.url + "/team/llm/")
        assert await wire.get_json("/x") == {"ok": True}
        await wire.close()


async def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with FakeServer({"/x": Reply({"ok": True})}) as server, wire_to(server) as wire:
        assert await wire.get_json("/x") == {"ok": True}


def test_the_client_is_loaded_with_the_first_request_only() -> None:
    code = (
        "import sys, codelsp.engine.open, codelsp.engine.recognize, codelsp.engine.wire;"
        "sys.exit(any(name in sys.modules for name in ('httpcore', 'anyio', 'h11')))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate and its key for 127.0.0.1, signed by nobody."""
    if (openssl := shutil.which("openssl")) is None:
        pytest.skip("openssl is not installed")
    path = tmp_path_factory.mktemp("tls") / "self.pem"
    command = [
        openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
        "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
        "-keyout", str(path.with_suffix(".key")), "-out", str(path),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    return context


async def test_https_works_with_an_authority_of_ones_own(
    tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    routes = {"/x": Reply({"ok": True}), "/s": Reply(chunks=[b"a", b"b"])}
    async with FakeServer(routes, tls) as server, wire_to(server) as wire:
        assert await wire.get_json("/x") == {"ok": True}
        assert b"".join([chunk async for chunk in wire.stream("/s", {})]) == b"ab"


async def test_a_certificate_nobody_signed_is_told(tls: ssl.SSLContext) -> None:
    async with FakeServer({"/x": Reply({})}, tls) as server, wire_to(server) as wire:
        with pytest.raises(EngineUnavailableError, match=r"not trusted .*SSL_CERT_FILE"):
            await wire.get_json("/x")


async def test_https_to_a_server_of_http_is_told() -> None:
    async with FakeServer({"/x": Reply({})}) as server:
        wire = Wire(server.url.replace("http:", "https:"))
        with pytest.raises(EngineUnavailableError):
            await wire.get_json("/x")


async def test_http_to_a_server_of_https_is_told(tls: ssl.SSLContext) -> None:
    async with FakeServer({"/x": Reply({})}, tls) as server:
        wire = Wire(server.url.replace("https:", "http:"), deadlines=Deadlines(silence=5))
        with pytest.raises(EngineUnavailableError):
            await wire.get_json("/x")
