"""Rows that are windows over files: what ``codelsp corpus convert`` writes and a run reads.

Tokens of each file are kept once, one file after the other; a window is made when it is asked for.
With a stride of 10 tokens that is a twenty-fifth of what auto_coding wrote to disk, for the same
windows.  A row is the control token of the language, a piece of the file, and the end token where
the file ends.  Where the window cuts the file that last place is padding, which costs no loss: a
model must not learn to stop at places that only the stride has chosen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from codelsp.errors import TrainingError
from codelsp.training.rows import Rows, RowsDescription, order_of
from codelsp.training.streams import STREAM, StreamRows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

FORM = "windows"
"""What ``rules["form"]`` of a description says of rows of this kind."""
FRAME = 2
"""Ids of a row that are not the file's: the control token and the end."""


def n_windows(n_tokens: int, content: int, stride: int) -> int:
    """Return how many windows of ``content`` ids a file of ``n_tokens`` has, the last one whole."""
    return 1 if n_tokens <= content else -(-(n_tokens - content) // stride) + 1


class Windows:
    """The windows of one side of a converted folder, in an order drawn anew for each epoch."""

    def __init__(self, folder: Path, side: str, seed: int = 0) -> None:
        """Map the side into memory.

        Raises:
            TrainingError: it is missing or not whole.
        """
        self.description = RowsDescription.load(folder / f"{side}.json")
        rules = self.description.rules
        self._pad, self._end = int(str(rules["pad_id"])), int(str(rules["end_id"]))
        self._stride = int(str(rules["stride"]))
        self._content = self.description.row_length - FRAME
        self._seed = seed
        try:
            self._ids: NDArray[np.integer] = np.memmap(
                folder / f"{side}.ids", self.description.type, "r"
            )
            # (documents, 3): where its ids begin, how many there are, its control token
            self._documents: NDArray[np.int64] = np.fromfile(
                folder / f"{side}.documents", "<i8"
            ).reshape(-1, 3)
        except (OSError, ValueError) as error:
            raise TrainingError(f"{folder} is not whole ({error}); convert again") from error
        counts = [
            n_windows(int(n), self._content, self._stride) for n in self._documents[:, 1].tolist()
        ]
        self._last = np.cumsum(counts)  # (documents,): windows up to and with each
        n_ids = int(self._documents[:, 1].sum())
        if int(self._last[-1]) != len(self) or len(self._ids) != n_ids:
            raise TrainingError(f"{folder}: the {side} side is not whole; convert again")

    def __len__(self) -> int:
        return self.description.n_rows

    @property
    def n_targets(self) -> int:
        """What is learned from in one epoch, tokens: all but control tokens and padding."""
        whole = (len(self) - len(self._documents)) * self._content
        return whole + int(
            np.minimum(self._documents[:, 1], self._content).sum() + len(self._documents)
        )

    @property
    def context(self) -> int:
        """The number of tokens that a model reads at once."""
        return self.description.row_length - 1

    def batch(self, start: int, n: int) -> NDArray[np.int64]:
        """Return ``n`` windows from ``start`` on, over all epochs, ``(n, length)``."""
        numbers = []
        for position in range(start, start + n):
            epoch, place = divmod(position, len(self))
            numbers.append(int(order_of(len(self), self._seed, epoch)[place]))
        return self._rows(numbers)

    def first(self, n: int) -> NDArray[np.int64]:
        """Return ``n`` windows spread evenly over the files, always the same, ``(n, length)``."""
        numbers = np.linspace(0, len(self) - 1, min(n, len(self))).astype(np.int64)
        return self._rows(numbers.tolist())

    def segments(self) -> Iterator[list[int]]:
        """Yield every window as auto_coding writes it: an end token on each, no padding."""
        for number in range(len(self)):
            ids, _ = self._window(number)
            yield [*ids, self._end]

    def _rows(self, numbers: list[int]) -> NDArray[np.int64]:
        rows = np.full((len(numbers), self.description.row_length), self._pad, np.int64)
        for row, number in zip(rows, numbers, strict=True):
            ids, is_last = self._window(number)
            row[: len(ids)] = ids
            if is_last:
                row[len(ids)] = self._end
        return rows

    def _window(self, number: int) -> tuple[list[int], bool]:
        """Return the control token with the ids of a window, and whether the file ends there."""
        document = int(np.searchsorted(self._last, number, side="right"))
        begin, n, control = self._documents[document].tolist()
        before = int(self._last[document - 1]) if document else 0
        start = min((number - before) * self._stride, max(0, n - self._content))
        stop = min(n, start + self._content)
        return [control, *self._ids[begin + start : begin + stop].tolist()], stop == n


def open_rows(folder: Path, side: str, seed: int = 0) -> Rows | Windows | StreamRows:
    """Return the rows of one side of ``folder``, of whichever form they are.

    Raises:
        TrainingError: they are missing, damaged or not whole.
    """
    if (folder / STREAM).is_file():
        return StreamRows(folder, side, seed)
    form = RowsDescription.load(folder / f"{side}.json").rules.get("form")
    return Windows(folder, side, seed) if form == FORM else Rows(folder, side, seed)
