"""``FILE:LINE:COLUMN`` to a snapshot and an offset; lines and columns as editors show them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from codelsp.errors import DocumentError, PositionOutOfRangeError

if TYPE_CHECKING:
    from codelsp.document.snapshot import DocumentSnapshot

_PLACE = re.compile(r"(?P<file>.+?)(?::(?P<line>\d+))?(?::(?P<column>\d+))?")


def parse_place(text: str) -> tuple[Path, int | None, int | None]:
    """Return file, line and column of ``text``, the latter two counted from 1.

    Without a column the end of the line is meant, without a line the end of the file.
    """
    match = _PLACE.fullmatch(text)
    if match is None:
        raise DocumentError("A place is FILE:LINE:COLUMN, as in src/app.py:12:9.")
    line, column = match["line"], match["column"]
    return Path(match["file"]), int(line) if line else None, int(column) if column else None


def read_document(path: Path) -> DocumentSnapshot:
    """Return the file at ``path`` as a snapshot, its line ends untouched.

    Raises:
        DocumentError: it cannot be read, or is no text in UTF-8.
    """
    from codelsp.document.languages import language_of
    from codelsp.document.snapshot import DocumentSnapshot

    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DocumentError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise DocumentError(f"{path} is no text in UTF-8 (byte {error.start}).") from error
    uri = path.absolute().as_uri()
    return DocumentSnapshot.of(uri, language_of("", uri).id, 1, text)


def offset_of(document: DocumentSnapshot, line: int | None, column: int | None) -> int:
    """Return the offset of ``line`` and ``column``; a column past the line's end means its end.

    Raises:
        PositionOutOfRangeError: no such line, or a line or column of 0.
    """
    if line is None:
        return len(document.text)
    if not 1 <= line <= document.n_lines:
        raise PositionOutOfRangeError(
            f"There is no line {line}: the file has {document.n_lines} lines."
        )
    if column == 0:
        raise PositionOutOfRangeError("Columns are counted from 1.")
    end = document.line_end(line - 1)
    return end if column is None else min(document.line_start(line - 1) + column - 1, end)
