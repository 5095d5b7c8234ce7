"""llama.cpp's own HTTP server, inside this process, set up for completing code.

Only ``host.py`` imports this: the library behind it is 100 MB of native code.
"""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    import xllamacpp

    from codelsp.model_store.gguf_header import GgufHeader

_SLOTS, _FEWER_SLOTS = 4, 2
_CONTEXT_TOKENS, _LEAST_CONTEXT_TOKENS = 2048, 512
_CACHE_SHARE = 16
"""The cache of keys and values may take one part in so many of the machine's memory."""
_THREADS_OF_TINY_MODEL, _MOST_THREADS = 4, 16
_TINY_MODEL_WEIGHTS, _LONE_THREAD_WEIGHTS = 100_000_000, 20_000_000
_GPU_BATCH_TOKENS, _CPU_BATCH_TOKENS, _SLOW_BATCH_TOKENS = 512, 128, 64
"""A prompt is read in batches, and a cancel waits for the end of one.  With size S, 128 tokens
are read as fast as 512, and 64 in a tenth more time."""
_HTTP_THREADS = 24
"""Each connection holds one while it is open, and a window keeps one or two open."""
_ERRORS_ONLY = 1
"""Of llama.cpp's log levels.  Warnings quote requests that could not be parsed."""
_SPINS = 1000


@dataclass(frozen=True)
class Machine:
    """What there is to run a model on."""

    cores: int
    """Physical ones that this process may use."""
    memory_bytes: int
    has_gpu: bool = False
    """One that the installed build of llama.cpp can use."""


@dataclass(frozen=True)
class ServerPlan:
    """How the server is set up."""

    slots: int
    """Generations that run at the same time; each keeps a context of its own."""
    slot_tokens: int
    threads: int
    """That read a prompt."""
    decode_threads: int
    """That write, token by token."""
    batch_tokens: int
    flash_attention: bool = False
    """Whether llama.cpp decides about it; else it is off."""


def this_machine() -> Machine:
    """Return what this process may use of the machine."""
    import psutil

    process = psutil.Process()
    # macOS cannot say which cores a process may use.
    usable = len(process.cpu_affinity()) if hasattr(process, "cpu_affinity") else os.cpu_count()
    physical = psutil.cpu_count(logical=False) or usable or 1
    cores = max(1, min(physical, usable or 1))
    return Machine(cores, psutil.virtual_memory().total, _has_gpu())


def plan_server(
    header: GgufHeader, machine: Machine, *, threads: int = 0, context_tokens: int = 0
) -> ServerPlan:
    """Return the set-up for a model on a machine; 0 leaves the choice to us.

    A slot's context is no longer than a completion needs: its cache is memory that is held
    all the time, and four of 2,048 tokens cost a model of 8 million weights 33 MB.
    """
    wanted = context_tokens or _CONTEXT_TOKENS
    longest = header.number("{arch}.context_length", wanted)
    tokens = min(wanted, longest) if longest else wanted
    budget = machine.memory_bytes // _CACHE_SHARE // max(1, _cache_bytes(header))
    slots = _SLOTS if budget >= _SLOTS * tokens else _FEWER_SLOTS
    if not context_tokens:
        tokens = min(tokens, max(_LEAST_CONTEXT_TOKENS, budget // slots))
    return ServerPlan(
        slots,
        tokens,
        threads or _threads(header, machine),
        threads or _decode_threads(header, machine),
        _batch_tokens(header, machine),
        # Measured on 2 cores with AVX2, size S and 900 tokens of context, one thread: a token
        # takes 4.7 ms with it and 3.0 without, four new ones of a prompt 6.7 and 5.1; all 900 take
        # 290 with it and 380 without, but that is one key of many.
        flash_attention=machine.has_gpu,
    )


def _cache_bytes(header: GgufHeader) -> int:
    """Return the bytes of keys and values of one token, in float16."""
    heads = header.number("{arch}.attention.head_count", 1)
    head_length = header.number("{arch}.embedding_length") // max(1, heads)
    keys = header.number("{arch}.attention.key_length", head_length)
    values = header.number("{arch}.attention.value_length", head_length)
    kv_heads = header.number("{arch}.attention.head_count_kv", heads)
    return 2 * header.number("{arch}.block_count") * kv_heads * (keys + values)


def _threads(header: GgufHeader, machine: Machine) -> int:
    # All threads meet some sixty times for each token: past a few, a tiny model only waits.
    is_tiny = header.weights < _TINY_MODEL_WEIGHTS
    return min(machine.cores, _THREADS_OF_TINY_MODEL if is_tiny else _MOST_THREADS)


def _decode_threads(header: GgufHeader, machine: Machine) -> int:
    # Measured on 2 cores with size S and 600 tokens of context: alone, one thread writes a token
    # in 1.1 ms and two in 1.0; on a machine that is busy elsewhere one takes 4 and two take 8,
    # waiting for each other.
    return 1 if header.weights < _LONE_THREAD_WEIGHTS else _threads(header, machine)


def _batch_tokens(header: GgufHeader, machine: Machine) -> int:
    if machine.has_gpu:
        return _GPU_BATCH_TOKENS
    is_tiny = header.weights < _TINY_MODEL_WEIGHTS
    return _CPU_BATCH_TOKENS if is_tiny else _SLOW_BATCH_TOKENS


def _has_gpu() -> bool:
    library = _library()
    kinds = library.ggml_backend_dev_type
    gpus = {kinds.GGML_BACKEND_DEVICE_TYPE_GPU, kinds.GGML_BACKEND_DEVICE_TYPE_IGPU}
    return any(device["type"] in gpus for device in library.get_device_info())


def start_server(
    model: Path, name: str, plan: ServerPlan, address: tuple[str, int], api_key: str
) -> xllamacpp.Server:
    """Load ``model`` and serve it at ``address``; port 0 takes a free one.

    Raises:
        RuntimeError: it cannot be loaded or the port is taken; standard error says why.
    """
    library = _library()
    params = library.CommonParams()
    params.model.path = str(model)
    params.model_alias = {name}
    params.hostnames, params.port = [address[0]], address[1]
    params.api_keys = [api_key]
    params.n_threads_http = _HTTP_THREADS
    params.n_parallel, params.n_ctx = plan.slots, plan.slots * plan.slot_tokens
    params.n_batch = params.n_ubatch = plan.batch_tokens
    if not plan.flash_attention:
        kinds = library.llama_flash_attn_type
        params.flash_attn_type = kinds.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.cpuparams.n_threads = plan.decode_threads
    params.cpuparams_batch.n_threads = plan.threads
    # Prompts kept in host memory grew to 2 GB in 4,362 requests; slots keep the newest anyway.
    params.cache_ram_mib, params.n_ctx_checkpoints = 0, 0
    params.fit_params = params.ui = False
    params.endpoint_slots = params.endpoint_metrics = True
    params.verbosity = _ERRORS_ONLY
    return library.Server(params)


def _library() -> ModuleType:
    """Return llama.cpp, loaded so that it gets on with the rest of the machine."""
    # llama.cpp's threads wait for one another by spinning, up to 300,000 turns, which is good
    # until something else wants the cores, a compiler say: then a thread spins for one that does
    # not run.  Measured on 2 cores with size S, milliseconds a token, alone / beside 4 busy
    # processes: 300,000 turns 0.8 / 20 to 100, 1,000 turns 0.8 / 4 to 10, none 4.4 / 5 to 9.
    # The library reads this when it is loaded.
    os.environ.setdefault("GOMP_SPINCOUNT", str(_SPINS))
    return importlib.import_module("xllamacpp")
