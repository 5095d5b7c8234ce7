"""``Page``: the playground's files, and the document to begin with, for a browser on this machine.

The files are no secret; the document is, and is given to whoever shows the token.  The page itself
reads the token from the fragment of its address, which browsers send to nobody.
"""

from __future__ import annotations

import hmac
import json
import mimetypes
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from websockets.http11 import Request, Response

_LOCAL_NAMES = ("127.0.0.1", "localhost")
_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src 'self' data:"
)


@dataclass(frozen=True)
class Page:
    """What a browser may ask for."""

    folder: Path
    """The files of the page, ``index.html`` among them."""
    document: Mapping[str, str]
    """``uri``, ``languageId`` and ``text`` of what is to be shown first."""
    token: str

    def answer(self, request: Request) -> Response:
        """Return the answer to any request for a file; never raises for what a browser may ask."""
        host = request.headers.get("Host", "").rpartition(":")[0]
        if host not in _LOCAL_NAMES:
            # A page of somebody else's, whose name has been made to lead here.
            return _response(403, b"codelsp: not allowed\n")
        address = urlsplit(request.path)
        if address.path == "/document":
            shown = parse_qs(address.query).get("token", [""])[0]
            if not hmac.compare_digest(shown.encode(), self.token.encode()):
                return _response(403, b"codelsp: not allowed\n")
            return _response(200, json.dumps(dict(self.document)).encode(), "application/json")
        return self._file(unquote(address.path).lstrip("/") or "index.html")

    def _file(self, name: str) -> Response:
        path = (self.folder / name).resolve()
        if not path.is_relative_to(self.folder.resolve()) or not path.is_file():
            return _response(404, b"codelsp: no such file\n")
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        # Windows keeps these types in a registry that other programs write to.
        kind = {".js": "text/javascript", ".css": "text/css"}.get(path.suffix, kind)
        return _response(200, path.read_bytes(), kind)


def _response(status: int, body: bytes, kind: str = "text/plain; charset=utf-8") -> Response:
    from http import HTTPStatus

    from websockets.datastructures import Headers
    from websockets.http11 import Response

    headers = Headers(
        {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            "Content-Security-Policy": _POLICY,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
            "Connection": "close",
        }
    )
    return Response(status, HTTPStatus(status).phrase, headers, body)
