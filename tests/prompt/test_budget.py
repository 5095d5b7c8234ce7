"""What is left out of a prompt that is too long: never too little, whole lines, in big steps."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from codelsp.prompt.budget import Kept, clip
from codelsp.prompt.prompt import Piece, SpecialPiece, TextPiece

QWEN = [SpecialPiece("<|fim_prefix|>"), SpecialPiece("<|fim_suffix|>")]
MIDDLE = SpecialPiece("<|fim_middle|>")
SEPARATOR = SpecialPiece("<|file_sep|>")


def prompt_of(
    prefix: list[int],
    suffix: list[int],
    *,
    header: int = 0,
    neighbors: list[tuple[int, float]] = [],  # noqa: B006  # never changed
) -> tuple[list[Piece], list[int]]:
    """Return the pieces of an SPM prompt whose parts have these lengths, and the lengths."""
    parts: list[tuple[Piece, int]] = []
    for length, score in neighbors:
        parts += [(SEPARATOR, 1), (TextPiece("neighbor", "n", score), length)]
    parts += [(piece, 1) for piece in QWEN]
    parts += [(TextPiece("suffix", "s"), length) for length in suffix]
    parts.append((MIDDLE, 1))
    parts += [(TextPiece("header", "h"), header)] if header else []
    parts += [(TextPiece("prefix", "p"), length) for length in prefix]
    return [piece for piece, _ in parts], [length for _, length in parts]


def kept_of(role: str, pieces: list[Piece], kept: list[Kept]) -> list[Kept]:
    return [
        each
        for each in kept
        if isinstance(piece := pieces[each.piece], TextPiece) and piece.role == role
    ]


LENGTHS = st.lists(st.integers(1, 300), max_size=20)


@given(
    prefix=LENGTHS,
    suffix=LENGTHS,
    header=st.integers(0, 300),
    neighbors=st.lists(st.tuples(st.integers(1, 200), st.floats(0, 1)), max_size=5),
    rooms=st.tuples(st.integers(0, 2000), st.integers(0, 500)),
)
def test_the_room_is_never_exceeded_and_the_cursor_never_lost(
    prefix: list[int],
    suffix: list[int],
    header: int,
    neighbors: list[tuple[int, float]],
    rooms: tuple[int, int],
) -> None:
    room, neighbor_room = rooms
    pieces, lengths = prompt_of(prefix, suffix, header=header, neighbors=neighbors)

    kept = clip(pieces, lengths, room, neighbor_room)

    assert sum(each.end - each.start for each in kept) <= room
    assert sum(e.end - e.start for e in kept_of("neighbor", pieces, kept)) <= neighbor_room
    assert [each.piece for each in kept] == sorted({each.piece for each in kept})
    assert all(0 <= each.start < each.end <= lengths[each.piece] for each in kept)
    if prefix and room >= 16:
        last = kept_of("prefix", pieces, kept)[-1]
        assert last.end == lengths[last.piece]
        assert last.piece == len(pieces) - 1


def test_a_prompt_that_fits_is_left_alone() -> None:
    pieces, lengths = prompt_of([100, 100], [50, 50], header=30, neighbors=[(40, 0.5)])

    kept = clip(pieces, lengths, 512, 256)

    assert kept == [Kept(i, 0, length) for i, length in enumerate(lengths)]


def test_neighbors_go_first_and_the_least_like_before_the_others() -> None:
    pieces, lengths = prompt_of([200], [100], neighbors=[(60, 0.2), (60, 0.9), (60, 0.4)])

    kept = clip(pieces, lengths, 430, 256)

    assert [lengths[e.piece] for e in kept_of("suffix", pieces, kept)] == [100]
    assert [pieces[e.piece] for e in kept_of("neighbor", pieces, kept)] == [
        TextPiece("neighbor", "n", 0.9)
    ]


def test_a_neighbor_takes_its_separator_along() -> None:
    pieces, lengths = prompt_of([10], [10], neighbors=[(60, 0.2)])

    kept = clip(pieces, lengths, 512, 0)

    assert all(pieces[each.piece] != SEPARATOR for each in kept)


def test_the_far_end_of_the_suffix_goes_before_the_prefix() -> None:
    pieces, lengths = prompt_of([100] * 3, [50] * 8)

    kept = clip(pieces, lengths, 500, 0)

    assert len(kept_of("prefix", pieces, kept)) == 3
    assert [each.piece for each in kept_of("suffix", pieces, kept)] == [2, 3, 4]


def test_the_cursors_line_is_kept_longer_than_all_above_it() -> None:
    pieces, lengths = prompt_of(prefix=[50] * 20, suffix=[50] * 20)
    pieces, lengths = [*pieces, TextPiece("line", "l")], [*lengths, 12]

    for room in range(len(QWEN) + 1 + 40, 2000, 37):
        kept = clip(pieces, lengths, room, neighbor_room=0)

        assert sum(each.end - each.start for each in kept) <= room
        assert kept_of("line", pieces, kept) == [Kept(len(pieces) - 1, 0, 12)]


def test_a_short_prefix_leaves_its_room_to_the_suffix() -> None:
    pieces, lengths = prompt_of([10], [50] * 8)

    kept = clip(pieces, lengths, 403, 0)

    assert len(kept_of("suffix", pieces, kept)) >= 6


def test_typing_cuts_the_prefix_rarely_and_deeply() -> None:
    """Sixty tokens a block, typed one token at a time: the beginning moves four times in 1,000."""
    starts = []
    for n_tokens in range(600, 1600):
        blocks = [60] * (n_tokens // 60) + ([n_tokens % 60] if n_tokens % 60 else [])
        pieces, lengths = prompt_of(blocks, [50] * 4)
        starts.append(kept_of("prefix", pieces, clip(pieces, lengths, 700, 0))[0].piece)

    moves = sum(before != after for before, after in pairwise(starts))
    assert starts == sorted(starts)
    assert 2 <= moves <= 5


def test_typing_leaves_the_suffix_alone_for_an_eighth_of_the_room() -> None:
    kept_suffixes = []
    for n_tokens in range(300, 700):
        pieces, lengths = prompt_of([100] * 3 + [n_tokens - 300 or 1], [20] * 30)
        kept = clip(pieces, lengths, 640, 0)
        kept_suffixes.append(len(kept_of("suffix", pieces, kept)))

    changes = sum(a != b for a, b in pairwise(kept_suffixes))
    assert changes <= 5


def test_one_endless_line_is_cut_inside_at_steady_places() -> None:
    starts = set()
    for length in range(5000, 5100):
        pieces, lengths = prompt_of([length], [10])
        (kept,) = kept_of("prefix", pieces, clip(pieces, lengths, 512, 0))
        starts.add(kept.start)

    assert len(starts) <= 2


def test_a_header_that_would_fill_the_prompt_is_left_out() -> None:
    pieces, lengths = prompt_of([300], [100], header=200)

    assert not kept_of("header", pieces, clip(pieces, lengths, 512, 0))
