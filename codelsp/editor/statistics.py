"""How many insertions were offered and what became of them, by language, in one local file.

No text, no names of files, no times.  The file is JSON, for the user to read or delete; a disk
that fails costs the counts and nothing else.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codelsp.directories import data_dir
from codelsp.pipeline.answer import Outcome

if TYPE_CHECKING:
    from codelsp.editor.lifecycle import Json
    from codelsp.pipeline.answer import InsertionEvent

logger = logging.getLogger(__name__)

_SAVE_EVERY_EVENTS = 20
_LOCK_SECONDS = 0.1


@dataclass
class Counts:
    """What became of the insertions in one language."""

    offered: int = 0
    """Sent to the editor; each counts once, however much of it was typed along."""
    shown: int = 0
    """Drawn, as far as editors tell."""
    accepted: int = 0
    partially_accepted: int = 0
    chars: int = 0
    """Code points that were accepted, as far as editors tell."""

    def add(self, other: Counts) -> None:
        """Count what ``other`` has counted."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


def default_path() -> Path:
    """Return where the statistics are kept: the user's data folder."""
    return data_dir() / "statistics.json"


class Statistics:
    """Counts events, and adds them to the file now and then; several servers share the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fresh: dict[str, Counts] = {}
        self._n_fresh = 0
        self._has_failed = False

    def offer(self, language_id: str) -> None:
        """Count one insertion that was sent to the editor."""
        self._fresh.setdefault(language_id, Counts()).offered += 1
        self._note()

    def count(self, event: InsertionEvent) -> None:
        """Count one event."""
        counts = self._fresh.setdefault(event.language_id, Counts())
        counts.shown += event.outcome is Outcome.SHOWN
        counts.accepted += event.outcome is Outcome.ACCEPTED
        counts.partially_accepted += event.outcome is Outcome.PARTIALLY_ACCEPTED
        counts.chars += event.length_chars
        self._note()

    def _note(self) -> None:
        self._n_fresh += 1
        if self._n_fresh >= _SAVE_EVERY_EVENTS:
            self.save()

    def save(self) -> None:
        """Add to the file what was counted since the last time."""
        if not self._fresh:
            return
        from filelock import FileLock

        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Another window may be adding its own counts just now; ours can wait.
            with FileLock(f"{self.path}.lock", timeout=_LOCK_SECONDS):
                self._write(self._totals())
        except OSError as error:
            if not self._has_failed:
                logger.warning("statistics are not kept: %s", error)
            self._has_failed = True
            return
        self._fresh.clear()
        self._n_fresh = 0

    def reset(self) -> None:
        """Forget everything, on disk as well."""
        self._fresh.clear()
        self._n_fresh = 0
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            logger.warning("the statistics could not be deleted: %s", error)

    def as_json(self) -> Json:
        """Return the counts by language, with what is not written yet, and where the file is."""
        languages = {name: asdict(counts) for name, counts in sorted(self._totals().items())}
        return {"languages": languages, "path": str(self.path)}

    def _totals(self) -> dict[str, Counts]:
        totals = self._read()
        for language_id, counts in self._fresh.items():
            totals.setdefault(language_id, Counts()).add(counts)
        return totals

    def _read(self) -> dict[str, Counts]:
        try:
            stored: Any = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        languages = stored.get("languages") if isinstance(stored, dict) else None
        entries = languages.items() if isinstance(languages, dict) else ()
        return {name: _counts(entry) for name, entry in entries if isinstance(entry, dict)}

    def _write(self, totals: dict[str, Counts]) -> None:
        """Replace the file whole, so that a reader never sees half of it."""
        content = {"languages": {name: asdict(counts) for name, counts in sorted(totals.items())}}
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=self.path.name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(content, file, indent=1)
            Path(name).replace(self.path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise


def _counts(entry: dict[str, Any]) -> Counts:
    known = {field.name: entry.get(field.name) for field in fields(Counts)}
    return Counts(**{name: value for name, value in known.items() if isinstance(value, int)})
