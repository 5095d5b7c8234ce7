"""Downloads a model, at the user's command and never otherwise.

A download that broke off goes on where it stopped.  The file gets its name only when it is whole,
its hash is the one announced, and its head is that of a GGUF file.
"""

from __future__ import annotations

import os
import re
import shutil
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from codelsp import __version__
from codelsp.errors import ModelError, ModelFileError
from codelsp.model_store.gguf_header import read_header
from codelsp.model_store.keep import sha256_of
from codelsp.model_store.model import Model, ModelKind, refuse_pickle
from codelsp.model_store.places import Manifest, read_manifest, store_folder, write_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Progress = Callable[[int, int], None]
    """Told the bytes that are there, and how many there will be (0: not known)."""

_HUB = "https://huggingface.co"
_HUB_FILE = re.compile(r"(?P<owner>[\w.-]+)/(?P<name>[\w.-]+):(?P<file>[\w./-]+)")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_CHUNK_BYTES = 1 << 18
_SILENCE_SECONDS = 60.0
_SPARE_BYTES = 64 * 1024 * 1024
_PARTIAL, _NOT_SATISFIABLE = 206, 416


@dataclass(frozen=True)
class _Source:
    url: str
    file: str


def pull_model(
    source: str, name: str = "", *, sha256: str = "", progress: Progress | None = None
) -> Model:
    """Download a GGUF file into the store, and return it as a model.

    Args:
        source: an https URL, or ``OWNER/NAME:FILE.gguf`` of the Hugging Face Hub.
        name: what to call it; as the file if empty.
        sha256: the hash it must have; the Hub announces one itself.
        progress: told how far it is.

    Raises:
        ModelError: the name is taken, the source is none, out of reach, or the disk is full.
        ModelFileError: what came is not what was announced, or no GGUF file.
    """
    found = _source(source)
    name = name or PurePosixPath(found.file).stem
    folder = store_folder(name)
    if read_manifest(folder) is not None:
        raise ModelError(f"There is a model {name} already; `codelsp models remove {name}` first.")
    folder.mkdir(parents=True, exist_ok=True)
    unfinished, file = folder / (found.file + ".part"), folder / found.file
    announced = _Download(found.url, unfinished, progress or (lambda _done, _total: None)).run()
    digest = _checked(unfinished, sha256 or announced)
    unfinished.replace(file)
    size = file.stat().st_size
    write_manifest(folder, Manifest(file.name, ModelKind.GGUF.value, source, size, digest))
    return Model(name, file, ModelKind.GGUF)


def _source(text: str) -> _Source:
    hub_file = _HUB_FILE.fullmatch(text)
    if hub_file:
        hub = os.environ.get("HF_ENDPOINT", _HUB).rstrip("/")
        path = quote(f"{hub_file['owner']}/{hub_file['name']}/resolve/main/{hub_file['file']}")
        text = f"{hub}/{path}"
    parts = urlsplit(text)
    file = PurePosixPath(unquote(parts.path)).name
    refuse_pickle(Path(file))
    if not _is_safe(text):
        raise ModelError(
            f"{text} cannot be pulled: give an https:// URL, or OWNER/NAME:FILE.gguf of the Hub."
        )
    if not file.lower().endswith(".gguf"):
        raise ModelError(f"{text} is no .gguf file; codelsp pulls nothing else.")
    return _Source(text, file)


def _is_safe(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)


def _checked(unfinished: Path, sha256: str) -> str:
    """Return the hash of the file; deletes it if it is not what was announced."""
    digest = sha256_of(unfinished)
    if sha256 and digest != sha256.lower():
        unfinished.unlink()
        raise ModelFileError(
            f"What was downloaded has the hash {digest}, not {sha256}; it was deleted. Pull again."
        )
    try:
        read_header(unfinished)
    except ModelFileError as error:
        unfinished.unlink()
        raise ModelFileError(f"What was downloaded is no model, and was deleted: {error}") from None
    return digest


