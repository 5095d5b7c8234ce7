"""The HTTP application: llama.cpp's server dialect and OpenAI's completions, over one model.

Closing a connection cancels: the model's thread looks before each run.

Architecture invariant: the event loop never runs the model, and never waits for it but for events.
"""

from __future__ import annotations

import hmac
import json
import logging
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from codelsp import __version__
from codelsp.errors import CodelspError, EngineUnavailableError
from codelsp.torch_engine import requests
from codelsp.torch_engine.fields import Fields, RequestError
from codelsp.torch_engine.generation import NanError
from codelsp.torch_engine.metrics import metrics_text
from codelsp.torch_engine.replies import LlamaReply, OpenAIReply
from codelsp.torch_engine.scheduler import Job, QueueFullError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from codelsp.torch_engine.generation import Event
    from codelsp.torch_engine.requests import Asked, ModelFacts
    from codelsp.torch_engine.scheduler import ModelThread

logger = logging.getLogger(__name__)

MOST_BODY_BYTES = 16 * 1024 * 1024
_BIG_BODY_BYTES = 64 * 1024
_BODY_SECONDS = 30.0
_OPEN_PATHS = frozenset(("/health", "/v1/health"))


@dataclass(frozen=True)
class Service:
    """What the application serves."""

    thread: ModelThread
    facts: ModelFacts
    api_key: str = ""
    """Empty lets everybody in."""
    model_path: str = ""
    device: str = ""
    dtype: str = ""


def make_app(service: Service) -> Starlette:
    """Return the application."""
    posts: Mapping[str, Callable[[Request, Service], Any]] = {
        "/tokenize": _tokenize,
        "/detokenize": _detokenize,
        "/completion": partial(_generate, understand=requests.completion),
        "/completions": partial(_generate, understand=requests.completion),
        "/infill": partial(_generate, understand=requests.infill),
        "/v1/completions": _generate_openai,
    }
    gets = {
        "/health": _health,
        "/v1/health": _health,
        "/props": _props,
        "/models": _models,
        "/v1/models": _models,
        "/metrics": _metrics,
    }
    routes = [
        Route(path, _guarded(each, service), methods=["POST"]) for path, each in posts.items()
    ]
    routes += [Route(path, _guarded(each, service), methods=["GET"]) for path, each in gets.items()]
    return Starlette(routes=routes, exception_handlers={404: _not_found, 405: _not_found})


def _guarded(
    handler: Callable[[Request, Service], Any], service: Service
) -> Callable[[Request], Any]:
    """Return ``handler`` behind the API key, its errors turned into answers."""

    async def guarded(request: Request) -> Response:
        if request.url.path not in _OPEN_PATHS and not _has_key(request, service.api_key):
            return _error("Invalid API key; send it as `Authorization: Bearer KEY`.", 401)
        try:
            response: Response = await handler(request, service)
        except CodelspError as error:
            return _error_of(error)
        return response

    return guarded


def _has_key(request: Request, key: str) -> bool:
    if not key:
        return True
    sent = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
    sent = sent or request.headers.get("x-api-key", "")
    return hmac.compare_digest(sent.encode(), key.encode())


async def _health(_request: Request, _service: Service) -> Response:
    return JSONResponse({"status": "ok"})


async def _props(_request: Request, service: Service) -> Response:
    facts, vocabulary = service.facts, service.facts.vocabulary
    ends = sorted(vocabulary.end_ids)
    return JSONResponse(
        {
            "default_generation_settings": {"n_ctx": facts.context_tokens},
            "total_slots": service.thread.most_active,
            "model_alias": facts.name,
            "model_path": service.model_path,
            "chat_template": "",
            "bos_token": vocabulary.decoded(
                [] if vocabulary.bos_id is None else [vocabulary.bos_id]
            ),
            "eos_token": vocabulary.decoded(ends[:1]),
            "build_info": f"codelsp {__version__}, torch",
            "device": service.device,
            "dtype": service.dtype,
            "is_sleeping": not service.thread.residence.is_loaded,
        }
    )


async def _models(_request: Request, service: Service) -> Response:
    facts = service.facts
    about = {"object": "model", "owned_by": "codelsp", "max_model_len": facts.context_tokens}
    names = (facts.name, *facts.adapters)
    return JSONResponse({"object": "list", "data": [{"id": name, **about} for name in names]})


async def _metrics(_request: Request, service: Service) -> Response:
    return PlainTextResponse(metrics_text(service.thread))


