"""The typing simulator: a person who types real code and takes every completion that is right.

Real processes: an editor's session over stdio with a server, the server with its engine.  The
typist takes a completion if, and only if, accepting it leaves nothing to take back: it begins what
is yet to be typed.  Where only its first line does, up to that line's end, that line is taken, as
editors offer.  One key takes a completion; a line end comes with the indentation an editor adds.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from codelsp.candidates import insecure
from codelsp.errors import EngineUnavailableError
from codelsp.evaluation.editor_session import EditorSession
from codelsp.evaluation.scoring import matched_length
from codelsp.evaluation.stdio_client import StdioClient
from codelsp.pipeline import public_check

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from codelsp.evaluation.bench_engine import BenchEngine
    from codelsp.evaluation.editor_session import Reply
    from codelsp.evaluation.source_files import SourceFile
    from codelsp.evaluation.transcript import Key, Transcript

_LOADING_TRIES = 600
_LOADING_PAUSE_SECONDS = 0.2
_FLAGGED = "flagged"
LOOK_COST = 1.0
"""Keys that a wrong completion costs in the cost-aware figure: the time of a glance."""


@dataclass
class TypingCounts:
    """What typing one file came to; keys are presses, characters are code points."""

    keys_without: int = 0
    """To type everything by hand."""
    keys_used: int = 0
    """Typed, and one for each completion taken."""
    chars: int = 0
    completed_chars: int = 0
    """Written by completions."""
    asked: int = 0
    """How often the server was asked: after every key and every completion taken."""
    shown: int = 0
    right: int = 0
    """Shown and taken."""
    distinct_shown: int = 0
    """Shown, the rest of a completion that was typed along not counted again."""
    distinct_wrong: int = 0
    proposed_chars: int = 0
    matched_chars: int = 0
    """Of those proposed: right from the first on."""
    looked_up: int = 0
    """Shown and new, so that they were compared with public code and looked at for faults."""
    public: int = 0
    """Of those: marked as a copy of public code."""
    insecure: int = 0
    """Of those: marked as insecure."""
    reply_ms: list[float] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Offer:
    """A completion at a place of the truth: what it writes, and how much of that is right."""

    text: str
    taken: int
    """Characters that the typist takes; 0 if it is wrong."""
    matched: int

    @property
    def is_right(self) -> bool:
        """Whether the typist takes it."""
        return self.taken > 0


def offer_of(text: str, truth: str) -> Offer:
    """Return ``text`` as the typist sees it, who is about to type ``truth``."""
    matched = matched_length(text, truth)
    whole = text.rstrip()
    if whole and truth.startswith(whole):
        return Offer(text, matched, matched)
    line = text[: text.find("\n", len(text) - len(text.lstrip("\r\n")))].rstrip()
    if "\n" in whole.lstrip("\r\n") and line.strip() and truth.startswith(line):
        at_end = truth[len(line) : len(line) + 1] in {"", "\n"}
        return Offer(text, len(line) if at_end else 0, matched)
    return Offer(text, 0, matched)


class Typist:
    """Types one transcript into one session."""

    def __init__(self, editor: EditorSession) -> None:
        self._editor = editor
        self._last = ""
        self.counts = TypingCounts()

    async def type(self, keys: Sequence[Key]) -> TypingCounts:
        """Type ``keys``, run by run: a run goes on until the cursor jumps."""
        counts = self.counts
        counts.keys_without = len(keys)
        for run in runs_of(keys):
            await self._type_run(run)
        return counts

    async def _type_run(self, keys: Sequence[Key]) -> None:
        truth = "".join(key.text for key in keys)
        start, typed = keys[0].offset, 0
        self.counts.chars += len(truth)
        ends = _key_ends(keys)
        while typed < len(truth):
            end = next(each for each in ends if each > typed)
            reply = await self._editor.press(start + typed, truth[typed:end])
            self.counts.reply_ms.append(reply.elapsed_ms)
            self.counts.keys_used += 1
            self._count_marks(reply)
            typed = end
            items = reply.items
            text = self._written(items, reply.offset)
            while typed < len(truth) and (taken := self._judge(text, truth[typed:])):
                written = truth[typed : typed + taken]
                self._editor.change(start + typed, start + typed, written)
                if text is not None and taken >= len(text.rstrip()):
                    await self._editor.accepted(items[0])
                self.counts.keys_used += 1
                self.counts.completed_chars += taken
                typed += taken
                items = await self._editor.ask(start + typed)
                text = self._written(items, start + typed)
            if typed >= len(truth):
                break

    def _judge(self, text: str | None, truth: str) -> int:
        """Count what is shown, and return how many characters of it are taken."""
        counts = self.counts
        counts.asked += 1
        if text is None:
            self._last = ""
            return 0
        offer = offer_of(text, truth)
        is_rest = bool(self._last) and self._last.endswith(text)
        self._last = "" if offer.is_right else text
        counts.shown += 1
        counts.right += offer.is_right
        counts.distinct_shown += not is_rest
        counts.distinct_wrong += not is_rest and not offer.is_right
        counts.proposed_chars += len(text)
        counts.matched_chars += offer.matched
        return offer.taken

    def _count_marks(self, reply: Reply) -> None:
        """Count what the trace of an answer says of it; that of one from memory says nothing."""
        candidates = reply.trace.get("candidates", ())
        if not reply.items or not candidates:
            return
        marks = {
            verdict["step"]
            for candidate in candidates
            for verdict in candidate["verdicts"]
            if verdict["action"] == _FLAGGED
        }
        self.counts.looked_up += 1
        self.counts.public += public_check.STEP in marks
        self.counts.insecure += insecure.STEP in marks

    def _written(self, items: Sequence[dict[str, Any]], cursor: int) -> str | None:
        """Return what the first item writes at the cursor; None without one.

        An item that changes what is there already is shown, and wrong: its text is what nobody
        types.
        """
        if not items:
            return None
        item, document = items[0], self._editor.text
        start = self._editor.offset_of(item["range"]["start"])
        end = self._editor.offset_of(item["range"]["end"])
        text = str(item["insertText"])
        before, covered = document[start:cursor], document[cursor:end]
        fits = text.startswith(before) and text.endswith(covered)
        if not fits or len(before) + len(covered) > len(text):
            return "\0" + text
        return text[len(before) : len(text) - len(covered)]


def runs_of(keys: Sequence[Key]) -> list[list[Key]]:
    """Return the keys in runs that each go on where the one before ended."""
    runs: list[list[Key]] = []
    for key in keys:
        if key.is_jump or not runs:
            runs.append([])
        runs[-1].append(key)
    return runs


def _key_ends(keys: Sequence[Key]) -> list[int]:
    ends, at = [], 0
    for key in keys:
        at += len(key.text)
        ends.append(at)
    return ends


@dataclass(frozen=True)
class TypingTask:
    """One file to type into: its transcript, and what else is open in the editor."""

    file: SourceFile
    transcript: Transcript
    beside: tuple[SourceFile, ...] = ()


async def type_file(
    engine: BenchEngine, task: TypingTask, settings: dict[str, Any]
) -> TypingCounts:
    """Type a transcript into a server of its own, and return what it came to.

    Raises:
        ServerGoneError: the server ended on the way.
        EngineUnavailableError: it never answered from the model.
    """
    async with _server(engine) as client:
        editor = EditorSession(client, task.file.uri, task.transcript.text)
        beside = [each.snapshot() for each in reversed(task.beside)]
        await editor.begin(settings, task.file.workspace, beside)
        await _wait_for_engine(editor, task.transcript.keys[0].offset)
        return await Typist(editor).type(task.transcript.keys)


@contextlib.asynccontextmanager
async def _server(engine: BenchEngine) -> AsyncIterator[StdioClient]:
    client = await StdioClient.start(engine.server_command, engine.environment)
    try:
        yield client
    finally:
        await client.close()


async def _wait_for_engine(editor: EditorSession, offset: int) -> None:
    """Press a key and take it back until the model has been asked: it may have to be loaded."""
    for _ in range(_LOADING_TRIES):
        reply = await editor.press(offset, " ")
        editor.change(offset, offset + 1, "")
        if reply.source:
            return
        await asyncio.sleep(_LOADING_PAUSE_SECONDS)
    raise EngineUnavailableError("The engine did not answer; see codelsp doctor.")
