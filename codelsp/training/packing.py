"""Examples to rows of a fixed length: tokens, best fit, no example cut in two.

Text is encoded piece by piece with special tokens off, as serving does.  Rows need no masks
between examples (nanochat measured no gain); what stays empty at a row's end is padding, which
costs no loss.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from codelsp.prompt.prompt import SpecialPiece

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray
    from tokenizers import Tokenizer

    from codelsp.training.examples import Example

    Row = NDArray[np.uint32]

_CLIPPED_ROLES = ("header", "prefix", "suffix")
_BUFFER = 400
_MIN_PREFIX = 16


class ExampleEncoder:
    """Turns examples into token ids."""

    def __init__(self, tokenizer: Tokenizer, special: dict[str, int], max_tokens: int) -> None:
        self._tokenizer, self._special, self._max = tokenizer, special, max_tokens

    def encode(self, examples: list[Example]) -> list[list[int]]:
        """Return the ids of ``examples``, clipped to the row; those that cannot be are left out."""
        texts = [
            piece.text
            for example in examples
            for piece in example.pieces
            if not isinstance(piece, SpecialPiece)
        ]
        encodings = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        encoded = iter(encodings)
        rows = []
        for example in examples:
            roles, pieces = [], []
            for piece in example.pieces:
                if isinstance(piece, SpecialPiece):
                    roles.append("special")
                    pieces.append([self._special[piece.token]])
                else:
                    roles.append(piece.role)
                    pieces.append(next(encoded).ids)
            self._drop_neighbors(roles, pieces)
            if self._clip(roles, pieces):
                rows.append([number for piece_ids in pieces for number in piece_ids])
        return rows

    def _drop_neighbors(self, roles: list[str], pieces: list[list[int]]) -> None:
        """Take excerpts of other files out, each with its special token, until the rest fits."""
        while sum(map(len, pieces)) > self._max and "neighbor" in roles:
            index = roles.index("neighbor")
            del roles[index - 1 : index + 1], pieces[index - 1 : index + 1]

    def _clip(self, roles: list[str], pieces: list[list[int]]) -> bool:
        """Shorten pieces until the example fits: far ends first, as serving does."""
        excess = sum(map(len, pieces)) - self._max
        for wanted in _CLIPPED_ROLES:
            for index, role in enumerate(roles):
                if role != wanted or excess <= 0:
                    continue
                keep = _MIN_PREFIX if role == "prefix" else 0
                n = min(excess, max(0, len(pieces[index]) - keep))
                # A suffix loses its end; everything else its beginning.
                pieces[index] = pieces[index][:-n] if role == "suffix" else pieces[index][n:]
                excess -= n
        return excess <= 0


def packed_rows(examples: Iterable[list[int]], length: int, pad: int) -> Iterator[Row]:
    """Yield rows of ``length`` ids, each filled from a buffer with the longest that still fit."""
    buffer: list[list[int]] = []
    for example in examples:
        buffer.append(example)
        if len(buffer) >= _BUFFER:
            yield _row(buffer, length, pad)
    while buffer:
        yield _row(buffer, length, pad)


def _row(buffer: list[list[int]], length: int, pad: int) -> Row:
    """Take the oldest example, and then the longest that fit, out of ``buffer``."""
    row = np.full(length, pad, dtype=np.uint32)
    used = 0
    index: int | None = 0
    while index is not None:
        example = buffer.pop(index)
        row[used : used + len(example)] = example
        used += len(example)
        fitting = [i for i, other in enumerate(buffer) if used + len(other) <= length]
        index = max(fitting, key=lambda i: len(buffer[i]), default=None)
    return row
