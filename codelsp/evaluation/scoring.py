"""How near a text is to the one that stood there; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codelsp.evaluation.holes import HoleKind, closing

if TYPE_CHECKING:
    from codelsp.document.syntax import SyntaxTree
    from codelsp.evaluation.holes import Hole
    from codelsp.reply import Insertion


def cut_to_kind(text: str, kind: HoleKind) -> str:
    """Return what of a model's text is its answer to a hole of ``kind``.

    A line ends where the line does, arguments where their bracket closes; of a block everything
    counts until the model ends it.
    """
    if kind is HoleKind.BLOCK:
        return text.rstrip()
    if kind is HoleKind.ARGUMENTS:
        end = closing(text, 0, len(text))
        if end is not None:
            return text[:end].strip()
    return first_line(text)


def first_line(text: str) -> str:
    """Return the first line of ``text`` that is not blank, without white space at its end."""
    return text.lstrip("\r\n").partition("\n")[0].rstrip()


def is_exact(text: str, hole: Hole) -> bool:
    """Whether ``text`` is what stood in ``hole``, but for white space at line ends.

    At a line's start the model may write the indentation that the editor has written already.
    """
    return without_line_ends(text.lstrip()) == without_line_ends(hole.middle.lstrip())


def is_first_line_exact(text: str, hole: Hole) -> bool:
    """Whether the first line of ``text`` is the first that stood in ``hole``."""
    return first_line(text).strip() == first_line(hole.middle).strip()


def edit_similarity(text: str, truth: str) -> float:
    """Return 1 - Levenshtein distance / the longer length: 1 is the same, 0 has nothing of it."""
    from rapidfuzz.distance import Levenshtein

    return float(Levenshtein.normalized_similarity(text.strip(), truth.strip()))


def parses(tree: SyntaxTree | None, start: int, end: int, text: str) -> bool:
    """Whether the document of ``tree`` is without an error once ``text`` stands there."""
    filled = None if tree is None else tree.with_edit(start, end, text)
    return filled is not None and filled.error_count(0, len(filled.document.text)) == 0


def inserted_text(insertion: Insertion, document: str, cursor: int) -> str | None:
    """Return what an insertion writes at the cursor; None if it changes what stands around it."""
    before, covered = document[insertion.start : cursor], document[cursor : insertion.end]
    text = insertion.text
    if not text.startswith(before) or not text.endswith(covered):
        return None
    if len(before) + len(covered) > len(text):
        return None
    return text[len(before) : len(text) - len(covered)]


def matched_length(text: str, truth: str) -> int:
    """Return how many characters of ``text`` are those of ``truth``, from the first on."""
    length = 0
    for one, other in zip(text, truth, strict=False):
        if one != other:
            break
        length += 1
    return length


def is_right(text: str, truth: str) -> bool:
    """Whether accepting ``text`` leaves nothing to take back: ``truth`` begins with it.

    White space at its end does not count against it.
    """
    kept = text.rstrip()
    return bool(kept.strip()) and truth.startswith(kept)


def without_line_ends(text: str) -> str:
    """Return ``text`` without white space at its end, or at the end of any line."""
    return "\n".join(line.rstrip() for line in text.rstrip().split("\n"))


def overlaps(text: str, suffix: str) -> bool:
    """Whether ``text`` goes on into what stands after it already: its last line is the next one."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    following = next((line.strip() for line in suffix.split("\n") if line.strip()), "")
    return bool(lines) and len(following) > 1 and lines[-1] == following


def repeats(text: str) -> bool:
    """Whether ``text`` says one of its lines three times or more, or ends saying one twice."""
    lines = [line.strip() for line in text.split("\n") if len(line.strip()) > 1]
    often = any(lines.count(line) > 2 for line in set(lines))  # noqa: PLR2004  # once more is code
    return often or (len(lines) > 1 and lines[-1] == lines[-2])