async def _tokenize(request: Request, service: Service) -> Response:
    fields = Fields(await _body(request))
    text = fields.text("content")
    reads_special = fields.flag("parse_special", default=True)
    adds_special = fields.flag("add_special", default=False)
    vocabulary = service.facts.vocabulary
    encode = partial(
        vocabulary.encoded, text, reads_special=reads_special, adds_special=adds_special
    )
    ids = await _in_thread_if_big(encode, len(text))
    tokens: list[Any] = ids
    if fields.flag("with_pieces", default=False):
        tokens = [{"id": token, "piece": _piece(vocabulary.piece(token))} for token in ids]
    return JSONResponse({"tokens": tokens, **_warned(fields)})


def _piece(written: bytes) -> str | list[int]:
    """Return a token as text; bytes that are no text are told one by one, as llama.cpp does."""
    try:
        return written.decode()
    except UnicodeDecodeError:
        return list(written)


async def _detokenize(request: Request, service: Service) -> Response:
    fields = Fields(await _body(request))
    ids = fields.wholes("tokens")
    wrong = [each for each in ids if not 0 <= each < service.facts.n_rows]
    if wrong:
        raise RequestError(f"`tokens` has ids that the model does not know, {wrong[0]} the first.")
    return JSONResponse({"content": service.facts.vocabulary.decoded(ids), **_warned(fields)})


async def _generate(
    request: Request,
    service: Service,
    understand: Callable[[Mapping[str, Any], ModelFacts], Asked],
) -> Response:
    asked = await _understood(request, service, understand)
    return _Answer(service, asked, _LlamaTalk(service, asked))


async def _generate_openai(request: Request, service: Service) -> Response:
    asked = await _understood(request, service, requests.openai_completion)
    return _Answer(service, asked, _OpenAITalk(service, asked))


async def _understood(
    request: Request,
    service: Service,
    understand: Callable[[Mapping[str, Any], ModelFacts], Asked],
) -> Asked:
    body = await _body(request)
    n_bytes = int(request.headers.get("content-length") or MOST_BODY_BYTES)
    asked: Asked = await _in_thread_if_big(partial(understand, body, service.facts), n_bytes)
    for warning in asked.warnings:
        logger.warning("%s: %s", request.url.path, warning)
    return asked


async def _in_thread_if_big(work: Callable[[], Any], size: int) -> Any:
    """Do what takes long for a long text in a thread, so that others are served meanwhile."""
    return work() if size < _BIG_BODY_BYTES else await anyio.to_thread.run_sync(work)


