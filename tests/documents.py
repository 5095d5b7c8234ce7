"""Documents for tests, with the cursor marked in the text."""

from __future__ import annotations

from codelsp.document.snapshot import DocumentSnapshot

CURSOR = "<CURSOR>"


def at_cursor(
    marked: str, language_id: str = "python", uri: str = "file:///project/example.py"
) -> tuple[DocumentSnapshot, int]:
    """Return the document without its mark ``<CURSOR>``, and the offset at which the mark stood.

    Raises:
        ValueError: the text does not have exactly one mark.
    """
    if marked.count(CURSOR) != 1:
        raise ValueError(f"{marked.count(CURSOR)} marks {CURSOR} instead of one")
    offset = marked.index(CURSOR)
    text = marked.replace(CURSOR, "")
    return DocumentSnapshot.of(uri, language_id, 1, text), offset
