"""The engine process: ``python -m codelsp.engine.host OPTIONS``, where OPTIONS is one JSON object.

It loads a model, serves it on this machine in the dialect of llama.cpp's server, tells where in
its state file, and leaves when nobody has asked it anything for a while.  It belongs to no editor:
whoever needs it starts it (``process.py``), and all windows of a user share it.

Architecture invariant: this is the only process in which llama.cpp is loaded.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import signal
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from codelsp import __version__
from codelsp.engine.idle import IdleWatch
from codelsp.engine.state_file import EngineState, remove_state, write_state

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import xllamacpp

logger = logging.getLogger(__name__)

API_KEY_VARIABLE = "CODELSP_ENGINE_KEY"
"""Holds the API key if the user has chosen one; the command line is everybody's to read."""
HOST_MODULES = {"llama.cpp": "codelsp.engine.host", "torch": "codelsp.torch_engine.host"}
"""What is run for each kind of engine."""
_NICENESS = 5


@dataclass(frozen=True)
class HostOptions:
    """What the engine process is told."""

    model: str
    """The model's name."""
    model_path: str
    model_stamp: str
    engine: str = "llama.cpp"
    """What runs the model: ``llama.cpp`` or ``torch``."""
    state: str = ""
    """Where the state file goes."""
    is_tied: bool = False
    """Whether it belongs to the process that started it: it writes its state to standard output,
    and leaves when its standard input is closed."""
    log: str = ""
    """Where standard error goes: a file, ``-`` for where the starter's goes, empty for nowhere."""
    threads: int = 0
    context_tokens: int = 0
    batch_tokens: int = 0
    idle_seconds: float = 0.0
    """0 means it never leaves by itself."""
    host: str = "127.0.0.1"
    port: int = 0
    device: str = "auto"
    """Of torch, as all that follow: ``auto``, ``cuda``, ``mps`` or ``cpu``."""
    dtype: str = "auto"
    adapters: tuple[str, ...] = ()
    """Folders of peft; the first one answers unless a request names another."""
    trusts_code: bool = False
    allows_pickle: bool = False


def main(arguments: Sequence[str]) -> int:
    """Run the engine until it is idle or told to leave; return the exit status."""
    return run_host(arguments, serve)


def run_host(arguments: Sequence[str], serve: Callable[[HostOptions], None]) -> int:
    """Run an engine process as its arguments say; return the exit status."""
    options = HostOptions(**json.loads(arguments[0]))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    be_polite()
    try:
        serve(options)
    except RuntimeError as error:
        logger.error("The engine could not start: %s", error)  # noqa: TRY400  # No traceback.
        return 1
    return 0


def serve(options: HostOptions) -> None:
    """Load the model, serve it, and return when it is time to leave.

    Raises:
        RuntimeError: the model cannot be loaded or the address not be used; the log says why.
    """
    leave = threading.Event()
    api_key = os.environ.pop(API_KEY_VARIABLE, "") or secrets.token_urlsafe(32)
    server = _start(options, api_key)
    url = str(server.listening_address)
    stay(options, url, api_key, leave, lambda: work_done(server.handle_metrics()))


def stay(
    options: HostOptions,
    url: str,
    api_key: str,
    leave: threading.Event,
    work: Callable[[], float | None],
) -> None:
    """Tell where the engine is, and return when it is time to leave.

    Args:
        options: What this process was told.
        url: Where it serves.
        api_key: What its clients have to know.
        leave: Set when somebody wants it to.
        work: A number that grows with every request; None while one is answered.
    """
    _leave_when_told(leave)
    state = _state(options, url, api_key)
    watch = IdleWatch(work, options.idle_seconds)
    path = Path(options.state) if options.state else None
    if path is not None:
        write_state(path, state)
    if options.is_tied:
        _tie_to_parent(state, leave)
    try:
        watch.run(leave, path)
    finally:
        if path is not None:
            remove_state(path, os.getpid())
    logger.info("The engine leaves: %s.", watch.reason)


def work_done(metrics: str) -> float | None:
    """Return how much has been computed, from llama.cpp's metrics; None while it computes."""
    lines = (line for line in metrics.split("\n") if not line.startswith("#"))
    values = dict(line.rsplit(" ", 1) for line in lines if " " in line)
    if float(values.get("llamacpp:requests_processing", 0)):
        return None
    counters = ("llamacpp:n_decode_total", "llamacpp:prompt_tokens_total")
    return sum(float(values.get(counter, 0)) for counter in counters)


def be_polite() -> None:
    """Let everything else on the machine go first: the editor's typing above all."""
    with suppress(OSError):
        if sys.platform == "win32":
            import psutil

            psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
        else:
            os.nice(_NICENESS)


def _start(options: HostOptions, api_key: str) -> xllamacpp.Server:
    from codelsp.engine.llama_server import plan_server, start_server, this_machine
    from codelsp.errors import ModelFileError
    from codelsp.model_store.gguf_header import read_header

    path = Path(options.model_path)
    begun = time.perf_counter()
    try:
        header = read_header(path)
    except ModelFileError as error:
        raise RuntimeError(str(error)) from error
    plan = plan_server(
        header,
        this_machine(),
        threads=options.threads,
        context_tokens=options.context_tokens,
    )
    if options.batch_tokens:
        # ``/infill`` fills a whole batch with text; what it then writes needs room, too.
        tokens = min(options.batch_tokens, plan.slot_tokens * 3 // 4)
        # Whole prompts are read at each key there, and these flash attention reads faster.
        plan = replace(plan, batch_tokens=tokens, flash_attention=True)
    address = (options.host, options.port)
    server = start_server(path, options.model, plan, address, api_key)
    seconds = time.perf_counter() - begun
    logger.info("codelsp %s serves %s (%s) after %.2f s", __version__, options.model, plan, seconds)
    return server


def _state(options: HostOptions, url: str, api_key: str) -> EngineState:
    return EngineState(
        url=url,
        api_key=api_key,
        pid=os.getpid(),
        engine=options.engine,
        model=options.model,
        model_path=options.model_path,
        model_stamp=options.model_stamp,
        version=__version__,
        started=time.time(),
        log=options.log,
    )


def _leave_when_told(leave: threading.Event) -> None:
    """Take the signals from llama.cpp, which would end its server but not this process."""
    for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: leave.set())
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _tie_to_parent(state: EngineState, leave: threading.Event) -> None:
    """Tell the parent the address, and leave with it."""
    sys.stdout.write(json.dumps(asdict(state)) + "\n")
    sys.stdout.flush()

    def wait_for_parent() -> None:
        sys.stdin.buffer.read()
        leave.set()

    threading.Thread(target=wait_for_parent, daemon=True).start()


if __name__ == "__main__":
    status = main(sys.argv[1:])
    logging.shutdown()
    # Not ``sys.exit``: the destructors of a server that still answers are not worth waiting for.
    os._exit(status)
