"""The application over real HTTP, with a tiny model in this process."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

pytest.importorskip("torch")
pytest.importorskip("uvicorn")

from codelsp.engine.host import HostOptions
from codelsp.engine.llama_dialect import LlamaDialect
from codelsp.engine.port import FinishReason, GenerationRequest
from codelsp.engine.recognize import recognize
from codelsp.torch_engine.app import MOST_BODY_BYTES
from codelsp.torch_engine.host import Server, listening_socket, load_service
from codelsp.torch_engine.scheduler import MOST_WAITING
from tests.torch_engine import plugin_requests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

KEY = "secret"


@pytest.fixture(scope="module")
def server(qwen_folder: Path) -> Iterator[Server]:
    options = HostOptions(
        model="tiny",
        model_path=str(qwen_folder),
        model_stamp="",
        engine="torch",
        context_tokens=512,
        device="cpu",
        dtype="float32",
    )
    made = Server(load_service(options, KEY), listening_socket("127.0.0.1", 0))
    made.start()
    yield made
    made.stop()


def ask(
    server: Server, path: str, body: object = None, *, key: str = KEY, raw: bytes | None = None
) -> tuple[int, Any]:
    connection = connected(server)
    content = raw if raw is not None else (None if body is None else json.dumps(body).encode())
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    connection.request("POST" if content is not None else "GET", path, content, headers)
    response = connection.getresponse()
    answer = response.read()
    connection.close()
    is_json = "json" in (response.getheader("content-type") or "")
    return response.status, json.loads(answer) if is_json else answer.decode()


def connected(server: Server) -> http.client.HTTPConnection:
    parts = urlsplit(server.url)
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)


def until(is_so: Callable[[], bool], seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def counters(server: Server) -> dict[str, float]:
    status, text = ask(server, "/metrics")
    assert status == 200
    lines = [line for line in text.split("\n") if line and not line.startswith("#")]
    return {line.split(" ")[0].split(":")[1]: float(line.split(" ")[1]) for line in lines}


def test_only_health_is_open_to_those_without_a_key(server: Server) -> None:
    assert ask(server, "/health", key="") == (200, {"status": "ok"})
    for path in ("/props", "/metrics", "/v1/models"):
        assert ask(server, path, key="wrong")[0] == 401
    assert ask(server, "/completion", {"prompt": "a"}, key="")[0] == 401


def test_tokens_go_back_to_the_text_they_came_from(server: Server) -> None:
    text = "def é漢🙂(self):\n    <|endoftext|>"
    _, plain = ask(server, "/tokenize", {"content": text, "parse_special": False})
    _, special = ask(server, "/tokenize", {"content": text, "with_pieces": True})

    assert ask(server, "/detokenize", {"tokens": plain["tokens"]})[1]["content"] == text
    assert special["tokens"][-1]["piece"] == "<|endoftext|>"
    assert len(plain["tokens"]) > len(special["tokens"])


async def test_codelsps_own_client_recognizes_it_and_generates(server: Server) -> None:
    engine = await recognize(server.url, KEY)
    info = await engine.connect()
    prompt = (info.special_tokens["<|fim_prefix|>"], *await engine.tokenize("def value("))
    stream = engine.generate(GenerationRequest(prompt, max_tokens=8, forced_prefix="self"))
    text = "".join([token.text async for token in stream.tokens])
    await engine.close()

    assert isinstance(engine, LlamaDialect)
    assert info.name == "tiny"
    assert info.context_tokens == 512
    assert text.startswith("self")
    assert stream.stats is not None
    assert stream.stats.finish_reason in {FinishReason.LENGTH, FinishReason.END}
    assert stream.stats.prompt_tokens == len(prompt)


def test_a_stream_and_a_whole_answer_say_the_same(server: Server) -> None:
    body = {"prompt": "def value(", "n_predict": 12, "temperature": 0, "n_probs": 1}
    _, whole = ask(server, "/completion", body)
    _, streamed = ask(server, "/completion", {**body, "stream": True})
    events = [json.loads(line[6:]) for line in streamed.split("\n") if line.startswith("data: ")]

    assert "".join(event["content"] for event in events) == whole["content"]
    assert events[-1]["stop_type"] == whole["stop_type"]
    probabilities = [p for e in events for p in e.get("completion_probabilities", ())]
    assert [each["id"] for each in probabilities] == [
        each["id"] for each in whole["completion_probabilities"]
    ]


async def test_a_token_is_sent_when_it_is_there_and_never_waits_for_the_next() -> None:
    delays: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        its_socket = writer.get_extra_info("socket")
        delays.set_result(its_socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    listening = listening_socket("127.0.0.1", 0)
    async with await asyncio.start_server(connected, sock=listening):
        _, writer = await asyncio.open_connection(*listening.getsockname())
        assert await delays
        writer.close()


def test_a_field_that_is_not_known_is_named_never_dropped_silently(server: Server) -> None:
    body = {"prompt": "a", "n_predict": 1, "mirostat": 2, "samplers": ["top_k", "xtc"]}
    for path, more in (("/completion", {}), ("/v1/completions", {"max_tokens": 1})):
        _, answer = ask(server, path, {**body, **more})
        warnings = " ".join(answer["warnings"])
        assert "`mirostat`" in warnings
        assert "'xtc'" in warnings


def test_llama_vim_is_served(server: Server) -> None:
    assert ask(server, "/infill", plugin_requests.llama_vim_warm_up()) == (200, {})
    _, first = ask(server, "/infill", plugin_requests.llama_vim_fim())
    status, second = ask(server, "/infill", plugin_requests.llama_vim_fim("    retu"))

    assert status == 200
    assert set(first) == set(plugin_requests.llama_vim_fim()["response_fields"])
    assert isinstance(first["content"], str)
    assert first["timings/predicted_n"] >= 1
    assert second["timings/prompt_n"] < first["timings/prompt_n"], "a further key is cheap"


def test_llama_vscode_is_served(server: Server) -> None:
    assert ask(server, "/infill", plugin_requests.llama_vscode_warm_up())[0] == 200
    status, one = ask(server, "/infill", plugin_requests.llama_vscode_fim())
    _, several = ask(server, "/infill", plugin_requests.llama_vscode_fim(3))

    assert status == 200
    assert "warnings" not in one
    assert {"content", "timings", "generation_settings"} <= set(one)
    assert [each["index"] for each in several] == [0, 1, 2]


def test_llm_ls_is_served(server: Server) -> None:
    asked = plugin_requests.llm_ls()
    status, answer = ask(server, "/v1/completions", asked)

    assert status == 200
    # All that llm-ls reads, by its `parse_openai_text` and `parse_llamacpp_text`.
    assert [type(each["text"]) for each in answer["choices"]] == [str]
    assert "error" not in answer
    spelled = {"content": asked["prompt"], "parse_special": True}
    marks = ask(server, "/tokenize", spelled)[1]["tokens"]
    assert answer["usage"]["prompt_tokens"] == len(marks), "spelled marks are one token each"


def test_the_openai_client_is_served(server: Server) -> None:
    openai = pytest.importorskip("openai")
    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key=KEY, max_retries=0)
    with client:
        model = client.models.list().data[0].id
        ask_for = client.completions.create
        one = ask_for(model=model, prompt="def value(", max_tokens=8, temperature=0, logprobs=2)
        chunks = list(
            ask_for(
                model=model,
                prompt="def value(",
                max_tokens=8,
                temperature=0,
                stream=True,
                stream_options={"include_usage": True},
            )
        )
        several = ask_for(
            model=model, prompt=["def ", "return "], n=2, max_tokens=4, temperature=1, seed=1
        )
        between = ask_for(model=model, prompt="def ", suffix="\n", max_tokens=4, echo=False)
        with pytest.raises(openai.BadRequestError, match="context"):
            ask_for(model=model, prompt="x" * 5000, max_tokens=4)
        with pytest.raises(openai.AuthenticationError):
            client.with_options(api_key="wrong").models.list()

    assert model == "tiny"
    assert one.usage.completion_tokens == len(one.choices[0].logprobs.tokens)
    assert len(one.choices[0].logprobs.top_logprobs[0]) == 2
    assert "".join(c.choices[0].text for c in chunks if c.choices) == one.choices[0].text
    assert chunks[-1].usage.prompt_tokens == one.usage.prompt_tokens
    assert [choice.index for choice in several.choices] == [0, 1, 2, 3]
    assert several.usage.completion_tokens <= 16
    assert isinstance(between.choices[0].text, str)


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/completion", {"prompt": [10**6]}, 400, "does not know"),
        ("/completion", {"prompt": [-1]}, 400, "does not know"),
        ("/completion", {"prompt": [1.5]}, 400, "list of token ids"),
        ("/completion", {"prompt": {"a": 1}}, 400, "must be a text"),
        ("/completion", {"prompt": [5] * 600}, 400, "the context is 512"),
        ("/completion", {"prompt": "a", "n_predict": -2}, 400, "n_predict"),
        ("/completion", {"prompt": "a", "temperature": "hot"}, 400, "temperature"),
        ("/completion", {"prompt": "a", "top_p": 7}, 400, "top_p"),
        ("/completion", {"prompt": "a", "n_cmpl": 1000}, 400, "from 1 to 32"),
        ("/completion", {"prompt": "a", "grammar": "root ::= x"}, 400, "grammar"),
        ("/completion", {"prompt": "a", "logit_bias": {"x": 1}}, 400, "logit_bias"),
        ("/completion", {"prompt": "a", "stop": 3}, 400, "stop"),
        ("/completion", {"prompt": "a", "stop_rule": "page"}, 400, "stop_rule"),
        ("/v1/completions", {"prompt": "a", "max_tokens": -1}, 400, "max_tokens"),
        ("/v1/completions", {"prompt": ["a"] * 99}, 400, "prompts"),
        ("/infill", {"input_prefix": 3}, 400, "input_prefix"),
        ("/infill", {"input_extra": [{"filename": "a"}]}, 400, "input_extra"),
        ("/detokenize", {"tokens": [10**6]}, 400, "does not know"),
        ("/tokenize", {"content": 3}, 400, "content"),
        ("/nothing", {}, 404, "There is no POST /nothing"),
    ],
)
def test_bad_input_gets_a_clear_error(
    server: Server, path: str, body: dict[str, Any], status: int, words: str
) -> None:
    answered, answer = ask(server, path, body)

    assert answered == status
    assert words in answer["error"]["message"]
    assert ask(server, "/health")[0] == 200


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        pytest.param(b"{", 400, id="cut off"),
        pytest.param(b"[1]", 400, id="no object"),
        pytest.param(b"\xff\xfe{}", 400, id="no text"),
        pytest.param(b"[" * 200_000, 400, id="nested without end"),
        pytest.param(b'{"prompt": "a", "temperature": NaN}', 400, id="no number"),
    ],
)
def test_a_body_that_is_no_request_gets_a_clear_error(
    server: Server, raw: bytes, status: int
) -> None:
    answered, answer = ask(server, "/completion", raw=raw)

    assert answered == status
    assert answer["error"]["message"]


def test_a_body_of_100_mb_is_refused_before_it_is_read(server: Server) -> None:
    connection = connected(server)
    connection.putrequest("POST", "/completion")
    connection.putheader("Authorization", f"Bearer {KEY}")
    connection.putheader("Content-Length", str(100 * 1024 * 1024))
    connection.endheaders()
    response = connection.getresponse()
    message = json.loads(response.read())["error"]["message"]
    connection.close()

    assert response.status == 413
    assert f"{MOST_BODY_BYTES // 1024**2} MiB" in message
    assert ask(server, "/health")[0] == 200


def test_an_echo_says_that_its_log_probabilities_are_not_told(server: Server) -> None:
    body = {"prompt": "def f", "max_tokens": 1, "echo": True, "logprobs": 1}

    status, answer = ask(server, "/v1/completions", body)

    assert status == 200
    assert "the prompt that is echoed" in answer["warnings"][0]


@pytest.mark.parametrize(
    ("body", "words"),
    [({}, "`prompt` is missing"), ({"prompt": ["a", "b"]}, "Several texts are several prompts")],
)
def test_what_is_no_prompt_is_refused(server: Server, body: dict[str, Any], words: str) -> None:
    status, answer = ask(server, "/completion", body)

    assert status == 400
    assert words in answer["error"]["message"]


def test_no_tokens_to_write_and_an_empty_prompt_are_served(server: Server) -> None:
    for body in ({"prompt": "", "n_predict": 0}, {"prompt": [], "n_predict": 1}):
        status, answer = ask(server, "/completion", body)
        assert status == 200
        assert answer["tokens_evaluated"] == 1


def test_a_client_that_hangs_up_stops_the_model(server: Server) -> None:
    before = counters(server)
    for streams in (True, False):
        connection = connected(server)
        endless = {"prompt": "def ", "n_predict": 10**7, "ignore_eos": True, "stream": streams}
        body = json.dumps(endless)
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        connection.request("POST", "/completion", body, headers)
        if streams:
            connection.getresponse().read(200)
        else:
            assert until(lambda: counters(server)["requests_processing"] > 0)
        connection.close()
        assert until(lambda: counters(server)["requests_processing"] == 0)
    n_runs = counters(server)["n_decode_total"]
    time.sleep(0.1)
    after = counters(server)

    assert after["requests_cancelled_total"] == before["requests_cancelled_total"] + 2
    assert after["n_decode_total"] == n_runs


async def test_200_clients_at_once_are_served_or_told_to_come_again(server: Server) -> None:
    content = json.dumps({"prompt": "def value(", "n_predict": 4, "temperature": 0}).encode()
    head = (
        f"POST /completion HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
        f"Connection: close\r\nContent-Length: {len(content)}\r\n\r\n"
    ).encode()
    parts = urlsplit(server.url)

    async def one(number: int) -> tuple[int, bytes]:
        await asyncio.sleep(number / 1000)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(head + content)
        answer = await reader.read()
        writer.close()
        return int(answer.split(b" ")[1]), answer.split(b"\r\n\r\n", 1)[1]

    answers = await asyncio.gather(*map(one, range(200)))
    statuses = {status for status, _ in answers}
    texts = {json.loads(body)["content"] for status, body in answers if status == 200}

    assert statuses <= {200, 429}
    assert [status for status, _ in answers].count(200) >= MOST_WAITING
    assert len(texts) == 1
    assert ask(server, "/health")[0] == 200


def test_a_slow_reader_holds_up_nobody(server: Server) -> None:
    parts = urlsplit(server.url)
    endless = {"prompt": "def ", "n_predict": 10**7, "ignore_eos": True, "n_probs": 20}
    body = json.dumps(endless | {"stream": True}).encode()
    with socket.create_connection((parts.hostname or "", parts.port or 0)) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.sendall(
            f"POST /completion HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        slow.recv(100)
        for _ in range(3):
            status, answer = ask(server, "/completion", {"prompt": "return ", "n_predict": 4})
            assert status == 200
            assert answer["tokens_predicted"] <= 4
    assert until(lambda: counters(server)["requests_processing"] == 0)
