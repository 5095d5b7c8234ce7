"""``codelsp corpus build``: sources in, a training and a validation corpus with provenance out.

Three passes, none of which holds the texts in memory:

1. every source by itself is filtered, cleaned and signed (``staging``), in parallel, resumably;
2. signatures and digests of all sources together say which documents are copies (``duplicates``);
3. what is left is capped per repository, split by repository and written in shards.
"""

from __future__ import annotations

import gzip
import json
import shutil
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np

from codelsp.errors import CorpusError
from codelsp.training.disk import room_for
from codelsp.training.documents import Document, ShardWriter, read_shard
from codelsp.training.duplicates import candidate_pairs, near_duplicates, shingles_of
from codelsp.training.manifest import MANIFEST, CorpusManifest
from codelsp.training.split import check_split, hashed_name, side_of
from codelsp.training.staging import SourceReport, StagingRules, stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from codelsp.training.duplicates import Shingles
    from codelsp.training.sources import Source

    Told = Callable[[str, int, int], None]
    """Hears the step's name, how much of it is done, and how much there is."""

_STAGED_SHARD = "documents-0000.jsonl.gz"


@dataclass(frozen=True)
class CorpusPlan:
    """What to build."""

    sources: tuple[Source, ...]
    output: Path
    rules: StagingRules
    max_repository_bytes: int = 10_000_000
    validation_share: float = 0.04
    reserved: frozenset[str] = frozenset()
    """SHA-256 of the names of repositories that must stay out."""
    workers: int = 1


def build_corpus(plan: CorpusPlan, told: Told = lambda *_: None) -> CorpusManifest:
    """Build the corpus of ``plan``; ``told(step, done, total)`` hears about progress.

    Raises:
        CorpusError: two sources have one name, or nothing is left after filtering.
        TrainingError: the disk is full; sources that are finished are not read again.
    """
    with room_for("the corpus", plan.output):
        return _built(plan, told)


def _built(plan: CorpusPlan, told: Told) -> CorpusManifest:
    sources = _without_reserved(plan)
    plan.output.mkdir(parents=True, exist_ok=True)
    reports = _stage_all(plan, sources, told)
    staged = [_Staged.of(plan.output, report) for report in reports if report.n_documents]
    manifest = CorpusManifest(sources=[_source_entry(report) for report in reports])
    left_out: Counter[str] = Counter()
    for report in reports:
        left_out.update(report.left_out)
        manifest.n_redacted += report.n_redacted
    dropped = _find_copies(staged, left_out, told)
    left_out["over the repository's cap"] = _write(plan, staged, dropped, manifest, told)
    manifest.left_out = dict(left_out.most_common())
    if not manifest.train_shards:
        raise CorpusError(
            "the corpus is empty: nothing passed licenses, languages and filters. "
            + _reasons(reports, left_out)
        )
    check_split(manifest.train_repositories, manifest.validation_repositories)
    manifest.save(plan.output)
    return manifest


def _without_reserved(plan: CorpusPlan) -> list[Source]:
    names = Counter(source.name.lower() for source in plan.sources)
    twice = [name for name, n in names.items() if n > 1]
    if twice:
        raise CorpusError(f"two sources are called {twice[0]}; give one another name: NAME=PATH")
    kept = [source for source in plan.sources if hashed_name(source.name) not in plan.reserved]
    return sorted(kept, key=lambda source: source.name.lower())


def stage_share(plan: CorpusPlan, number: int, n_shares: int) -> Iterator[SourceReport]:
    """Do the first pass over every ``n_shares``-th source from ``number`` on, and only that.

    Raises:
        CorpusError: two sources have one name.
    """
    for source in _without_reserved(plan)[number::n_shares]:
        yield stage(source, _folder_of(plan.output, source.name), plan.rules)


def _folder_of(output: Path, name: str) -> Path:
    slug = "".join(c if c.isalnum() or c in "-." else "+" for c in name)
    return output / "staged" / f"{slug}.{sha256(name.encode()).hexdigest()[:6]}"


def _stage_all(plan: CorpusPlan, sources: list[Source], told: Told) -> list[SourceReport]:
    folders = [_folder_of(plan.output, source.name) for source in sources]
    if plan.workers <= 1:
        reports = []
        for n, (source, folder) in enumerate(zip(sources, folders, strict=True), 1):
            reports.append(stage(source, folder, plan.rules))
            told("reading sources", n, len(sources))
        return reports
    with ProcessPoolExecutor(plan.workers) as pool:
        jobs = [
            pool.submit(stage, source, folder, plan.rules)
            for source, folder in zip(sources, folders, strict=True)
        ]
        for n, _ in enumerate(as_completed(jobs), 1):
            told("reading sources", n, len(sources))
        return [job.result() for job in jobs]


@dataclass(frozen=True)
class _Staged:
    """A source that passed the first pass with something left."""

    report: SourceReport
    folder: Path

    @classmethod
    def of(cls, output: Path, report: SourceReport) -> _Staged:
        return cls(report, _folder_of(output, report.name))

    def documents(self) -> Iterator[Document]:
        return read_shard(self.folder / _STAGED_SHARD)


