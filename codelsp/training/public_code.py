"""An index of a corpus's runs of tokens, for the check that suggestions copy no public code.

Which runs are kept: of each window of neighboring ones the one with the smallest hash, so that any
copy longer than a window and a run shares one with the corpus, wherever it begins ("Winnowing",
Schleimer, Wilkerson and Aiken, SIGMOD 2003).  Runs of many repositories are idioms or licenses that
everybody has, and are left out.  Names, marks and text are hashed and forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from codelsp.errors import CorpusError, TrainingError
from codelsp.public_code.index import CHECK_BITS, MOST_SOURCES, Shape, Source, head_bytes
from codelsp.public_code.tokens import FACTOR, MIX_ONE, MIX_TWO, RUN_TOKENS, tokens_of
from codelsp.training.disk import room_for
from codelsp.training.manifest import documents_of, load_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from codelsp.training.documents import Document

    Hashes = NDArray[np.uint64]

WINDOW = 17
MOST_REPOSITORIES = 3
"""A run of more repositories is everybody's."""
_TRIES = 20
_FEW_RUNS = 1_000
_SPARE = 1.125
"""Cells for each run (Graf and Lemire 2022)."""


@dataclass(frozen=True)
class IndexReport:
    """What an index was made of."""

    n_documents: int
    n_tokens: int
    n_runs: int
    """In the index."""
    n_common: int
    """Left out, because more than ``MOST_REPOSITORIES`` repositories have them."""
    n_bytes: int


def index_corpus(
    corpus: Path, output: Path, told: Callable[[int, int], None] = lambda *_: None
) -> IndexReport:
    """Write an index of both sides of a corpus to ``output``, whole or not at all.

    Args:
        corpus: A folder that ``codelsp corpus build`` made.
        output: The file.
        told: Hears the documents read, and the tokens in them.

    Raises:
        CorpusError: the corpus is damaged, empty, or of more repositories than an index has room
            for.
        TrainingError: the disk is full.
    """
    manifest = load_manifest(corpus)
    shards = (*manifest.train_shards, *manifest.validation_shards)
    collected = _collect(documents_of(corpus, shards), told)
    runs, owners, n_common = _distinct(collected)
    shape, cells = build_cells(runs, owners)
    content = head_bytes(shape, collected.sources) + cells.astype("<u2").tobytes()
    with room_for("the index", output):
        output.parent.mkdir(parents=True, exist_ok=True)
        part = output.with_name(output.name + ".part")
        try:
            part.write_bytes(content)
            part.replace(output)
        finally:
            part.unlink(missing_ok=True)
    return IndexReport(collected.n_documents, collected.n_tokens, len(runs), n_common, len(content))


@dataclass(frozen=True)
class _Collected:
    """The kept runs of all documents, with the number of their repository."""

    runs: Hashes
    owners: NDArray[np.uint8]
    sources: tuple[Source, ...]
    n_documents: int
    n_tokens: int


def _collect(documents: Iterable[Document], told: Callable[[int, int], None]) -> _Collected:
    numbers: dict[str, int] = {}
    sources: list[Source] = []
    all_runs: list[Hashes] = []
    all_owners: list[NDArray[np.uint8]] = []
    n_documents = n_tokens = 0
    for document in documents:
        if document.repository not in numbers:
            if len(sources) == MOST_SOURCES:
                raise CorpusError(f"an index names {MOST_SOURCES} repositories at most")
            numbers[document.repository] = len(sources)
            sources.append(Source(document.repository, document.license))
        hashes = tokens_of(document.text).hashes
        kept = winnowed(np.array(hashes, np.uint64))
        all_runs.append(kept)
        all_owners.append(np.full(len(kept), numbers[document.repository], np.uint8))
        n_documents, n_tokens = n_documents + 1, n_tokens + len(hashes)
        told(n_documents, n_tokens)
    if not n_documents:
        raise CorpusError("the corpus is empty; there is nothing to index")
    return _Collected(
        np.concatenate(all_runs),
        np.concatenate(all_owners),
        tuple(sources),
        n_documents,
        n_tokens,
    )


def run_hashes(tokens: Hashes) -> Hashes:
    """Return the hash of each run of tokens, as ``public_code/tokens.py`` does; ``(n - 15,)``."""
    n_runs = len(tokens) - RUN_TOKENS + 1
    if n_runs <= 0:
        return np.empty(0, np.uint64)
    values: Hashes = np.zeros(n_runs, np.uint64)
    with np.errstate(over="ignore"):
        for place in range(RUN_TOKENS):
            values = values * np.uint64(FACTOR) + tokens[place : place + n_runs]
        values = (values ^ (values >> np.uint64(30))) * np.uint64(MIX_ONE)
        values = (values ^ (values >> np.uint64(27))) * np.uint64(MIX_TWO)
        values ^= values >> np.uint64(31)
    return values