async def _body(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request.

    Raises:
        RequestError: it is none, or too large, or comes too slowly.
    """
    too_large = RequestError(
        f"The body is larger than {MOST_BODY_BYTES // 1024**2} MiB, which no context can hold.",
        status=413,
    )
    length = request.headers.get("content-length", "0")
    if length.isdigit() and int(length) > MOST_BODY_BYTES:
        raise too_large
    content = bytearray()
    with anyio.move_on_after(_BODY_SECONDS) as waiting:
        async for chunk in request.stream():
            content += chunk
            if len(content) > MOST_BODY_BYTES:
                raise too_large
    if waiting.cancelled_caught:
        raise RequestError(f"The body did not come within {_BODY_SECONDS:g} seconds.", status=408)
    try:
        value = json.loads(bytes(content))
    except (ValueError, RecursionError) as error:
        raise RequestError(f"The body is no JSON: {error}.") from None
    if not isinstance(value, dict):
        raise RequestError("The body must be a JSON object.")
    return value


class _LlamaTalk:
    """Says the events of one generation in llama.cpp's words."""

    def __init__(self, service: Service, asked: Asked) -> None:
        self._reply: LlamaReply | None = None
        self._service, self._asked = service, asked

    def begin_prompt(self, job: Job) -> None:
        self._reply = LlamaReply(self._asked, self._service.facts.vocabulary, job)

    def told(self, events: Sequence[Event]) -> Iterator[dict[str, Any]]:
        assert self._reply is not None  # noqa: S101
        return self._reply.events(events)

    def take(self, events: Sequence[Event]) -> None:
        assert self._reply is not None  # noqa: S101
        self._reply.take(events)

    def whole(self) -> Any:
        assert self._reply is not None  # noqa: S101
        return self._reply.whole()

    def closing(self) -> bytes:
        return b""


class _OpenAITalk:
    """Says them in OpenAI's."""

    def __init__(self, service: Service, asked: Asked) -> None:
        self._asked = asked
        self._reply = OpenAIReply(asked, service.facts.vocabulary)

    def begin_prompt(self, job: Job) -> None:
        self._reply.begin_prompt(job)

    def told(self, events: Sequence[Event]) -> Iterator[dict[str, Any]]:
        return self._reply.events(events)

    def take(self, events: Sequence[Event]) -> None:
        self._reply.take(events)

    def whole(self) -> Any:
        return self._reply.whole()

    def closing(self) -> bytes:
        usage = _event(self._reply.usage_chunk()) if self._asked.includes_usage else b""
        return usage + b"data: [DONE]\n\n"


class _Answer(Response):
    """Generates while it answers; a client that hangs up stops it."""

    def __init__(self, service: Service, asked: Asked, talk: _LlamaTalk | _OpenAITalk) -> None:
        super().__init__()
        self._service, self._asked, self._talk = service, asked, talk

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one client."""
        answer = self._stream if self._asked.streams else self._whole
        async with anyio.create_task_group() as group:

            async def watch() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass
                group.cancel_scope.cancel()

            group.start_soon(watch)
            await answer(_scope, receive, send)
            group.cancel_scope.cancel()

    async def _whole(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async for events in self._batches():
                self._talk.take(events)
            response: Response = JSONResponse(self._talk.whole())
        except CodelspError as error:
            response = _error_of(error)
        _warn_in_header(response, self._asked)
        await response(scope, receive, send)

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False
        try:
            async for events in self._batches():
                if not has_begun:
                    has_begun = True
                    await self._begin(send)
                content = b"".join(map(_event, self._talk.told(events)))
                if content:
                    await _send_part(send, content)
        except CodelspError as error:
            if not has_begun:
                await _error_of(error)(scope, receive, send)
                return
            await _send_part(send, _event(_error_content(error)))
        await _send_part(send, self._talk.closing(), is_last=True)

    async def _batches(self) -> Any:
        import asyncio

        thread, loop = self._service.thread, asyncio.get_running_loop()
        for plan in self._asked.plans:
            job = Job(plan, self._asked.session, loop)
            thread.submit(job)
            self._talk.begin_prompt(job)
            async with aclosing(job.batches()) as batches:
                async for events in batches:
                    yield events

    async def _begin(self, send: Send) -> None:
        head = Response(media_type="text/event-stream", headers={"cache-control": "no-cache"})
        del head.headers["content-length"]
        _warn_in_header(head, self._asked)
        await send({"type": "http.response.start", "status": 200, "headers": head.raw_headers})


async def _send_part(send: Send, content: bytes, *, is_last: bool = False) -> None:
    await send({"type": "http.response.body", "body": content, "more_body": not is_last})


def _event(value: object) -> bytes:
    return b"data: " + json.dumps(value, separators=(",", ":")).encode() + b"\n\n"


def _warn_in_header(response: Response, asked: Asked) -> None:
    if asked.warnings:
        text = "; ".join(asked.warnings).encode("ascii", "replace").decode()
        response.headers["x-codelsp-warnings"] = "".join(
            char for char in text if char.isprintable()
        )


def _warned(fields: Fields) -> dict[str, Any]:
    names = fields.unknown()
    warnings = [f"`{name}` is not known here and has no effect" for name in names]
    return {"warnings": warnings} if warnings else {}


def _error_of(error: CodelspError) -> Response:
    content = _error_content(error)
    return JSONResponse(content, status_code=content["error"]["code"])


def _error_content(error: CodelspError) -> dict[str, Any]:
    status, kind, more = 500, "server_error", {}
    if isinstance(error, RequestError):
        status, kind, more = error.status, error.kind, error.more
    elif isinstance(error, QueueFullError):
        status, kind = 429, "unavailable_error"
    elif isinstance(error, EngineUnavailableError):
        status, kind = 503, "unavailable_error"
    elif isinstance(error, NanError):
        kind = "nan_error"
    return {"error": {"code": status, "message": str(error), "type": kind, **more}}


def _error(message: str, status: int, kind: str = "authentication_error") -> Response:
    return JSONResponse({"error": {"code": status, "message": message, "type": kind}}, status)


async def _not_found(request: Request, _error_there: Exception) -> Response:
    return _error(f"There is no {request.method} {request.url.path} here.", 404, "not_found_error")
