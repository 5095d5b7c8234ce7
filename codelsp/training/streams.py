"""Rows from a data set that is read while a run trains, in bounded memory.

As Code-Clippy trained: documents of a data set, shuffled within a buffer, joined with end tokens
and cut into blocks (``run_clm_streaming_flax.py`` of https://github.com/CodedotAI/gpt-code-clippy).
A source is a folder, a git repository or an archive of source code; a file or a folder of JSON
lines, CSV, Parquet or text; or a data set of the Hugging Face Hub, by the library ``datasets``.

A stream is the same for the same seed, so a run that goes on reads it again up to its place: that
costs the time of tokenizing, and gives the very rows that would have come.  What is held out is
chosen by the text's own hash: a document, or a copy of it, is on one side wherever it stands.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np

from codelsp.errors import CorpusError, TrainingError
from codelsp.prompt.controls import control_token
from codelsp.training.filters import decoded, language_by_path
from codelsp.training.rows import RowsDescription
from codelsp.training.sources import files_of, git_directory, source_at
from codelsp.training.tokenizer import load_tokenizer, tokenizer_hash

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

STREAM = "stream.json"
_DATA_FILES = {
    ".jsonl": "json", ".json": "json", ".csv": "csv", ".parquet": "parquet", ".txt": "text",
    ".arrow": "arrow",
}  # fmt: skip
_COMPRESSED = (".gz", ".zst", ".bz2", ".xz")
_TEXTS_AT_ONCE = 64
_MAX_BUFFER_CHARS = 200_000_000
"""A shuffle buffer holds no more, however many documents that are."""
_HASH_PARTS = 2**32


@dataclass(frozen=True)
class StreamPlan:
    """What is streamed, and how; kept as ``stream.json``."""

    sources: tuple[str, ...]
    block_size: int = 2048
    """Tokens that the model reads at once."""
    shuffle_buffer: int = 10_000
    """Documents among which the next one is drawn."""
    validation_share: float = 0.05
    """Share of the documents that is held out."""
    split: str = "train"
    """Of a data set."""
    config: str = ""
    """Of a data set that has several."""
    text_column: str = "text"
    languages: tuple[str, ...] = ()
    """Of source code: LSP ids; none is all that have a control token."""
    max_documents: int = 0
    """Of an epoch; 0 is all."""
    end_token: str = ""
    pad_token: str = ""

    def check(self) -> None:
        """Refuse what gives no rows.

        Raises:
            CorpusError: a number is out of its range, or there is no source.
        """
        if not self.sources:
            raise CorpusError("no source was named: a folder, an archive, a file, or a data set")
        if self.block_size < 2 or self.shuffle_buffer < 1:  # noqa: PLR2004  one to read, one to say
            raise CorpusError("--block-size must be 2 or more, --shuffle-buffer 1 or more")
        if not 0 <= self.validation_share < 1:
            raise CorpusError("--validation-share is a share: 0 or more, and less than 1")

    @classmethod
    def load(cls, folder: Path) -> StreamPlan:
        """Read the plan of a folder.

        Raises:
            TrainingError: it is damaged.
        """
        try:
            facts = json.loads((folder / STREAM).read_text(encoding="utf-8"))
            facts["sources"], facts["languages"] = (
                tuple(facts["sources"]),
                tuple(facts["languages"]),
            )
            return cls(**facts)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise TrainingError(f"{folder / STREAM} is damaged: {error}") from error

    def save(self, folder: Path) -> None:
        """Write the plan into a folder."""
        (folder / STREAM).write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")


@dataclass(frozen=True)
class Text:
    """One document of a stream."""

    text: str
    control: str = ""
    """The control token of its language, where that is known."""

    @property
    def draw(self) -> float:
        """A number from 0 to 1 that goes with the text; the same for every copy of it."""
        digest = sha256(self.text.encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:4], "big") / _HASH_PARTS


class StreamRows:
    """The rows of one side of a stream, in the order in which they come."""

    def __init__(self, folder: Path, side: str, seed: int = 0) -> None:
        """Open a stream; nothing is read before the first batch.

        Raises:
            TrainingError: the folder is damaged.
        """
        self._plan, self._side, self._seed = StreamPlan.load(folder), side, seed
        self._tokenizer = load_tokenizer(folder / "tokenizer.json")
        end = self._tokenizer.token_to_id(self._plan.end_token)
        if end is None:
            raise TrainingError(f"{folder}: its tokenizer has no {self._plan.end_token!r}")
        self._end = int(end)
        self._rows: Iterator[list[int]] = iter(())
        self._position = -1
        self.description = RowsDescription(
            row_length=self._plan.block_size + 1,
            n_rows=0,
            tokenizer_hash=tokenizer_hash(self._tokenizer),
            n_characters=0,
            n_tokens=0,
            n_documents=0,
            kinds={},
            repositories=[],
            rules={},
            seed=seed,
        )

    @property
    def context(self) -> int:
        """The number of tokens that a model reads at once."""
        return self._plan.block_size

    def batch(self, start: int, n: int) -> NDArray[np.int64]:
        """Return ``n`` rows from ``start`` on, over all epochs, ``(n, length)``.

        Raises:
            CorpusError: a source is damaged or gone, or the stream has nothing.
        """
        if not 0 <= self._position <= start:
            self._rows, self._position = self._all_rows(), 0
        skipped = start - self._position
        rows = list(islice(self._rows, skipped, skipped + n))
        self._position = start + n
        return np.asarray(rows, np.int64)

    def first(self, n: int) -> NDArray[np.int64]:
        """Return at most ``n`` rows from the beginning, unshuffled, ``(n, length)``."""
        return np.asarray(list(islice(self._epoch(None), n)), np.int64).reshape(
            -1, self.description.row_length
        )

    def _all_rows(self) -> Iterator[list[int]]:
        epoch = 0
        while True:
            n = 0
            for row in self._epoch(epoch):
                n += 1
                yield row
            if n == 0:
                raise CorpusError(
                    f"the {self._side} side of the stream has less than one block of "
                    f"{self._plan.block_size} tokens: name more sources, or a smaller --block-size"
                )
            epoch += 1

    def _epoch(self, epoch: int | None) -> Iterator[list[int]]:
        texts = self._own_side()
        if epoch is not None:
            random = Random(f"{self._seed} {epoch}")  # noqa: S311  no secret
            texts = shuffled(texts, self._plan.shuffle_buffer, random)
        return blocks(self._encoded(texts), self.description.row_length)

    def _own_side(self) -> Iterator[Text]:
        plan, is_train = self._plan, self._side == "train"
        texts = texts_of(plan)
        for text in islice(texts, plan.max_documents) if plan.max_documents else texts:
            if (text.draw >= plan.validation_share) is is_train:
                yield text

    def _encoded(self, texts: Iterator[Text]) -> Iterator[list[int]]:
        tokenizer = self._tokenizer
        while batch := list(islice(texts, _TEXTS_AT_ONCE)):
            encoded = tokenizer.encode_batch_fast([t.text for t in batch], add_special_tokens=False)
            for text, encoding in zip(batch, encoded, strict=True):
                control = tokenizer.token_to_id(text.control) if text.control else None
                yield [*([] if control is None else [control]), *encoding.ids, self._end]


def shuffled(texts: Iterator[Text], size: int, random: Random) -> Iterator[Text]:
    """Yield ``texts``, each drawn from a buffer of ``size``, or of 200 million characters."""
    buffer: list[Text] = []
    n_chars = 0
    for text in texts:
        buffer.append(text)
        n_chars += len(text.text)
        while len(buffer) > size or (n_chars > _MAX_BUFFER_CHARS and len(buffer) > 1):
            drawn = _taken(buffer, random)
            n_chars -= len(drawn.text)
            yield drawn
    while buffer:
        yield _taken(buffer, random)


def _taken(buffer: list[Text], random: Random) -> Text:
    index = random.randrange(len(buffer))
    buffer[index], buffer[-1] = buffer[-1], buffer[index]
    return buffer.pop()


def blocks(documents: Iterator[list[int]], length: int) -> Iterator[list[int]]:
    """Yield the ids of all documents in pieces of ``length``; a rest at the end is left out."""
    held: list[int] = []
    for ids in documents:
        held += ids
        whole = len(held) - len(held) % length
        yield from (held[start : start + length] for start in range(0, whole, length))
        held = held[whole:]


def texts_of(plan: StreamPlan) -> Iterator[Text]:
    """Yield the documents of all sources, one after the other.

    Raises:
        CorpusError: a source cannot be read.
    """
    for source in plan.sources:
        path = Path(source).expanduser()
        data = data_files(path)
        if data is not None or not path.exists():
            yield from _of_data_set(plan, source, data)
        else:
            yield from _of_code(plan, source)


def data_files(path: Path) -> tuple[str, list[str]] | None:
    """Return the kind and the names of the data files at ``path``; None if they are none."""
    files = [path]
    if path.is_dir() and git_directory(path) is None:
        files = sorted(each for each in path.iterdir() if each.is_file())
    kinds = {kind for file in files if (kind := _kind_of(file.name))}
    wanted = [str(file) for file in files if _kind_of(file.name) in kinds]
    if len(kinds) != 1 or not path.exists() or (path.is_dir() and len(wanted) != len(files)):
        return None
    return kinds.pop(), wanted


def _kind_of(name: str) -> str | None:
    for end in _COMPRESSED:
        name = name.removesuffix(end)
    return _DATA_FILES.get(Path(name).suffix)


def _of_code(plan: StreamPlan, source: str) -> Iterator[Text]:
    with files_of(source_at(source)) as files:
        for file in files:
            language = language_by_path(file.path)
            control = control_token(language)
            if (language not in plan.languages) if plan.languages else not control:
                continue
            text = decoded(file.read())
            if text and text.strip():
                yield Text(text, control)


def _of_data_set(
    plan: StreamPlan, source: str, data: tuple[str, Sequence[str]] | None
) -> Iterator[Text]:
    for row in _rows_of(plan, source, data):
        if plan.text_column not in row:
            raise CorpusError(
                f"{source} has no column {plan.text_column!r}; its columns are "
                f"{', '.join(row)}: give --text-column"
            )
        text = row[plan.text_column]
        if isinstance(text, str) and text.strip():
            yield Text(text.replace("\r\n", "\n"))


def _rows_of(
    plan: StreamPlan, source: str, data: tuple[str, Sequence[str]] | None
) -> Iterator[dict[str, Any]]:
    try:
        from datasets import load_dataset
    except ImportError:
        raise CorpusError(
            f"{source} is no folder or archive here, and data sets need: pip install datasets"
        ) from None
    try:
        if data is not None:
            kind, files = data
            yield from load_dataset(kind, data_files=list(files), split="train", streaming=True)
        else:
            yield from load_dataset(source, plan.config or None, split=plan.split, streaming=True)
    except CorpusError:
        raise
    except Exception as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise CorpusError(
            f"{source} cannot be read as a data set ({reason}); check the name, the split and the "
            "network, or give a folder"
        ) from error