def winnowed(tokens: Hashes, window: int = WINDOW) -> Hashes:
    """Return the hashes of the runs that stand for a document of these ``tokens``."""
    runs = run_hashes(tokens)
    if len(runs) <= window:
        return runs[[int(runs.argmin())]] if len(runs) else runs
    windows = np.lib.stride_tricks.sliding_window_view(runs, window)
    chosen = np.unique(windows.argmin(axis=1) + np.arange(len(windows)))
    kept: Hashes = runs[chosen]
    return kept


def _distinct(collected: _Collected) -> tuple[Hashes, NDArray[np.uint8], int]:
    """Return each kept run once, with its first repository, and how many were too common."""
    order = np.lexsort((collected.owners, collected.runs))
    runs, owners = collected.runs[order], collected.owners[order]
    is_new_run = np.ones(len(runs), bool)
    is_new_run[1:] = runs[1:] != runs[:-1]
    is_new_owner = is_new_run.copy()
    is_new_owner[1:] |= owners[1:] != owners[:-1]
    firsts = np.flatnonzero(is_new_run)
    n_owners = np.add.reduceat(is_new_owner.astype(np.int64), firsts)
    own = n_owners <= MOST_REPOSITORIES
    return runs[firsts[own]], owners[firsts[own]], int((~own).sum())


def build_cells(runs: Hashes, owners: NDArray[np.uint8]) -> tuple[Shape, NDArray[np.uint16]]:
    """Return cells that give each of ``runs`` its check bits and its owner.

    Raises:
        TrainingError: no seed of twenty does, which does not happen by chance.
    """
    n_runs = len(runs)
    length = 1 << max(4, min(18, int(np.log(max(2, n_runs)) / np.log(3.33) + 2.25)))
    # Small indexes need more room (the same paper, section 3).
    spare = max(_SPARE, 0.875 + 0.25 * np.log(1e6) / np.log(max(2, n_runs)))
    n_segments = max(1, -(-int(n_runs * spare) // length) - 2) + 2 * (n_runs < _FEW_RUNS)
    targets = (runs & np.uint64(0xFF)).astype(np.uint16) | (
        owners.astype(np.uint16) << np.uint16(CHECK_BITS)
    )
    for seed in range(1, _TRIES + 1):
        shape = Shape(seed, length, n_segments, WINDOW, n_runs)
        places = _places(runs, shape)
        order = _peeled(places, shape.n_cells)
        if order is not None:
            return shape, _filled(places, order, targets, shape.n_cells)
    raise TrainingError("the index could not be built: are the same runs in it twice?")


def _places(runs: Hashes, shape: Shape) -> NDArray[np.int64]:
    """Return the cells of each run, ``(runs, 3)``; see ``public_code/index.py``."""
    factor, mask = np.uint64(0xD6E8FEB86659FD93), np.uint64(shape.segment_length - 1)
    with np.errstate(over="ignore"):
        value = (runs >> np.uint64(8)) * factor + np.uint64(shape.seed)
        value ^= value >> np.uint64(32)
        value *= factor
        value ^= value >> np.uint64(29)
        base = (((value >> np.uint64(40)) * np.uint64(shape.n_segments)) >> np.uint64(24)) * (
            np.uint64(shape.segment_length)
        )
    step = np.uint64(shape.segment_length)
    cells = [
        base + (value & mask),
        base + step + ((value >> np.uint64(13)) & mask),
        base + step + step + ((value >> np.uint64(26)) & mask),
    ]
    return np.stack(cells, axis=1).astype(np.int64)


_Round = tuple["NDArray[np.int64]", "NDArray[np.int64]"]


def _peeled(places: NDArray[np.int64], n_cells: int) -> list[_Round] | None:
    """Return rounds of (runs, the cell that each has for itself by then); None if some are left."""
    n_in = np.bincount(places.ravel(), minlength=n_cells)
    # The numbers of the runs in a cell, summed: of a cell with one run it is that run.
    sums = np.zeros(n_cells, np.int64)
    numbers = np.arange(len(places))
    for column in range(3):
        np.add.at(sums, places[:, column], numbers)
    rounds: list[_Round] = []
    n_left = len(places)
    alone = np.flatnonzero(n_in == 1)
    while len(alone):
        runs, first = np.unique(sums[alone], return_index=True)
        rounds.append((runs, alone[first]))
        n_left -= len(runs)
        touched = places[runs]
        for column in range(3):
            np.subtract.at(n_in, touched[:, column], 1)
            np.subtract.at(sums, touched[:, column], runs)
        near = np.unique(touched)
        alone = near[n_in[near] == 1]
    return rounds if n_left == 0 else None


def _filled(
    places: NDArray[np.int64],
    rounds: list[_Round],
    targets: NDArray[np.uint16],
    n_cells: int,
) -> NDArray[np.uint16]:
    cells = np.zeros(n_cells, np.uint16)
    for runs, own in reversed(rounds):
        own_places = places[runs]
        others = np.bitwise_xor.reduce(cells[own_places], axis=1)  # its own cell is still 0
        cells[own] = targets[runs] ^ others
    return cells
