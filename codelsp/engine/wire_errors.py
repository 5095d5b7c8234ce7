"""What goes wrong on the wire, in our words: the one place that knows httpcore's exceptions.

Messages name the engine's URL, say what to do, and hold no document text.
"""

from __future__ import annotations

import json
import re
import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING

from codelsp.errors import (
    EngineError,
    EngineLoadingError,
    EngineRefusedError,
    EngineUnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_BUSY = 429
_NOT_READY = 503
_LONGEST_DETAIL_CHARS = 200
_HINTS: Mapping[int, str] = {
    400: "it does not accept the request",
    401: "it asks for an API key; set `engine_api_key`",
    403: "it refuses the API key; check `engine_api_key`",
    404: "it has no such path or model; check the URL in `engine` and the name in `model`",
    405: "it has no such path; check the URL in `engine`",
    413: "the prompt is too long for it; lower `context_tokens`",
    422: "it does not accept the request",
    429: "it is too busy; it is asked again with the next completion",
    500: "it failed; look into its log",
    501: "it was started without this feature",
    502: "the proxy before it gets no answer; look whether it runs",
    503: "it is not ready; it is asked again with the next completion",
    504: "the proxy before it waited too long",
}


def error_from_status(url: str, status: int, body: bytes) -> EngineError:
    """Return the error that an HTTP answer other than 2xx means."""
    detail = _detail(body)
    if status == _NOT_READY and "loading" in detail.lower():
        return EngineLoadingError(f"The engine at {url} is still loading its model.")
    hint = _HINTS.get(status, "check the URL in `engine`")
    message = f"The engine at {url} answered HTTP {status}: {hint}"
    message += f" ({detail})." if detail else "."
    if status in {_BUSY, 502, _NOT_READY, 504}:
        return EngineUnavailableError(message)
    return EngineRefusedError(message)


def error_from_event(url: str, data: str) -> EngineError:
    """Return the error that a failure reported inside a stream means."""
    reason = _detail(data.encode()) or "no reason given"
    return EngineRefusedError(f"The engine at {url} broke off a generation: {reason}.")


def broke_off(url: str) -> EngineError:
    """Return the error for a generation whose end never came."""
    return EngineUnavailableError(
        f"The engine at {url} hung up in the middle of a generation; look whether it still runs."
    )


def not_understood_event(url: str) -> EngineError:
    """Return the error for a part of a generation that is not what this dialect promises.

    It is not quoted, as it holds what continues a document.
    """
    return EngineUnavailableError(
        f"The engine at {url} streams something that codelsp does not understand;"
        " check the URL in `engine`, and whether the server is up to date."
    )


def not_understood(url: str, body: bytes) -> EngineError:
    """Return the error for an answer that is not what this dialect promises."""
    return EngineUnavailableError(
        f"What answers at {url} is not an engine codelsp knows ({_detail(body) or 'empty answer'});"
        " check the URL in `engine`."
    )


@contextmanager
def in_our_words(url: str) -> Iterator[None]:
    """Turn what httpcore (or the operating system) raises into our errors.

    Raises:
        EngineUnavailableError: something of theirs was raised inside.
    """
    import httpcore

    theirs = (
        httpcore.NetworkError,
        httpcore.ProtocolError,
        httpcore.TimeoutException,
        httpcore.UnsupportedProtocol,
        OSError,
    )
    try:
        yield
    except theirs as error:
        raise EngineUnavailableError(_message(url, error)) from error


def _message(url: str, error: Exception) -> str:
    import httpcore

    cause = _root(error)
    reason = str(cause) or type(cause).__name__
    if isinstance(cause, ssl.SSLError):
        return _tls_message(url, cause)
    if isinstance(error, httpcore.TimeoutException):
        has_spoken = isinstance(error, httpcore.ReadTimeout)
        what = f"The engine at {url} has fallen silent" if has_spoken else f"{url} does not answer"
        return f"{what}; look whether it runs and is not overloaded, and check `engine`."
    if isinstance(error, httpcore.LocalProtocolError):
        # The reason would quote the API key.
        return f"The request to {url} cannot be sent; check the characters of `engine_api_key`."
    has_hung_up = "disconnected" in reason or "closed connection" in reason
    if isinstance(error, httpcore.RemoteProtocolError) and not has_hung_up:
        return (
            f"What answers at {url} does not speak HTTP as it should ({reason});"
            " check host, port and http or https in `engine`."
        )
    if isinstance(error, httpcore.ReadError | httpcore.WriteError | httpcore.RemoteProtocolError):
        return f"The engine at {url} hung up; look whether it still runs, and check `engine`."
    return (
        f"Cannot reach an engine at {url} ({reason});"
        " look whether it runs, and check the URL in `engine`."
    )


def _tls_message(url: str, error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"The certificate of {url} is not trusted ({error.verify_message}); add its authority"
            " to this machine's, or name the file in the environment variable SSL_CERT_FILE."
        )
    return f"{url} does not speak TLS ({error.reason}); does `engine` want http instead of https?"


def _root(error: BaseException) -> BaseException:
    """Return what was first raised.

    httpcore wraps it, and its pool raises again ``from None``: then it is only an argument.
    """
    inner = error.__cause__ or (error.args[0] if error.args else None)
    return _root(inner) if isinstance(inner, BaseException) else error


def _detail(body: bytes) -> str:
    """Return the reason in an error's body, short; an HTML page is named, not quoted."""
    text = body.decode("utf-8", "replace").strip()
    if text[:1] == "<":
        title = re.search(r"<title>([^<]*)", text, re.IGNORECASE)
        return f"a web page: {title[1].strip()}" if title else "a web page"
    try:
        value = json.loads(text)
    except ValueError:
        return text[:_LONGEST_DETAIL_CHARS]
    return _reason_in(value)[:_LONGEST_DETAIL_CHARS].rstrip(".")


def _reason_in(value: object) -> str:
    """Return the message in one of the shapes servers give their errors."""
    for key in ("error", "message", "detail"):
        if isinstance(value, dict) and key in value:
            value = value[key]
    return value if isinstance(value, str) else json.dumps(value)
