"""codelsp's client against servers that nobody here wrote, with the embedded model's weights.

Each needs a heavy installation of its own, so each is started by a command from the environment,
and skips loudly without it; ``tests/interchange/README.md`` says how to get them.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import socket
import subprocess
import time
import urllib.request
from typing import TYPE_CHECKING

import pytest

from codelsp.engine.port import FinishReason, GenerationRequest
from codelsp.engine.recognize import recognize
from codelsp.model_store.places import DEFAULT_MODEL, embedded_dir
from codelsp.prompt.fim import choose_layout

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
START_SECONDS = 600
CODE = "def read_file(path):\n    with open(path) as file:\n        return file."


@contextlib.contextmanager
def served(variable: str, **places: str) -> Iterator[str]:
    """Run the command in the variable ``variable``, its ``{port}`` and places filled in."""
    template = os.environ.get(variable, "")
    if not template:
        pytest.skip(f"{variable} is not set: it would hold the command of the server to test")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = shlex.split(template.format(port=port, **places))
    process = subprocess.Popen(command)
    try:
        yield until_healthy(f"http://127.0.0.1:{port}", process)
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until_healthy(url: str, process: subprocess.Popen[bytes]) -> str:
    """Return ``url`` once it answers."""
    deadline = time.monotonic() + START_SECONDS
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the server ended with {process.returncode}"
        for path in ("/health", "/v1/models"):
            with contextlib.suppress(OSError), direct.open(url + path, timeout=5):
                return url
        time.sleep(0.5)
    pytest.fail(f"nothing answered at {url} within {START_SECONDS} seconds")


async def generated(url: str, model: str = "") -> tuple[str, FinishReason]:
    """Return what the server at ``url`` writes after ``CODE``, asked as codelsp asks."""
    engine = await recognize(url, model=model)
    try:
        info = await engine.connect()
        prompt: tuple[int, ...] | str = CODE
        if info.takes_token_ids:
            layout = choose_layout(info.special_tokens)
            assert layout.has_fim
            prompt = await engine.tokenize(CODE)
        stream = engine.generate(GenerationRequest(prompt, max_tokens=8))
        text = "".join([token.text async for token in stream.tokens])
        assert stream.stats is not None
        return text, stream.stats.finish_reason
    finally:
        await engine.close()


def places() -> dict[str, str]:
    folder = embedded_dir() / DEFAULT_MODEL
    if not (folder / "model.safetensors").is_file():
        pytest.skip("the embedded model is here as GGUF only")
    return {"folder": str(folder), "gguf": str(folder / f"{DEFAULT_MODEL}-q8_0.gguf")}


@pytest.mark.parametrize(
    ("variable", "model"),
    [
        pytest.param("CODELSP_TEST_LLAMA_SERVER", "", id="llama-server"),
        pytest.param("CODELSP_TEST_VLLM", "ours", id="vLLM"),
        pytest.param("CODELSP_TEST_TRANSFORMERS", "{folder}", id="transformers serve"),
    ],
)
async def test_a_server_of_others_completes_for_codelsp(variable: str, model: str) -> None:
    with served(variable, **places()) as url:
        text, reason = await generated(url, model.format(**places()))

    assert text.strip()
    assert reason in {FinishReason.LENGTH, FinishReason.END}
