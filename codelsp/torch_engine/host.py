"""The process of the torch engine: ``python -m codelsp.torch_engine.host OPTIONS``.

It lives as llama.cpp's does (``engine/host.py``): state file, API key, idle time, manners.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import uvicorn

from codelsp import __version__
from codelsp.engine.host import API_KEY_VARIABLE, run_host, stay, work_done
from codelsp.errors import CodelspError
from codelsp.torch_engine.app import Service, make_app
from codelsp.torch_engine.hardware import use_threads
from codelsp.torch_engine.loading import LoadOptions, load, n_weights_of
from codelsp.torch_engine.metrics import metrics_text
from codelsp.torch_engine.requests import ModelFacts
from codelsp.torch_engine.residence import Residence
from codelsp.torch_engine.scheduler import ModelThread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codelsp.engine.host import HostOptions
    from codelsp.torch_engine.loading import Loaded

logger = logging.getLogger(__name__)

_BACKLOG = 256
_MOST_CONNECTIONS = 512
_START_SECONDS = 30.0
_REST_SECONDS = 600.0
"""After this long without a request the model leaves the GPU; the process stays."""


def main(arguments: Sequence[str]) -> int:
    """Run the engine until it is idle or told to leave; return the exit status."""
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # theirs
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    return run_host(arguments, serve)


def serve(options: HostOptions) -> None:
    """Load the model, serve it, and return when it is time to leave.

    Raises:
        RuntimeError: the model cannot be loaded or the address not be used.
    """
    leave = threading.Event()
    api_key = os.environ.pop(API_KEY_VARIABLE, "") or secrets.token_urlsafe(32)
    listening = listening_socket(options.host, options.port)
    begun = time.perf_counter()
    try:
        service = load_service(options, api_key)
    except CodelspError as error:
        raise RuntimeError(str(error)) from error
    logger.info(
        "codelsp %s serves %s with %d threads after %.2f s",
        __version__,
        options.model,
        torch.get_num_threads(),
        time.perf_counter() - begun,
    )
    server = Server(service, listening)
    server.start()
    try:
        stay(options, server.url, api_key, leave, lambda: _work_done(service.thread))
    finally:
        server.stop()


def load_service(options: HostOptions, api_key: str) -> Service:
    """Return what the options ask for, its model loaded and its thread running.

    Raises:
        CodelspError: the model cannot be loaded.
    """
    load_options = LoadOptions(
        device=options.device,
        dtype=options.dtype,
        context_tokens=options.context_tokens,
        adapters=tuple(options.adapters),
        trusts_code=options.trusts_code,
        allows_pickle=options.allows_pickle,
    )
    load_again = partial(load, Path(options.model_path), load_options)
    use_threads(options.threads, n_weights_of(Path(options.model_path)))
    loaded = load_again()
    is_on_gpu = loaded.plan.device != "cpu"
    residence = Residence(
        lambda: load_again().decoder,
        _REST_SECONDS if is_on_gpu else 0.0,
        decoder=loaded.decoder,
    )
    thread = ModelThread(residence)
    thread.start()
    return Service(
        thread,
        facts_of(options.model, loaded),
        api_key,
        options.model_path,
        loaded.plan.device,
        loaded.plan.dtype,
    )


def facts_of(name: str, loaded: Loaded) -> ModelFacts:
    """Return what requests to a model are checked against."""
    return ModelFacts(
        name,
        loaded.plan.context_tokens,
        loaded.decoder.vocabulary,
        loaded.n_rows,
        loaded.adapters,
        loaded.adapters[0] if loaded.adapters else "",
    )


class Server:
    """uvicorn in a thread of its own; the main thread is left to signals and the idle watch."""

    def __init__(self, service: Service, listening: socket.socket) -> None:
        self._listening = listening
        self._service = service
        config = uvicorn.Config(
            make_app(service),
            log_config=None,
            access_log=False,
            lifespan="off",
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self._listening.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def start(self) -> None:
        """Serve.

        Raises:
            RuntimeError: it does not begin to.
        """
        self._thread.start()
        deadline = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError("the HTTP server did not start")
            time.sleep(0.001)

    def stop(self) -> None:
        """End, the generations that are running with it."""
        self._server.should_exit = True
        self._service.thread.stop()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        self._server.run(sockets=[self._listening])


def listening_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens there; port 0 takes a free one.

    Raises:
        RuntimeError: the address cannot be had.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
        )[0]
        # asyncio sends small pieces at once (TCP_NODELAY) only where the protocol is named.
        listening = socket.socket(family, kind, protocol)
        if sys.platform != "win32":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError as error:
        raise RuntimeError(f"{host}:{port} cannot be used: {error.strerror or error}") from None
    return listening


def _work_done(thread: ModelThread) -> float | None:
    return None if thread.n_waiting else work_done(metrics_text(thread))


if __name__ == "__main__":
    status = main(sys.argv[1:])
    logging.shutdown()
    # Not ``sys.exit``: torch's own threads take their time to end.
    os._exit(status)
