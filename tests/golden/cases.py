"""Golden cases: a document with a cursor, what a model wrote there, and what comes of it.

A case is one TOML file.  ``expected`` is the document as it would be after accepting, the text
between ``⟦`` and ``⟧``; ``dropped_by`` is the step that drops it.  Exactly one of them stands.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from codelsp.candidates.candidate import Candidate
from codelsp.candidates.clean import clean
from codelsp.candidates.stream_cut import StreamCut
from codelsp.context.completion_context import CompletionQuery, Trigger
from codelsp.context.gather import ContextPolicy, gather_context
from codelsp.document.syntax import parse
from codelsp.engine.port import FinishReason
from tests.candidates.contexts import accepted, dropped_by
from tests.documents import at_cursor

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found,unused-ignore]  # only Python 3.10

if TYPE_CHECKING:
    from codelsp.context.completion_context import CompletionContext

FOLDER = Path(__file__).parent / "cases"
_TOKEN_CHARS = 4


@dataclass(frozen=True)
class GoldenCase:
    """One case, as its file says it."""

    path: Path
    language: str
    document: str
    generation: str
    expected: str | None
    dropped_by: str | None
    multiline: str = "auto"
    """The user's setting."""
    trigger: str = "automatic"
    finish: str = "end"
    """How the generation ended: ``end`` or ``length``."""
    tab_size: int | None = None
    insert_spaces: bool | None = None

    @classmethod
    def read(cls, path: Path) -> GoldenCase:
        """Return the case in the file ``path``."""
        values = tomllib.loads(path.read_text("utf-8"))
        values.setdefault("expected", None)
        values.setdefault("dropped_by", None)
        return cls(path=path, **values)

    def context(self) -> CompletionContext:
        """Return what the candidate is judged against."""
        document, offset = at_cursor(self.document, self.language, "file:///project/example")
        query = CompletionQuery(
            document,
            offset,
            Trigger(self.trigger),
            tab_size=self.tab_size,
            insert_spaces=self.insert_spaces,
        )
        policy = ContextPolicy(8000, 4000, 0, self.multiline, use_neighbors=False)
        return gather_context(query, parse(document), (), policy)

    def outcome(self, *, is_streamed: bool = True) -> tuple[str, str]:
        """Return ``expected`` or ``dropped_by``, and its value, as the rooms have it today."""
        context = self.context()
        text, finish = self.generation, FinishReason(self.finish)
        if is_streamed:
            kept = kept_length(StreamCut(context), text)
            text, finish = (text, finish) if kept is None else (text[:kept], FinishReason.CUT)
        generated = Candidate(text, context.offset, context.offset, (-0.2,) * 6, finish)
        candidate = clean(generated, context)
        step = dropped_by(candidate)
        return ("expected", accepted(candidate, context)) if step is None else ("dropped_by", step)

    def write(self, key: str, value: str) -> None:
        """Write the case's file with ``value`` as what is expected."""
        lines = [f"language = {_quoted(self.language)}"]
        for name in ("multiline", "trigger", "finish", "tab_size", "insert_spaces"):
            chosen = getattr(self, name)
            if chosen != getattr(type(self), name):
                lines.append(f"{name} = {_quoted(chosen)}")
        lines.append(f"document = {_quoted(self.document)}")
        lines.append(f"generation = {_quoted(self.generation)}")
        lines.append(f"{key} = {_quoted(value)}")
        self.path.write_text("\n".join(lines) + "\n", "utf-8", newline="\n")


def kept_length(cut: StreamCut, text: str) -> int | None:
    """Return what ``cut`` says while ``text`` comes in tokens."""
    for end in range(_TOKEN_CHARS, len(text) + _TOKEN_CHARS, _TOKEN_CHARS):
        kept = cut.kept_length(text[:end])
        if kept is not None:
            return kept
    return None


def all_cases() -> list[GoldenCase]:
    """Return every case, by name."""
    return [GoldenCase.read(path) for path in sorted(FOLDER.glob("*.toml"))]


def _quoted(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    text = str(value)
    is_plain = all(character.isprintable() or character == "\n" for character in text)
    if "\n" not in text and is_plain and "'" not in text:
        return f"'{text}'"
    if is_plain and "'''" not in text and not text.endswith("'"):
        return f"'''\n{text}'''"
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    shown = "".join(
        {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(each)
        or (each if each.isprintable() else f"\\u{ord(each):04x}")
        for each in escaped
    )
    return f'"{shown}"'
