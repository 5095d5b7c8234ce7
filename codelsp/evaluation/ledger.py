"""``Ledger``: results, one line of JSON an item, written as they come.

A run that was interrupted goes on where it was; a line that was torn by a kill is left out and its
item is done again.  The first line says what was measured, and how; a run that would measure
something else in the same file is refused.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from codelsp.errors import EvaluationError

if TYPE_CHECKING:
    from pathlib import Path

Record = dict[str, Any]
_HEAD = "what"


@dataclass
class Ledger:
    """The results of one run over one list of items."""

    file: Path
    head: Record
    records: dict[str, Record] = field(default_factory=dict)
    """By the items' keys."""

    @classmethod
    def open(cls, file: Path, head: Record) -> Ledger:
        """Begin a ledger, or go on with one.

        Raises:
            EvaluationError: the file holds results of something else, or cannot be written.
        """
        ledger = cls(file, head)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            if file.exists() and file.stat().st_size:
                ledger._resume()
            else:
                ledger._append({_HEAD: head})
        except OSError as error:
            raise EvaluationError(f"{file} cannot be written: {error.strerror}.") from error
        return ledger

    def put(self, key: str, record: Record) -> None:
        """Keep the result of one item; it is on its way to the disk when this returns.

        Raises:
            EvaluationError: it cannot be written, because the disk is full, say.
        """
        try:
            self._append({"key": key, **record})
        except OSError as error:
            raise EvaluationError(
                f"{self.file} cannot be written: {error.strerror}. What was measured until now is"
                " kept; the same command goes on from there."
            ) from error
        self.records[key] = record

    def _resume(self) -> None:
        raw = self.file.read_bytes()
        whole = raw[: raw.rfind(b"\n") + 1]
        lines = whole.decode("utf-8").split("\n")
        head = _loaded(lines[0])
        if head is None or head.get(_HEAD) != self.head:
            raise EvaluationError(
                f"{self.file} holds results of another run ({_difference(head, self.head)});"
                " name another folder with --output, or delete the file."
            )
        for line in lines[1:]:
            record = _loaded(line)
            if record is not None:
                self.records[str(record.pop("key"))] = record
        if len(whole) < len(raw):
            with self.file.open("rb+") as stream:
                stream.truncate(len(whole))

    def _append(self, record: Record) -> None:
        line = json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n"
        with self.file.open("ab") as stream:
            stream.write(line.encode("utf-8", "backslashreplace"))
            stream.flush()
            if _HEAD in record:
                os.fsync(stream.fileno())


def read_ledger(file: Path) -> Ledger:
    """Return a ledger to look at.

    Raises:
        EvaluationError: there is none, or it is damaged.
    """
    try:
        head = _loaded(file.read_text(encoding="utf-8").partition("\n")[0])
    except OSError as error:
        raise EvaluationError(f"{file} cannot be read: {error.strerror}.") from error
    if head is None or _HEAD not in head:
        raise EvaluationError(f"{file} is no file of results.")
    return Ledger.open(file, head[_HEAD])


def _loaded(line: str) -> Record | None:
    try:
        loaded = json.loads(line)
    except json.JSONDecodeError:
        return None
    return loaded if isinstance(loaded, dict) else None


def _difference(head: Record | None, wanted: Record) -> str:
    there = (head or {}).get(_HEAD)
    if not isinstance(there, dict):
        return "it has no first line of ours"
    names = sorted(name for name in {*there, *wanted} if there.get(name) != wanted.get(name))
    return ", ".join(f"{name}: {there.get(name)!r}, not {wanted.get(name)!r}" for name in names[:3])
