"""Downloads arrive whole, go on after they broke off, and never leave a half file behind."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from codelsp.errors import ModelError, ModelFileError
from codelsp.model_store import list_models, resolve_model, store_dir
from codelsp.model_store.pull import pull_model
from codelsp.model_store.verify import verify_model
from tests.model_store.files import gguf_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTENT = gguf_bytes(padding=500_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Origin:
    """A server of one file, that can be told to behave badly."""

    url: str = ""
    content: bytes = CONTENT
    breaks_after: int | None = None
    has_ranges: bool = True
    tag: str = '"one"'
    announced: str = ""
    redirect_to: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    origin: Origin

    def do_GET(self) -> None:  # The standard library's name.
        self.origin.asked.append(dict(self.headers))
        if "/resolve/" in self.path:
            self._send_on()
        elif self.path.startswith("/file/"):
            self._send_file()
        else:
            self.send_error(404)

    def _send_on(self) -> None:
        self.send_response(302)
        self.send_header("Location", self.origin.redirect_to or "/file/model.gguf")
        if self.origin.announced:
            self.send_header("X-Linked-ETag", f'"{self.origin.announced}"')
        self.end_headers()

    def _send_file(self) -> None:
        start, content = self._start(), self.origin.content
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            extent = f"bytes {start}-{len(content) - 1}/{len(content)}"
            self.send_header("Content-Range", extent)
        self.send_header("Content-Length", str(len(content) - start))
        self.send_header("ETag", self.origin.tag)
        self.end_headers()
        end = len(content) if self.origin.breaks_after is None else start + self.origin.breaks_after
        self.wfile.write(content[start:end])
        self.close_connection = True

    def _start(self) -> int:
        extent = self.headers.get("Range")
        if not extent or not self.origin.has_ranges:
            return 0
        if self.headers.get("If-Range", self.origin.tag) != self.origin.tag:
            return 0
        return int(extent.removeprefix("bytes=").removesuffix("-"))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def origin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Origin]:
    monkeypatch.setenv("CODELSP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    served = Origin()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("_Bound", (_Handler,), {"origin": served}))
    served.url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("HF_ENDPOINT", served.url)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_file_is_pulled_and_is_then_a_model(origin: Origin) -> None:
    told: list[tuple[int, int]] = []

    model = pull_model(f"{origin.url}/file/m.gguf", progress=lambda *step: told.append(step))

    assert model.name == "m"
    assert model.path.read_bytes() == CONTENT
    assert resolve_model("m") == model
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert [told_bytes for told_bytes, _ in told] == sorted(told_bytes for told_bytes, _ in told)
    assert len(verify_model("m")) == 2
    assert not list(store_dir().rglob("*.part"))


def test_a_hub_id_is_pulled_and_checked_against_the_hubs_hash(origin: Origin) -> None:
    origin.announced = DIGEST

    assert pull_model("owner/some-coder:model.gguf", "mine").path.read_bytes() == CONTENT

    origin.announced = "0" * 64
    with pytest.raises(ModelFileError, match="not 000"):
        pull_model("owner/some-coder:model.gguf", "other")
    assert [model.name for model in list_models() if not model.is_embedded] == ["mine"]


def test_a_download_that_broke_off_goes_on(origin: Origin) -> None:
    origin.breaks_after = 300_000
    with pytest.raises(ModelError, match="the same command goes on"):
        pull_model(f"{origin.url}/file/m.gguf")
    assert all(model.is_embedded for model in list_models())

    origin.breaks_after = None
    model = pull_model(f"{origin.url}/file/m.gguf", sha256=DIGEST)

    assert model.path.read_bytes() == CONTENT
    assert origin.asked[-1]["Range"] == "bytes=299999-"


def test_a_file_that_changed_meanwhile_is_pulled_anew(origin: Origin) -> None:
    origin.breaks_after = 300_000
    with pytest.raises(ModelError):
        pull_model(f"{origin.url}/file/m.gguf")

    origin.breaks_after, origin.tag = None, '"two"'
    origin.content = gguf_bytes(architecture="other", padding=400_000)

    assert pull_model(f"{origin.url}/file/m.gguf").path.read_bytes() == origin.content


def test_a_file_that_became_shorter_is_pulled_anew(origin: Origin) -> None:
    origin.breaks_after = 300_000
    with pytest.raises(ModelError):
        pull_model(f"{origin.url}/file/m.gguf")

    origin.breaks_after, origin.content = None, gguf_bytes()

    assert pull_model(f"{origin.url}/file/m.gguf").path.read_bytes() == origin.content


def test_a_server_without_ranges_sends_it_all_again(origin: Origin) -> None:
    origin.has_ranges, origin.breaks_after = False, 300_000
    with pytest.raises(ModelError):
        pull_model(f"{origin.url}/file/m.gguf")
    origin.breaks_after = None

    assert pull_model(f"{origin.url}/file/m.gguf").path.read_bytes() == CONTENT


def test_a_complete_download_that_never_got_its_name_is_not_sent_again(origin: Origin) -> None:
    folder = store_dir() / "m"
    folder.mkdir(parents=True)
    (folder / "m.gguf.part").write_bytes(CONTENT)

    assert pull_model(f"{origin.url}/file/m.gguf", sha256=DIGEST).path.read_bytes() == CONTENT
    assert origin.asked[-1]["Range"] == f"bytes={len(CONTENT) - 1}-"


def test_another_hash_than_asked_for_is_refused(origin: Origin) -> None:
    with pytest.raises(ModelFileError, match="deleted"):
        pull_model(f"{origin.url}/file/m.gguf", sha256="ab" * 32)
    assert not list(store_dir().rglob("*.gguf*"))


def test_a_web_page_is_no_model(origin: Origin) -> None:
    origin.content = b"<!DOCTYPE html>" * 100

    with pytest.raises(ModelFileError, match="no model"):
        pull_model(f"{origin.url}/file/m.gguf")
    assert not list(store_dir().rglob("*.gguf*"))


def test_a_full_disk_is_told_before_it_is_full(
    origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        free = 1000

    monkeypatch.setattr("shutil.disk_usage", lambda _path: Usage)

    with pytest.raises(ModelError, match="GB free"):
        pull_model(f"{origin.url}/file/m.gguf")


def test_what_is_not_there_is_told(origin: Origin) -> None:
    with pytest.raises(ModelError, match="404"):
        pull_model(f"{origin.url}/nothing/m.gguf")


@pytest.mark.usefixtures("origin")
def test_nobody_there_is_told() -> None:
    with pytest.raises(ModelError, match="the same command goes on"):
        pull_model("http://127.0.0.1:9/m.gguf")


def test_a_name_that_is_taken_is_not_overwritten(origin: Origin) -> None:
    pull_model(f"{origin.url}/file/m.gguf")

    with pytest.raises(ModelError, match="already"):
        pull_model(f"{origin.url}/file/m.gguf")


def test_a_redirect_never_leads_out_of_tls(origin: Origin) -> None:
    origin.redirect_to = "http://example.com/model.gguf"

    with pytest.raises(ModelError, match="not https"):
        pull_model("owner/some-coder:model.gguf")


@pytest.mark.parametrize(
    "source",
    [
        "http://example.com/m.gguf",
        "ftp://example.com/m.gguf",
        "file:///etc/m.gguf",
        "m.gguf",
        "https://example.com/m.zip",
        "https://example.com/",
        "owner/name",
        "owner/name:pytorch_model.bin",
        "https://example.com/model.pt",
    ],
)
def test_other_sources_are_refused(origin: Origin, source: str) -> None:
    with pytest.raises(ModelError):
        pull_model(source)
    assert not origin.asked
