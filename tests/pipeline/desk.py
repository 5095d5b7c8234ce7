"""A session without an editor: documents with a cursor, a scripted engine, and a completer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from codelsp.context.completion_context import CompletionQuery, SelectedCompletion, Trigger
from codelsp.document.edit import TextChange
from codelsp.document.position import PositionEncoding, position_at
from codelsp.document.snapshot import DocumentSnapshot
from codelsp.document.store import DocumentStore
from codelsp.engine.scripted import ScriptedEngine
from codelsp.pipeline.completer import Completer
from codelsp.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from codelsp.pipeline.answer import Answer, InsertionEvent, Status

URI = "file:///project/example.py"


@dataclass
class Desk:
    """What a test types on; the cursor is where the last edit ended."""

    engine: ScriptedEngine
    completer: Completer
    store: DocumentStore
    uri: str = URI
    offset: int = 0
    statuses: list[Status] = field(default_factory=list)
    events: list[InsertionEvent] = field(default_factory=list)

    @classmethod
    def with_document(
        cls,
        marked: str,
        answers: Any = ("",),
        *,
        uri: str = URI,
        language_id: str = "python",
        **settings: Any,
    ) -> Desk:
        """Open ``marked``, a text with ``<CURSOR>``, over an engine that says ``answers``."""
        store = DocumentStore()
        engine = answers if isinstance(answers, ScriptedEngine) else ScriptedEngine(answers)
        # What tells our own models, in SPM order, from others with the same spellings.
        tokens = {**engine.info.special_tokens, "<|reserved_0|>": 7}
        engine.info = replace(engine.info, special_tokens=tokens)
        chosen = replace(Settings(threshold=0.0, speculate=False, recall=False), **settings)
        completer = Completer(store, lambda _settings: engine, chosen)
        desk = cls(engine, completer, store, uri)
        completer.on_status = desk.statuses.append
        completer.on_event = desk.events.append
        offset = marked.index("<CURSOR>")
        text = marked.replace("<CURSOR>", "")
        store.open(DocumentSnapshot.of(uri, language_id, 1, text))
        desk.offset = offset
        return desk

    def rest(self) -> None:
        """The cursor was moved, and stays where it is."""
        self.completer.cursor_rests(CompletionQuery(self.document, self.offset))

    @property
    def document(self) -> DocumentSnapshot:
        """The newest snapshot."""
        return self.store.get(self.uri)

    def type(self, text: str, *, auto_closed: str = "") -> None:
        """Insert ``text`` at the cursor, and ``auto_closed`` behind it, as an editor would."""
        self.edit(self.offset, self.offset, text + auto_closed)
        self.offset += len(text)

    def backspace(self) -> None:
        """Delete the character before the cursor."""
        self.edit(self.offset - 1, self.offset, "")
        self.offset -= 1

    def edit(self, start: int, end: int, text: str) -> None:
        """Replace ``start``..``end`` and tell the completer; the cursor stays."""
        document = self.document
        places = [position_at(document, offset, PositionEncoding.UTF32) for offset in (start, end)]
        change = TextChange(places[0], places[1], text)
        changed = self.store.change(
            self.uri, [change], document.version + 1, PositionEncoding.UTF32
        )
        assert changed is not None
        self.completer.document_changed(changed)

    def query(
        self,
        trigger: Trigger = Trigger.AUTOMATIC,
        selected: SelectedCompletion | None = None,
    ) -> CompletionQuery:
        """Return the question at the cursor."""
        return CompletionQuery(self.document, self.offset, trigger, selected)

    async def ask(
        self,
        trigger: Trigger = Trigger.AUTOMATIC,
        selected: SelectedCompletion | None = None,
    ) -> Answer:
        """Ask at the cursor and wait for the answer; the loop turns before the next message."""
        answer = await self.completer.complete(self.query(trigger, selected))
        await asyncio.sleep(0)
        return answer

    def start(self, trigger: Trigger = Trigger.AUTOMATIC) -> asyncio.Task[Answer]:
        """Ask at the cursor without waiting."""
        return asyncio.create_task(self.completer.complete(self.query(trigger)))

    def accept(self, answer: Answer) -> str:
        """Take the first insertion; returns the document's text after it."""
        insertion = answer.insertions[0]
        assert answer.document is self.document
        self.edit(insertion.start, insertion.end, insertion.text)
        self.offset = insertion.start + len(insertion.text)
        return self.document.text

    def shown(self, answer: Answer) -> str:
        """Return the text of the first insertion."""
        return answer.insertions[0].text


async def until(condition: Callable[[], object], seconds: float = 2.0) -> None:
    """Wait until ``condition`` holds.

    Raises:
        AssertionError: it does not within ``seconds``.
    """
    for _ in range(int(seconds / 0.005)):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("the condition did not come true in time")
