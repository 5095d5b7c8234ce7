"""How fast codelsp is on this machine, over a transcript of keystrokes; ``codelsp bench``.

Everything is measured from outside: a bare client talks to a real server process over stdio, and
the server to a real engine process.  The same places then go to ``/infill`` of a second engine, set
up as llama.cpp's server is by default, as llama.vim asks (256 lines before the cursor, 64 after),
and once more with the very windows that codelsp chose.

An engine of its own runs for the bench, in a runtime folder of its own, so that no editor's
engine is stopped and none helps.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from codelsp.errors import EngineUnavailableError
from codelsp.evaluation.budgets import LARGE_REPLAYS, TOKENS
from codelsp.evaluation.editor_session import EditorSession, Reply, initialize_params
from codelsp.evaluation.samples import Samples
from codelsp.evaluation.stdio_client import StdioClient
from codelsp.evaluation.transcript import Transcript, standard_library_text, typed_functions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from codelsp.engine.wire import Wire
    from codelsp.evaluation.bench_engine import BenchEngine
    from codelsp.evaluation.transcript import Key

_SETTINGS = {"max_tokens": TOKENS, "max_line_tokens": TOKENS, "threshold": 0.0}
_URI = "file:///bench/document.py"
_LARGE_LINES = 10_000
_LARGE_FILES = ("argparse.py", "statistics.py", "typing.py", "inspect.py", "_pydecimal.py")
_PLUGIN_LINES_BEFORE, _PLUGIN_LINES_AFTER = 256, 64
_TYPE_THROUGH_EVERY = 8
_JUMPS = 24
_REST_SECONDS = 1.0
_BY_THE_MODEL = ("model", "kept generation", "attached")
_MOST_TYPED_THROUGH = 6


@dataclass(frozen=True)
class BenchOptions:
    """What to measure, and how much of it."""

    files: tuple[str, ...] = ("json/decoder.py", "argparse.py")
    """Of the standard library; typed one after the other."""
    n_keys: int = 300
    """Keystrokes for each file, and for the large file."""
    n_starts: int = 5


async def measure(
    options: BenchOptions, engine: BenchEngine, tell: Callable[[str], None]
) -> Samples:
    """Return all samples; ``tell`` hears what is being measured."""
    samples = Samples()
    tell("process start to initialize")
    for _ in range(options.n_starts):
        samples.initialize_ms.append(await _start_to_initialize(engine))
    transcripts = [
        typed_functions(name, standard_library_text(name), 6).first(options.n_keys)
        for name in options.files
    ]
    tell("process start to the first ghost text, engine cold")
    for _ in range(options.n_starts):
        await engine.stop()
        samples.first_ghost_text_ms.append(await _start_to_ghost_text(engine, transcripts[0]))
    for transcript in transcripts:
        tell(f"{len(transcript.keys)} keystrokes in {transcript.name}")
        await _replay(engine, transcript, samples)
    tell(f"a file of {_LARGE_LINES} lines")
    for _ in range(LARGE_REPLAYS):
        await _replay_large(engine, samples, options.n_keys)
    if engine.is_llama_cpp:
        tell(f"the same {len(samples.places)} places at the engine's own /infill")
        await _infill(engine, samples)
    tell("the first key after a jump")
    await _jump(engine, transcripts[0], samples)
    tell("cancel")
    samples.tokens_after_cancel = await engine.tokens_after_cancel()
    return samples


@contextlib.asynccontextmanager
async def _server(engine: BenchEngine) -> AsyncIterator[StdioClient]:
    client = await StdioClient.start(engine.server_command, engine.environment)
    try:
        yield client
    finally:
        await client.close()


async def _start_to_initialize(engine: BenchEngine) -> float:
    began = time.perf_counter()
    async with _server(engine) as client:
        await client.request("initialize", initialize_params(_SETTINGS))
        elapsed_ms = (time.perf_counter() - began) * 1e3
        client.notify("initialized", {})
        return elapsed_ms


async def _start_to_ghost_text(engine: BenchEngine, transcript: Transcript) -> float:
    """Return the time until someone who opens a file and types sees ghost text."""
    began = time.perf_counter()
    async with _server(engine) as client:
        editor = EditorSession(client, _URI, transcript.text)
        await editor.begin(_SETTINGS)
        await _type_until_answered(editor, transcript.keys)
        return (time.perf_counter() - began) * 1e3


async def _type_until_answered(editor: EditorSession, keys: Sequence[Key]) -> int:
    """Type on until there is ghost text; return the offset of the cursor.

    Raises:
        EngineUnavailableError: there is none after all keys.
    """
    for key in keys:
        editor.change(key.offset, key.offset, key.text)
        offset = key.offset + len(key.text)
        if await editor.ask(offset):
            return offset
    raise EngineUnavailableError("No completion came for any keystroke; see codelsp doctor.")


async def _replay(engine: BenchEngine, transcript: Transcript, samples: Samples) -> None:
    async with _server(engine) as client:
        editor = EditorSession(client, _URI, transcript.text)
        await editor.begin(_SETTINGS)
        await _warm_up(editor, transcript)
        for number, key in enumerate(transcript.keys):
            reply = await editor.press(key.offset, key.text)
            samples.answers.append(reply)
            if reply.source == "model":
                samples.places.append(_place(editor.text, reply))
                samples.plugin_places.append(_plugin_place(editor.text, reply.offset))
            if number % _TYPE_THROUGH_EVERY == 0:
                samples.typed_through_ms += await _type_through(editor, reply)
        samples.server_mb.append(resident_mb(client.pid))
        samples.engine_mb.append(resident_mb(await engine.pid()))


async def _jump(engine: BenchEngine, transcript: Transcript, samples: Samples) -> None:
    """Begin a line at places far from each other, after the cursor has rested at every other."""
    async with _server(engine) as client:
        editor = EditorSession(client, _URI, transcript.text)
        await editor.begin(_SETTINGS)
        await _warm_up(editor, transcript)
        for number, offset in enumerate(_line_ends(editor.text)):
            is_rested = number % 2 == 1
            if is_rested:
                editor.rest(offset)
            await asyncio.sleep(_REST_SECONDS)
            reply = await editor.press(offset, "\n")
            editor.change(offset, reply.offset, "")
            if reply.source in _BY_THE_MODEL:
                kept = samples.rested_jump_ms if is_rested else samples.jump_ms
                kept.append(reply.elapsed_ms)


def _line_ends(text: str) -> list[int]:
    """Return the ends of ``_JUMPS`` lines of code, in an order of long jumps."""
    ends: list[int] = []
    offset, apart = 0, text.count("\n") // _JUMPS
    for number, line in enumerate(text.split("\n")):
        offset += len(line) + 1
        if line.strip() and number >= (len(ends) + 0.5) * apart:
            ends.append(offset - 1)
    half = len(ends) // 2
    return [end for pair in zip(ends[:half], ends[half:], strict=False) for end in pair]


async def _warm_up(editor: EditorSession, transcript: Transcript) -> None:
    """Let the engine load and read this document once, with keys that are taken back."""
    start = transcript.keys[0].offset
    editor.change(start, await _type_until_answered(editor, transcript.keys), "")


def _place(text: str, reply: Reply) -> tuple[str, str]:
    """Return prefix and suffix in the window that the model was given."""
    n_prefix, n_suffix = reply.fact("prefix_chars") or 0, reply.fact("suffix_chars") or 0
    offset = reply.offset
    return text[max(0, offset - n_prefix) : offset], text[offset : offset + n_suffix]


def _plugin_place(text: str, offset: int) -> tuple[str, str]:
    """Return prefix and suffix as llama.vim sends them by default (``n_prefix``, ``n_suffix``)."""
    before, after = text[:offset].split("\n"), text[offset:].split("\n")
    return "\n".join(before[-_PLUGIN_LINES_BEFORE:]), "\n".join(after[:_PLUGIN_LINES_AFTER])


async def _type_through(editor: EditorSession, reply: Reply) -> list[float]:
    """Type what the ghost text says, and take it back; return the times of answers."""
    ghost = editor.ghost_text(reply).split("\n")[0]
    elapsed_ms: list[float] = []
    offset = reply.offset
    for character in ghost[: min(_MOST_TYPED_THROUGH, len(ghost) - 1)]:
        through = await editor.press(offset, character)
        offset += 1
        if through.source == "cache":
            elapsed_ms.append(through.elapsed_ms)
    if offset > reply.offset:
        editor.change(reply.offset, offset, "")
    return elapsed_ms


async def _replay_large(engine: BenchEngine, samples: Samples, n_keys: int) -> None:
    transcript = large_transcript().first(n_keys)
    async with _server(engine) as client:
        editor = EditorSession(client, _URI, transcript.text)
        await editor.begin(_SETTINGS)
        await _warm_up(editor, transcript)
        for key in transcript.keys:
            samples.large_file_answers.append(await editor.press(key.offset, key.text))


def large_transcript() -> Transcript:
    """Return the typing of functions in the middle of a file of 10,000 lines."""
    sources = [standard_library_text(name) for name in _LARGE_FILES]
    typed = typed_functions(_LARGE_FILES[0], sources[0], 6)
    before, after = "\n".join(sources[1:3]) + "\n", "\n" + "\n".join(sources[3:])
    n_after = _LARGE_LINES - (before + typed.text).count("\n")
    after = "\n".join(after.split("\n")[:n_after]) + "\n"
    keys = tuple(replace(key, offset=key.offset + len(before)) for key in typed.keys)
    return Transcript("a large file", before + typed.text + after, keys)


async def _infill(engine: BenchEngine, samples: Samples) -> None:
    async with engine.infill_wire() as wire:
        for prefix, suffix in samples.plugin_places:
            elapsed_ms, n_read = await _infilled(wire, prefix, suffix)
            samples.infill_ms.append(elapsed_ms)
            samples.infill_tokens_read.append(n_read)
        for prefix, suffix in samples.places:
            samples.infill_same_windows_ms.append((await _infilled(wire, prefix, suffix))[0])


async def _infilled(wire: Wire, prefix: str, suffix: str) -> tuple[float, float]:
    """Return milliseconds and prompt tokens read of one request to ``/infill``."""
    body = {
        "input_prefix": prefix,
        "input_suffix": suffix,
        "n_predict": TOKENS,
        "temperature": 0.0,
        "cache_prompt": True,
        "stream": False,
    }
    began = time.perf_counter()
    answer = await wire.post_json("/infill", body)
    return (time.perf_counter() - began) * 1e3, float(answer["timings"]["prompt_n"])


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process, in millions of bytes."""
    import psutil

    return float(psutil.Process(pid).memory_info().rss) / 1e6
