"""A server whose engine is scripted: what end-to-end tests start as a process.

``python -m tests.scripted_server [--text TEXT | --knows FILE] [--delay-ms N] [--tcp | --ws] ...``

With ``--writes JSON`` the engine completes code as someone would who knows how it ends: the JSON is
a list of lists of texts, the first list for the best candidate, the others for further ones, and
a text is offered where the cursor's line is its beginning.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from codelsp.editor.serve import ServeOptions, serve_stdio, serve_tcp, serve_ws

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from codelsp.engine.port import Engine
    from codelsp.settings import Settings


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--text", default="scripted")
    parser.add_argument("--knows", type=Path, help="lines that the model knows by heart")
    parser.add_argument("--writes", type=json.loads)
    parser.add_argument("--stdio", action="store_true")
    parser.add_argument("--delay-ms", type=float, default=0.0)
    parser.add_argument("--fails", default="")
    parser.add_argument("--loads", action="store_true")
    parser.add_argument("--tcp", action="store_true")
    parser.add_argument("--ws", action="store_true")
    parser.add_argument("--token", default="")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--overrides", type=json.loads, default={})
    arguments = parser.parse_args()

    def engine_factory(_settings: Settings) -> Engine:
        from codelsp.engine.scripted import ScriptedEngine
        from codelsp.errors import EngineUnavailableError

        known = arguments.knows.read_text("utf-8").split("\n") if arguments.knows else ()
        engine = ScriptedEngine(knowing(known) if known else [arguments.text])
        if arguments.writes:
            from tests.writing_engine import WritingEngine

            engine = WritingEngine(arguments.writes)
        engine.delay_ms = arguments.delay_ms
        engine.is_loading = arguments.loads
        if arguments.fails:
            engine.fail_with(EngineUnavailableError(arguments.fails), times=1000)
        return engine

    options = ServeOptions(
        log_file=arguments.folder / "server.log",
        log_level="debug",
        overrides={"threshold": 0.0, "debounce_ms": 0, **arguments.overrides},
        statistics_file=arguments.folder / "statistics.json",
        token=arguments.token,
        engine_factory=engine_factory,
        on_listening=lambda host, port: _tell(f"{host} {port}"),
    )
    if arguments.tcp:
        return serve_tcp("127.0.0.1", 0, options)
    if arguments.ws:
        return serve_ws("127.0.0.1", 0, options)
    return serve_stdio(options)


def knowing(lines: Sequence[str]) -> Callable[[str], str]:
    """Return a model that continues a line as one of ``lines`` goes on.

    Asked the same again, it gives the next line that begins alike; it knows no indentation.
    """
    n_asked: dict[str, int] = {}

    def answer(prompt: str) -> str:
        # What stands before the cursor comes last, or first, by the layout.
        before, _, after = prompt.rpartition("<|fim_middle|>")
        prefix = after or before.partition("<|fim_suffix|>")[0].rpartition("|>")[2]
        begun = prefix.rpartition("\n")[2].lstrip()
        fitting = [line[len(begun) :] for line in lines if begun and line.startswith(begun)]
        n_asked[prompt] = n_asked.get(prompt, -1) + 1
        return fitting[n_asked[prompt] % len(fitting)] if fitting else ""

    return answer


def _tell(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
