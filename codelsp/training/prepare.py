"""``codelsp train prepare``: a corpus to rows of token ids that a training run maps into memory.

The rows of one side of the split lie in ``<side>.ids`` (little-endian, 16 bits an id, 32 for large
vocabularies), with ``<side>.json`` beside them: row length, number of rows, tokenizer and rules.
They are written in the order of the corpus; a run draws its own order.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from itertools import islice
from random import Random
from typing import TYPE_CHECKING
from zlib import crc32

from codelsp.errors import CorpusError, TrainingError
from codelsp.training.disk import room_for
from codelsp.training.examples import ExampleRules, examples_of
from codelsp.training.manifest import documents_of, load_manifest
from codelsp.training.middles import MiddleShares
from codelsp.training.packing import ExampleEncoder, packed_rows
from codelsp.training.rows import RowsDescription
from codelsp.training.tokenizer import (
    PAD_TOKEN,
    load_tokenizer,
    special_ids,
    tokenizer_hash,
    trained_layout,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from codelsp.prompt.layout import FimLayout
    from codelsp.training.documents import Document
    from codelsp.training.split import Side

_GROUP = 48
"""Documents that are made into examples together; they quote from each other."""
_AHEAD = 4
"""Groups in work for each process; more would only fill memory."""
_MAX_SHORT_IDS = 2**16


@dataclass(frozen=True)
class PreparePlan:
    """What to prepare."""

    corpus: Path
    tokenizer: Path
    output: Path
    side: Side
    context: int
    """Tokens in a row; one more is kept, the last target."""
    rules: ExampleRules
    seed: int = 0
    part: tuple[float, float] = (0.0, 1.0)
    """Which part of the corpus's documents; parts that do not overlap share no document."""
    max_tokens: int | None = None
    workers: int = 1
    languages: frozenset[str] | None = None
    """Of the documents that are taken; None takes them all."""


def prepare(
    plan: PreparePlan, told: Callable[[int, int], None] = lambda *_: None
) -> RowsDescription:
    """Write the rows of ``plan``; ``told(documents, tokens)`` hears about progress.

    Raises:
        TrainingError: the side has no document, or the disk is full.
        CorpusError: the corpus is damaged or its split leaks.
    """
    with room_for("the rows", plan.output):
        return _prepared(plan, told)


def _prepared(plan: PreparePlan, told: Callable[[int, int], None]) -> RowsDescription:
    manifest = load_manifest(plan.corpus)
    tokenizer = load_tokenizer(plan.tokenizer)
    id_bytes = 2 if tokenizer.get_vocab_size() <= _MAX_SHORT_IDS else 4
    special = special_ids(tokenizer)
    shards = manifest.train_shards if plan.side == "train" else manifest.validation_shards
    own = manifest.train_repositories if plan.side == "train" else manifest.validation_repositories
    documents = _drawn(_of_side(documents_of(plan.corpus, shards), plan.side, set(own)), plan)
    counts: Counter[str] = Counter()
    encoded = _encoded(documents, plan, counts, told)
    plan.output.mkdir(parents=True, exist_ok=True)
    part = plan.output / f"{plan.side}.ids.part"
    try:
        n_rows = _write_rows(encoded, plan, part, special[PAD_TOKEN], id_bytes)
        if n_rows == 0:
            raise TrainingError(f"the {plan.side} side of {plan.corpus} has no such document")
        part.replace(plan.output / f"{plan.side}.ids")
    finally:
        part.unlink(missing_ok=True)
    description = RowsDescription(
        row_length=plan.context + 1,
        n_rows=n_rows,
        tokenizer_hash=tokenizer_hash(tokenizer),
        n_characters=counts.pop("characters"),
        n_tokens=counts.pop("tokens"),
        n_documents=counts.pop("documents"),
        kinds=dict(counts),
        repositories=list(own),
        rules=asdict(plan.rules),
        seed=plan.seed,
        id_bytes=id_bytes,
    )
    description.save(plan.output / f"{plan.side}.json")
    return description


def _write_rows(
    encoded: Iterator[list[int]], plan: PreparePlan, file: Path, pad: int, id_bytes: int
) -> int:
    """Write packed rows to ``file`` and return how many there are."""
    n_rows = 0
    with file.open("wb") as stream:
        for row in packed_rows(encoded, plan.context + 1, pad):
            stream.write(row.astype(f"<u{id_bytes}").tobytes())
            n_rows += 1
            if plan.max_tokens is not None and n_rows * plan.context >= plan.max_tokens:
                break
    return n_rows