def _find_copies(staged: list[_Staged], left_out: Counter[str], told: Told) -> set[int]:
    """Return the numbers of the documents, counted over all sources, that repeat earlier ones."""
    if not staged:
        return set()
    matrix = np.concatenate([np.load(source.folder / "signatures.npy") for source in staged])
    pairs = list(candidate_pairs(matrix))
    wanted = {number for pair in pairs for number in pair}
    seen: set[bytes] = set()
    exact: set[int] = set()
    shingles: dict[int, Shingles] = {}
    number = 0
    for n, source in enumerate(staged, 1):
        for document in source.documents():
            digest = bytes.fromhex(document.digest)
            if digest in seen:
                exact.add(number)
            seen.add(digest)
            if number in wanted and number not in exact:
                shingles[number] = shingles_of(document.text)
            number += 1
        told("comparing documents", n, len(staged))
    left = [pair for pair in pairs if not exact.intersection(pair)]
    near = near_duplicates(left, shingles.__getitem__)
    left_out["an exact copy"] += len(exact)
    left_out["nearly a copy"] += len(near)
    return exact | near


class _Output:
    """The shards, the provenance and the counts of a corpus while it is written."""

    def __init__(self, plan: CorpusPlan, manifest: CorpusManifest, opened: ExitStack) -> None:
        self._manifest = manifest
        path = plan.output / "provenance.jsonl.gz"
        self._provenance = opened.enter_context(
            gzip.open(path, "wt", encoding="utf-8")  # noqa: SIM115  the stack closes it
        )
        self._writers = {
            side: opened.enter_context(ShardWriter(plan.output, side))
            for side in ("train", "validation")
        }

    def add(self, document: Document, commit: str, side: str) -> None:
        self._writers[side].add(document)
        _count(self._manifest, document)
        self._provenance.write(_provenance(document, commit, side) + "\n")

    def name_shards(self) -> None:
        self._manifest.train_shards = [path.name for path in self._writers["train"].paths]
        self._manifest.validation_shards = [path.name for path in self._writers["validation"].paths]


def _write(
    plan: CorpusPlan, staged: list[_Staged], dropped: set[int], manifest: CorpusManifest, told: Told
) -> int:
    """Write what stays; return how many documents were over their repository's cap."""
    # Old shards are about to be replaced one by one: the old manifest would put some of the new
    # repositories on the wrong side.
    (plan.output / MANIFEST).unlink(missing_ok=True)
    start = n_over = 0
    repositories = {"train": manifest.train_repositories}
    repositories["validation"] = manifest.validation_repositories
    with ExitStack() as opened:
        output = _Output(plan, manifest, opened)
        for n, source in enumerate(staged, 1):
            kept = _within_cap(source, start, dropped, plan.max_repository_bytes)
            n_over += kept.n_over
            side = side_of(source.report.name, plan.validation_share)
            if kept.numbers:
                repositories[side].append(source.report.name)
            for number, document in enumerate(source.documents(), start):
                if number in kept.numbers:
                    output.add(document, source.report.commit, side)
            start += source.report.n_documents
            told("writing shards", n, len(staged))
        output.name_shards()
    return n_over


@dataclass(frozen=True)
class _Kept:
    numbers: set[int]
    n_over: int


def _within_cap(source: _Staged, start: int, dropped: set[int], cap: int) -> _Kept:
    """Choose documents of a source, in an order drawn by path, until the cap is reached."""
    sizes = []
    for number, document in enumerate(source.documents(), start):
        if number not in dropped:
            draw = sha256(document.path.encode("utf-8", "surrogatepass")).digest()
            sizes.append((draw, number, len(document.text)))
    chosen: set[int] = set()
    total = 0
    for _, number, size in sorted(sizes):
        if total + size <= cap:
            chosen.add(number)
            total += size
    return _Kept(chosen, len(sizes) - len(chosen))


def _count(manifest: CorpusManifest, document: Document) -> None:
    for counts, key, n in (
        (manifest.documents, document.language, 1),
        (manifest.characters, document.language, len(document.text)),
        (manifest.repository_characters, document.repository, len(document.text)),
    ):
        counts[key] = counts.get(key, 0) + n


def _provenance(document: Document, commit: str, side: str) -> str:
    facts = asdict(document)
    facts.pop("text")
    facts |= {"commit": commit, "sha256": document.digest, "side": side}
    facts["characters"] = len(document.text)
    return json.dumps(facts, ensure_ascii=False)


def _source_entry(report: SourceReport) -> dict[str, object]:
    entry = dict(vars(report))
    entry.pop("fingerprint")
    return entry


def _reasons(reports: list[SourceReport], left_out: Counter[str]) -> str:
    problems = [f"{report.name}: {report.problem}" for report in reports if report.problem]
    counts = [f"{n} files: {reason}" for reason, n in left_out.most_common(4)]
    return "; ".join([*problems[:4], *counts]) or "No source had any file."


def forget_staged(output: Path) -> None:
    """Remove what the first pass left behind; the next build reads every source again."""
    shutil.rmtree(output / "staged", ignore_errors=True)
