"""One document open in one server process, edited and asked about as an editor does it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from codelsp.document.languages import language_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codelsp.document.snapshot import DocumentSnapshot
    from codelsp.evaluation.stdio_client import StdioClient

AUTOMATIC = 2
"""``InlineCompletionTriggerKind.Automatic`` of the protocol."""


_INLINE_COMPLETION = "textDocument/inlineCompletion"


@dataclass(frozen=True)
class Reply:
    """The answer to one keystroke; ``elapsed_ms`` runs from before the change was sent."""

    offset: int
    elapsed_ms: float
    items: tuple[dict[str, Any], ...]
    trace: dict[str, Any] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """What gave the answer: ``cache``, ``kept generation``, ``attached``, ``model``."""
        return str(self.trace.get("source", ""))

    def fact(self, name: str) -> Any:  # facts are of any kind
        """Return a fact of the trace, or None."""
        return self.trace.get("facts", {}).get(name)

    def stages_ms(self, *names: str) -> float:
        """Return the time spent in these stages together."""
        stages: dict[str, float] = self.trace.get("stages_ms", {})
        return sum(stages.get(name, 0.0) for name in names)


class EditorSession:
    """A document that is typed into; places are offsets in code points (UTF-32 is agreed)."""

    def __init__(self, client: StdioClient, uri: str, text: str) -> None:
        self.client = client
        self.text = text
        self._uri = uri
        self._version = 1

    async def begin(
        self,
        settings: dict[str, Any],
        root: str | None = None,
        beside: Sequence[DocumentSnapshot] = (),
    ) -> None:
        """Do what an editor does before the first key: initialize, initialized, didOpen.

        Args:
            settings: The editor's.
            root: URI of the workspace folder.
            beside: Other documents that are open already, the least recent first.
        """
        await self.client.request("initialize", initialize_params(settings, root))
        self.client.notify("initialized", {})
        for document in beside:
            self._open(document.uri, document.text)
        self._open(self._uri, self.text)

    def _open(self, uri: str, text: str) -> None:
        opened = {"uri": uri, "languageId": language_of("", uri).id, "version": 1, "text": text}
        self.client.notify("textDocument/didOpen", {"textDocument": opened})

    def change(self, start: int, end: int, text: str) -> None:
        """Replace ``start``..``end`` by ``text``, and tell the server."""
        self.client.notify("textDocument/didChange", self._changed(start, end, text))

    async def ask(self, offset: int) -> tuple[dict[str, Any], ...]:
        """Return the inline completions at ``offset``."""
        return _items(await self.client.request(_INLINE_COMPLETION, self._asked(offset)))

    def rest(self, offset: int) -> None:
        """Tell the server that the cursor was moved to ``offset``."""
        document = {"uri": self._uri}
        place = {"textDocument": document, "position": self._position(offset)}
        self.client.notify("textDocument/didFocus", place)

    async def accepted(self, item: dict[str, Any]) -> None:
        """Tell the server that an item was taken, as an editor does that has inserted it."""
        if "command" in item:
            await self.client.request("workspace/executeCommand", item["command"])

    async def press(self, offset: int, text: str) -> Reply:
        """Type ``text`` at ``offset`` and wait for the answer after it."""
        # What an editor knows already, where its cursor is, is no part of the time.
        changed = self._changed(offset, offset, text)
        offset += len(text)
        asked = self._asked(offset)
        told = [("textDocument/didChange", changed)]
        result, elapsed_ms = await self.client.timed(told, (_INLINE_COMPLETION, asked))
        return Reply(offset, elapsed_ms, _items(result), await self._explained())

    def _changed(self, start: int, end: int, text: str) -> dict[str, Any]:
        """Replace ``start``..``end`` by ``text`` here, and return what tells the server so."""
        span = {"start": self._position(start), "end": self._position(end)}
        self._version += 1
        self.text = self.text[:start] + text + self.text[end:]
        return {
            "textDocument": {"uri": self._uri, "version": self._version},
            "contentChanges": [{"range": span, "text": text}],
        }

    def _asked(self, offset: int) -> dict[str, Any]:
        return {
            "textDocument": {"uri": self._uri},
            "position": self._position(offset),
            "context": {"triggerKind": AUTOMATIC},
        }

    async def _explained(self) -> dict[str, Any]:
        command = {"command": "codelsp.explainLast", "arguments": []}
        explained = await self.client.request("workspace/executeCommand", command)
        trace: dict[str, Any] = explained["trace"]
        return trace

    def ghost_text(self, reply: Reply) -> str:
        """Return what stands behind the cursor as ghost text; empty without a completion."""
        if not reply.items:
            return ""
        item = reply.items[0]
        start = item["range"]["start"]
        behind = self._position(reply.offset)["character"] - start["character"]
        return str(item["insertText"])[behind:]

    def offset_of(self, position: dict[str, int]) -> int:
        """Return the offset of a position in the document as it is."""
        start = 0
        for _ in range(position["line"]):
            start = self.text.index("\n", start) + 1
        return start + position["character"]

    def _position(self, offset: int) -> dict[str, int]:
        line_start = self.text.rfind("\n", 0, offset) + 1
        return {"line": self.text.count("\n", 0, offset), "character": offset - line_start}


def _items(result: Any) -> tuple[dict[str, Any], ...]:
    """Return the items of an answer; none where it was superseded."""
    return tuple(result["items"] if isinstance(result, dict) else result or ())


def initialize_params(settings: dict[str, Any], root: str | None = None) -> dict[str, Any]:
    """Return the parameters of ``initialize`` of an editor that draws inline completions."""
    return {
        "processId": None,
        "rootUri": root,
        "clientInfo": {"name": "codelsp bench"},
        "capabilities": {
            "general": {"positionEncodings": ["utf-32"]},
            "textDocument": {"inlineCompletion": {}},
        },
        "initializationOptions": settings,
    }