def _of_side(documents: Iterator[Document], side: Side, own: set[str]) -> Iterator[Document]:
    """Yield ``documents``, and refuse one whose repository is not on its side of the split."""
    for document in documents:
        if document.repository not in own:
            raise CorpusError(
                f"the split leaks: {document.repository} is in the {side} shards and is no "
                f"repository of the {side} side; build the corpus again"
            )
        yield document


def of_languages(
    documents: Iterator[Document], languages: frozenset[str] | None
) -> Iterator[Document]:
    """Yield the documents in one of ``languages``; None takes them all."""
    return (each for each in documents if languages is None or each.language in languages)


def _drawn(documents: Iterator[Document], plan: PreparePlan) -> Iterator[Document]:
    """Yield the documents of the plan's part and languages: a draw by name, whatever the seed."""
    low, high = plan.part
    for document in of_languages(documents, plan.languages):
        name = f"{document.repository}/{document.path}".encode("utf-8", "surrogatepass")
        if low <= crc32(name) / 2**32 < high:
            yield document


def _groups(documents: Iterator[Document]) -> Iterator[list[Document]]:
    """Yield runs of documents of one repository."""
    group: list[Document] = []
    for document in documents:
        if group and (len(group) == _GROUP or document.repository != group[0].repository):
            yield group
            group = []
        group.append(document)
    if group:
        yield group


def _encoded(
    documents: Iterator[Document],
    plan: PreparePlan,
    counts: Counter[str],
    told: Callable[[int, int], None],
) -> Iterator[list[int]]:
    """Yield the ids of all examples, made by as many processes as the plan allows."""
    jobs = ((group, plan, number) for number, group in enumerate(_groups(documents)))
    results = _mapped(jobs, plan.workers)
    for examples, group_counts in results:
        counts.update(group_counts)
        told(counts["documents"], counts["tokens"])
        yield from examples


_Job = tuple["list[Document]", PreparePlan, int]
_Result = tuple[list[list[int]], "Counter[str]"]


def _mapped(jobs: Iterator[_Job], workers: int) -> Iterator[_Result]:
    """Map ``_encode_group`` over ``jobs`` in order, with a bounded number in work."""
    if workers <= 1:
        yield from map(_encode_group, jobs)
        return
    with ProcessPoolExecutor(workers, initializer=_quiet_tokenizers) as pool:
        running = [pool.submit(_encode_group, job) for job in islice(jobs, workers * _AHEAD)]
        while running:
            yield running.pop(0).result()
            running += [pool.submit(_encode_group, job) for job in islice(jobs, 1)]


def _quiet_tokenizers() -> None:
    os.environ["TOKENIZERS_PARALLELISM"] = "false"


@lru_cache(maxsize=2)
def _encoder(tokenizer: Path, context: int) -> tuple[ExampleEncoder, FimLayout]:
    loaded = load_tokenizer(tokenizer)
    return ExampleEncoder(loaded, special_ids(loaded), context + 1), trained_layout(loaded)


def _encode_group(job: _Job) -> _Result:
    group, plan, number = job
    random = Random(f"{plan.seed} {number}")  # noqa: S311  no secret
    counts: Counter[str] = Counter()
    encoder, layout = _encoder(plan.tokenizer, plan.context)
    examples = []
    for document in group:
        others = [other for other in group if other is not document]
        made = list(examples_of(document, others, plan.rules, random, layout))
        counts.update(example.kind for example in made)
        counts["documents"] += 1
        counts["characters"] += len(document.text)
        examples += made
    ids = encoder.encode(examples)
    counts["tokens"] += sum(map(len, ids))
    return ids, counts


def read_description(folder: Path, side: str) -> RowsDescription:
    """Read what ``prepare`` said of its rows."""
    return RowsDescription.load(folder / f"{side}.json")


def rules_from(file: Path | None, context: int) -> ExampleRules:
    """Return the usual rules for this context length, with the changes of a JSON file.

    Raises:
        TrainingError: the file cannot be read, or names a rule that there is not.
    """
    usual = ExampleRules(window=int(context * 3.5))
    if file is None:
        return usual
    try:
        changes = json.loads(file.read_text(encoding="utf-8"))
        if "middles" in changes:
            changes["middles"] = MiddleShares(**changes["middles"])
        return replace(usual, **changes)
    except (OSError, ValueError, TypeError) as error:
        raise TrainingError(f"the example rules {file} cannot be read: {error}") from error