class _Download:
    """One file, from ``url`` to ``path``, going on where an earlier one stopped."""

    def __init__(self, url: str, path: Path, progress: Progress) -> None:
        self._url = url
        self._path = path
        self._tag_file = path.with_name(path.name + ".etag")
        self._progress = progress
        self._opener = urllib.request.build_opener(_SafeRedirects(self))
        self.sha256 = ""
        """As the Hub announces it, where it sends us on to the file."""

    def run(self) -> str:
        """Download, and return the announced hash, if any."""
        try:
            with self._open() as response:
                self._receive(response)
        except urllib.error.HTTPError as error:
            raise ModelError(
                f"{self._url} cannot be pulled: {error.code} {error.reason}."
            ) from None
        except OSError as error:
            reason = getattr(error, "reason", None) or error.strerror or error
            raise ModelError(
                f"The download of {self._url} broke off ({reason}); the same command goes on."
            ) from None
        return self.sha256

    def _open(self) -> Any:
        there = self._path.stat().st_size if self._path.exists() else 0
        try:
            return self._ask(there)
        except urllib.error.HTTPError as error:
            if error.code != _NOT_SATISFIABLE:
                raise
            # What is there is not a beginning of what the server has: anew.
            self._path.unlink()
            return self._ask(0)

    def _ask(self, there: int) -> Any:
        headers = {"User-Agent": f"codelsp/{__version__}", "Accept-Encoding": "identity"}
        if there:
            # One byte that we have already, so that a complete file can be asked for as well.
            headers["Range"] = f"bytes={there - 1}-"
            if self._tag_file.exists():
                # Should the file have changed meanwhile, all of the new one is sent.
                headers["If-Range"] = self._tag_file.read_text("utf-8")
        request = urllib.request.Request(self._url, headers=headers)  # noqa: S310  # Checked.
        return self._opener.open(request, timeout=_SILENCE_SECONDS)

    def _receive(self, response: Any) -> None:
        start, total = _extent(response.status, response.headers)
        tag = response.headers.get("ETag") or ""
        if tag.startswith('"'):
            self._tag_file.write_text(tag, "utf-8")
        self._refuse_full_disk(total - start)
        done = start
        mode = "r+b" if start else "wb"
        with self._path.open(mode) as file:
            file.seek(start)
            file.truncate()
            while chunk := response.read(_CHUNK_BYTES):
                file.write(chunk)
                done += len(chunk)
                self._progress(done, total)
        if total and done != total:
            raise ModelError(
                f"The download of {self._url} broke off after {done:,} of {total:,} bytes;"
                " the same command goes on."
            )
        self._tag_file.unlink(missing_ok=True)

    def _refuse_full_disk(self, n_bytes: int) -> None:
        free = shutil.disk_usage(self._path.parent).free
        if n_bytes + _SPARE_BYTES > free:
            raise ModelError(
                f"{self._path.parent} has {free / 1e9:.1f} GB free, and {n_bytes / 1e9:.1f} GB are"
                " to come; make room, or set CODELSP_HOME to a folder on another disk."
            )


def _extent(status: int, headers: Mapping[str, str]) -> tuple[int, int]:
    """Return where the answer begins in the file, and how long the file is (0: not known)."""
    extent = re.match(r"bytes (\d+)-\d+/(\d+)", headers.get("Content-Range") or "")
    if status == _PARTIAL and extent:
        return int(extent[1]), int(extent[2])
    return 0, int(headers.get("Content-Length") or 0)


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows where a server sends us, but never out of TLS."""

    def __init__(self, download: _Download) -> None:
        self._download = download

    def redirect_request(  # noqa: PLR0913, PLR0917  # The standard library's signature.
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Any:
        """Return the request that follows; the Hub tells the file's hash on the way."""
        if not _is_safe(newurl):
            raise ModelError(f"{req.full_url} leads to {newurl}, which is not https.")
        announced = (headers.get("X-Linked-ETag") or "").strip('"')
        if re.fullmatch(r"[0-9a-f]{64}", announced):
            self._download.sha256 = announced
        return super().redirect_request(req, fp, code, msg, headers, newurl)
