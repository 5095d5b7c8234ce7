"""Rows of token ids, mapped into memory, and the order in which a run reads them.

Rows of tasks are *masked*: a token that is read but not learned, of a prompt, stands as ``~id``, a
negative number, so that a row stays one array through batches, processes and devices.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from codelsp.errors import TrainingError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


@dataclass(frozen=True)
class RowsDescription:
    """What is known of a file of rows; kept beside it as JSON."""

    row_length: int
    """Ids in a row: the context and one more."""
    n_rows: int
    tokenizer_hash: str
    n_characters: int
    """Of the documents the rows were made from."""
    n_tokens: int
    """Without padding."""
    n_documents: int
    kinds: dict[str, int]
    """Examples, by the kind of their middle."""
    repositories: list[str]
    rules: dict[str, object]
    seed: int
    id_bytes: int = 2
    """Bytes of an id: 2, or 4 for vocabularies of more than 65,536 tokens and for masked rows."""
    is_masked: bool = False
    """Whether tokens that are read but not learned stand as ``~id``."""

    @property
    def type(self) -> str:
        """The type of an id in the file, as numpy spells it."""
        return f"<{'i' if self.is_masked else 'u'}{self.id_bytes}"

    def save(self, file: Path) -> None:
        """Write it to ``file``."""
        part = file.with_suffix(".part")
        part.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")
        part.replace(file)

    @classmethod
    def load(cls, file: Path) -> RowsDescription:
        """Read it from ``file``.

        Raises:
            TrainingError: it is missing or damaged.
        """
        try:
            return cls(**json.loads(file.read_text(encoding="utf-8")))
        except OSError:
            raise TrainingError(
                f"{file} is missing; make the rows with codelsp train prepare"
            ) from None
        except (ValueError, TypeError) as error:
            raise TrainingError(f"{file} is damaged: {error}") from error


class Rows:
    """The rows of one side of a prepared corpus, in an order drawn anew for each epoch."""

    def __init__(self, folder: Path, side: str, seed: int = 0) -> None:
        self.description = RowsDescription.load(folder / f"{side}.json")
        self._file = folder / f"{side}.ids"
        self._seed = seed
        shape = (self.description.n_rows, self.description.row_length)
        expected = shape[0] * shape[1] * self.description.id_bytes
        if not self._file.is_file() or self._file.stat().st_size != expected:
            raise TrainingError(
                f"{self._file} is missing or not whole; run codelsp train prepare again"
            )
        self._rows: NDArray[np.integer] = np.memmap(
            self._file, self.description.type, "r", shape=shape
        )

    def __len__(self) -> int:
        return self.description.n_rows

    @property
    def context(self) -> int:
        """The number of tokens that a model reads at once."""
        return self.description.row_length - 1

    def batch(self, start: int, n: int) -> NDArray[np.int64]:
        """Return ``n`` rows from ``start`` on, over all epochs, ``(n, length)``."""
        numbers = []
        for position in range(start, start + n):
            epoch, place = divmod(position, len(self))
            numbers.append(order_of(len(self), self._seed, epoch)[place])
        return np.asarray(self._rows[np.array(numbers)], np.int64)

    def first(self, n: int) -> NDArray[np.int64]:
        """Return ``n`` rows spread evenly over the file, always the same, ``(n, length)``."""
        numbers = np.linspace(0, len(self) - 1, min(n, len(self))).astype(np.int64)
        return np.asarray(self._rows[numbers], np.int64)


@lru_cache(maxsize=4)
def order_of(n: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Return the order of one epoch, ``(n,)``."""
    return np.random.default_rng([seed, epoch]).permutation(n)
