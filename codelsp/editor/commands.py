"""The commands a user or an editor may run, one function each."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from pygls.exceptions import JsonRpcInvalidParams

from codelsp.editor.clients import dig
from codelsp.editor.greeting import COMMANDS, COMPLETE_FUNCTION, WRITE_DOCSTRING, WRITE_TESTS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from codelsp.editor.lifecycle import Json
    from codelsp.editor.server import CodeServer

    Command = Callable[[CodeServer, Sequence[object], object], Awaitable[object]]
    """Takes the arguments, and the token of the editor's progress if it shows one."""

logger = logging.getLogger(__name__)


async def execute(
    ls: CodeServer, name: object, arguments: Sequence[object], token: object = None
) -> object:
    """Run a command; ``token`` is that of the editor's own progress.

    Raises:
        JsonRpcInvalidParams: there is no command of this name.
    """
    command = BY_NAME.get(name) if isinstance(name, str) else None
    if command is None:
        raise JsonRpcInvalidParams(f"no such command; there are {', '.join(COMMANDS)}")
    return await command(ls, arguments, token)


async def _accept(ls: CodeServer, arguments: Sequence[object], _token: object) -> None:
    """Note that the user took an insertion; its id is the argument."""
    if arguments and isinstance(arguments[0], str):
        length = ls.session.handed_out.newly_accepted(arguments[0])
        ls.session.completer.accepted(arguments[0], length)


async def _explain_last(ls: CodeServer, arguments: Sequence[object], _token: object) -> Json:  # noqa: ARG001  # takes none
    """Say why the newest request was answered as it was: ``text`` for a person, ``trace``."""
    trace = ls.session.completer.explain_last()
    return {"text": explained(trace), "trace": trace}


async def _pause(ls: CodeServer, arguments: Sequence[object], _token: object) -> Json:
    """Offer nothing: everywhere, or for ``{"language": ...}``, or for ``{"uri": ...}``."""
    language, uri = _extent(arguments)
    ls.session.completer.pause(language=language, uri=uri)
    return {"isPaused": ls.session.completer.is_paused(language=language, uri=uri)}


async def _resume(ls: CodeServer, arguments: Sequence[object], _token: object) -> Json:
    """Offer completions again; without an extent, everywhere."""
    language, uri = _extent(arguments)
    ls.session.completer.resume(language=language, uri=uri)
    return {"isPaused": ls.session.completer.is_paused(language=language, uri=uri)}


async def _restart_engine(ls: CodeServer, arguments: Sequence[object], _token: object) -> None:  # noqa: ARG001  # takes none
    """Let go of the engine and connect anew; how that goes is told by ``codelsp/status``."""
    ls.spawn(ls.session.completer.restart_engine())


async def _statistics(ls: CodeServer, arguments: Sequence[object], _token: object) -> Json:
    """Return the local statistics by language; with the argument "reset", forget them."""
    if ls.statistics is None:
        return {"languages": {}, "path": ""}
    if arguments and arguments[0] == "reset":
        ls.statistics.reset()
    return ls.statistics.as_json()


def _writing(name: str) -> Command:
    async def write(ls: CodeServer, arguments: Sequence[object], token: object) -> object:
        # A server starts faster without what a user asks for now and then.
        from codelsp.editor import writing

        return await writing.run(ls, name, arguments, token)

    return write


_WRITING = (WRITE_DOCSTRING, WRITE_TESTS, COMPLETE_FUNCTION)
BY_NAME: Mapping[str, Command] = dict(
    zip(
        COMMANDS,
        (
            _accept,
            _explain_last,
            _pause,
            _resume,
            _restart_engine,
            _statistics,
            *map(_writing, _WRITING),
        ),
        strict=True,
    )
)


def _extent(arguments: Sequence[object]) -> tuple[str, str]:
    """Return the language and the URI that a pause is about, empty where it is about neither."""
    first = arguments[0] if arguments else None
    language, uri = dig(first, "language"), dig(first, "uri")
    return (
        language if isinstance(language, str) else "",
        uri if isinstance(uri, str) else "",
    )


def explained(trace: Mapping[str, Any]) -> str:
    """Return a trace in words: what was decided, where the time went, what each rule said."""
    if not trace:
        return "codelsp has answered no request yet."
    lines = [f"{trace.get('decision', '')} ({trace.get('source') or 'no generation'})"]
    stages = trace.get("stages_ms") or {}
    if stages:
        lines.append("ms: " + ", ".join(f"{name} {spent:.1f}" for name, spent in stages.items()))
    facts = trace.get("facts") or {}
    if facts:
        lines.append(", ".join(f"{name} {value}" for name, value in facts.items()))
    for number, candidate in enumerate(trace.get("candidates") or (), start=1):
        lines.append(_explained_candidate(number, candidate))
    return "\n".join(lines)


def _explained_candidate(number: int, candidate: Mapping[str, Any]) -> str:
    text = json.dumps(candidate.get("text", ""), ensure_ascii=False)
    score = candidate.get("score")
    verdicts = [
        f"{verdict.get('step')} {verdict.get('action')}: {verdict.get('reason')}"
        for verdict in candidate.get("verdicts") or ()
        if verdict.get("action") != "kept"
    ]
    scored = "" if score is None else f" (score {score:.2f})"
    return f"candidate {number}{scored}: {text}" + "".join(f"\n  {each}" for each in verdicts)
