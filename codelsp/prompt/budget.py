"""The token budget: what is left out of a prompt that is too long, and in which order.

Least important first: neighbors, then the far end of the suffix, then the far end of the prefix.
What is left out changes in big steps, because every change makes an engine read the prompt again
from there on: the room set aside for the prefix grows in eighths, and when the prefix outgrows
its room, half of that goes at once.

Architecture invariant: pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from codelsp.prompt.prompt import SpecialPiece, TextPiece

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codelsp.prompt.prompt import Piece

_STEPS = 8
"""The room set aside for the prefix grows in this many steps."""
_SUFFIX_PART = 4
"""The suffix gets one fourth of the room, if it needs as much; more, if the prefix is short."""
_HEADER_PART = 4
"""A header of more than one fourth of the room is left out."""
_SMALL_PART = 8
"""The name of the repository, or a path, of more than one eighth of the room is left out."""


@dataclass(frozen=True)
class PromptBudget:
    """How many tokens there are; none below 0."""

    context_tokens: int
    """What the model can hold: the prompt and what it generates."""
    max_tokens: int
    """What is kept free for the generation; at most half of the above is."""
    neighbor_tokens: int
    """Most tokens of excerpts of other documents."""


@dataclass(frozen=True)
class Kept:
    """What stays of one piece: its tokens from ``start`` to ``end``."""

    piece: int
    """Its index in the plan."""
    start: int
    end: int


@dataclass(frozen=True)
class _Group:
    """Pieces that are kept or left out together: special tokens, and the text they introduce."""

    role: str
    pieces: tuple[int, ...]
    n_tokens: int
    score: float


def clip(
    pieces: Sequence[Piece], lengths: Sequence[int], room: int, neighbor_room: int
) -> list[Kept]:
    """Return what of ``pieces`` is kept, in their order.

    Args:
        pieces: The plan's.
        lengths: Tokens of each piece; 1 for a special token.
        room: Most tokens of all that is kept; never exceeded.
        neighbor_room: Most tokens of all neighbors.
    """
    groups = _groups(pieces, lengths)
    kept: list[Kept] = []

    def keep(chosen: Sequence[_Group]) -> int:
        kept.extend(Kept(i, 0, lengths[i]) for group in chosen for i in group.pieces)
        return sum(group.n_tokens for group in chosen)

    always = [group for group in groups if group.role in ("", "glue", "language")]
    room -= keep(_fitting(always, room))
    room -= keep(_fitting(_of(groups, "path"), room // _SMALL_PART))
    room -= keep(_fitting(_of(groups, "repository"), room // _SMALL_PART))
    room -= keep(_fitting(_of(groups, "header"), room // _HEADER_PART))
    prefix = [*_lengths(groups, "prefix", lengths), *_lengths(groups, "line", lengths)]
    suffix = _lengths(groups, "suffix", lengths)
    prefix_room = _prefix_room(_sum(prefix), _sum(suffix), room)
    fits = _sum(prefix) + _sum(suffix) <= room
    kept_suffix = suffix if fits else _clip_end(suffix, room - prefix_room)
    kept_prefix = prefix if fits else _clip_start(prefix, room - _sum(kept_suffix))
    left = room - max(prefix_room, _sum(kept_prefix)) - _sum(kept_suffix)
    keep(_fitting(_best(groups), min(neighbor_room, left)))
    return sorted([*kept, *kept_suffix, *kept_prefix], key=lambda each: each.piece)


def _groups(pieces: Sequence[Piece], lengths: Sequence[int]) -> list[_Group]:
    """Return the pieces in groups; a header's special tokens stand before its text."""
    groups: list[_Group] = []
    pending: list[int] = []
    for index, piece in enumerate(pieces):
        pending.append(index)
        following = pieces[index + 1] if index + 1 < len(pieces) else None
        if isinstance(piece, SpecialPiece) and _is_headed(following):
            continue
        role, score = ("", 0.0) if isinstance(piece, SpecialPiece) else (piece.role, piece.score)
        groups.append(_Group(role, tuple(pending), sum(lengths[i] for i in pending), score))
        pending = []
    return groups


def _is_headed(piece: Piece | None) -> bool:
    return isinstance(piece, TextPiece) and piece.role in ("repository", "neighbor", "path")


def _of(groups: Sequence[_Group], role: str) -> list[_Group]:
    return [group for group in groups if group.role == role]


def _best(groups: Sequence[_Group]) -> list[_Group]:
    return sorted(_of(groups, "neighbor"), key=lambda group: -group.score)


def _fitting(groups: Sequence[_Group], room: int) -> list[_Group]:
    """Return those groups that fit, the earlier ones first."""
    chosen = []
    for group in groups:
        if group.n_tokens <= room:
            chosen.append(group)
            room -= group.n_tokens
    return chosen


def _lengths(groups: Sequence[_Group], role: str, lengths: Sequence[int]) -> list[Kept]:
    return [Kept(i, 0, lengths[i]) for group in _of(groups, role) for i in group.pieces]


def _sum(kept: Sequence[Kept]) -> int:
    return sum(each.end - each.start for each in kept)


def _prefix_room(prefix: int, suffix: int, room: int) -> int:
    """Return what is set aside for the prefix: its length in steps, some left to the suffix."""
    step = max(room // _STEPS, 1)
    in_steps = -(-prefix // step) * step
    return max(min(in_steps, room - min(suffix, room // _SUFFIX_PART)), 0)


def _clip_end(blocks: Sequence[Kept], room: int) -> list[Kept]:
    """Return the first blocks that fit; of a first one that does not, what fits."""
    chosen: list[Kept] = []
    for block in blocks:
        if _sum(chosen) + block.end > room:
            break
        chosen.append(block)
    if not chosen and blocks and room > 0:
        chosen.append(Kept(blocks[0].piece, 0, room))
    return chosen


def _clip_start(blocks: Sequence[Kept], room: int) -> list[Kept]:
    """Return the last blocks, with so much cut off that some typing fits before the next cut."""
    total = _sum(blocks)
    if total <= room or room <= 0:
        return list(blocks) if room > 0 else []
    half = max(room // 2, 1)
    cut = -(-(total - room) // half) * half
    start = 0
    for index, block in enumerate(blocks):
        if start >= cut and total - start >= half // 2:
            return list(blocks[index:])
        if start + block.end > cut and total - start - block.end < half // 2:
            # No line ends near the cut: the window begins inside this block.
            return [Kept(block.piece, max(cut - start, 0), block.end), *blocks[index + 1 :]]
        start += block.end
    return []
