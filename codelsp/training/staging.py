"""The first pass over a source: filter, clean, redact, sign; one finished folder a source.

A folder counts as finished when its ``report.json`` is there, which is written last; a build that
was killed starts again with the first source that has none.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np

from codelsp.errors import CorpusError
from codelsp.training import cleaning, filters, licenses
from codelsp.training.documents import Document, ShardWriter
from codelsp.training.duplicates import N_PERMUTATIONS, shingles_of, signature_of
from codelsp.training.sources import Source, SourceFile, commit_of, files_of

if TYPE_CHECKING:
    from pathlib import Path

    from codelsp.training.contamination import Contamination
    from codelsp.training.filters import FileLimits

_LICENSE_BYTES = 300_000
_VERSION = 1
"""Goes up when the first pass keeps other text than before."""


@dataclass(frozen=True)
class StagingRules:
    """What decides about a source's files; a changed rule stages the source anew."""

    limits: FileLimits
    allowed_licenses: frozenset[str]
    contamination: Contamination | None = None

    def fingerprint(self, source: Source, commit: str) -> str:
        """Return a hash of the rules and of the source's state."""
        limits = self.limits
        facts = [
            _VERSION,
            sorted(limits.languages),
            limits.max_size,
            limits.test_share,
            sorted(self.allowed_licenses),
            self.contamination is not None,
            source.name,
            source.license,
            commit or _state_of(source.path),
        ]
        return sha256(json.dumps(facts).encode()).hexdigest()


@dataclass
class SourceReport:
    """What came of one source."""

    name: str
    commit: str = ""
    licenses: list[str] = field(default_factory=list)
    problem: str = ""
    """Why the source, or the rest of it, was left out; empty when all went well."""
    n_documents: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    """Reasons, and the number of files left out for each."""
    n_redacted: int = 0
    fingerprint: str = ""


def stage(source: Source, folder: Path, rules: StagingRules) -> SourceReport:
    """Make the staged folder of ``source``, or return the report of a finished one.

    A damaged source is reported, not raised: what was read of it before the damage is left out.
    """
    try:
        commit = commit_of(source)
    except CorpusError as error:
        return SourceReport(source.name, problem=str(error))
    fingerprint = rules.fingerprint(source, commit)
    finished = _finished(folder, fingerprint)
    if finished is not None:
        return finished
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    report = SourceReport(source.name, commit, fingerprint=fingerprint)
    try:
        _stage_files(source, folder, rules, report)
    except CorpusError as error:
        shutil.rmtree(folder)
        folder.mkdir()
        report.problem, report.n_documents = str(error), 0
    _write_report(folder, report)
    return report


def _stage_files(source: Source, folder: Path, rules: StagingRules, report: SourceReport) -> None:
    report.licenses = sorted(_licenses_of(source))
    if not licenses.is_allowed(frozenset(report.licenses), rules.allowed_licenses):
        if source.license is None:
            raise CorpusError(f"license not allowed: {' '.join(report.licenses) or 'none found'}")
        report.licenses = [source.license]
    spdx = source.license or " AND ".join(report.licenses)
    signatures = []
    left_out: Counter[str] = Counter()
    with files_of(source) as files, ShardWriter(folder, "documents", 10**12) as shard:
        for file in files:
            document, reason = _document_of(source.name, spdx, file, rules)
            if document is None:
                left_out[reason] += 1
                continue
            text, n_redacted = cleaning.redacted(document.text)
            report.n_redacted += n_redacted
            shard.add(Document(source.name, document.path, document.language, spdx, text))
            signatures.append(signature_of(shingles_of(text)))
    report.n_documents = len(signatures)
    report.left_out = dict(left_out.most_common())
    matrix = np.array(signatures, dtype=np.uint32).reshape(-1, N_PERMUTATIONS)
    np.save(folder / "signatures.npy", matrix)


def _licenses_of(source: Source) -> frozenset[str]:
    with files_of(source) as files:
        return licenses.license_of(
            file.read().decode("utf-8", "replace")
            for file in files
            if licenses.is_license_file(file.path) and file.size < _LICENSE_BYTES
        )


def _document_of(
    name: str, spdx: str, file: SourceFile, rules: StagingRules
) -> tuple[Document | None, str]:
    """Return the document a file makes, or None and why it makes none."""
    reason = filters.reason_against_path(file.path, file.size, rules.limits)
    if reason is None and not _is_drawn(name, file.path, rules.limits):
        reason = "a test, and enough of them are kept"
    if reason is not None:
        return None, reason
    text = filters.decoded(file.read())
    if text is None:
        return None, "not UTF-8 text"
    language = filters.language_by_path(file.path)
    reason = filters.reason_against_text(text, language)
    if reason is None and rules.contamination is not None and rules.contamination.touches(text):
        reason = "touches HumanEval"
    if reason is not None:
        return None, reason
    text = cleaning.without_license_header(text)
    if not text.strip():
        return None, "nothing but a license"
    return Document(name, file.path, language, spdx, text), ""


def _is_drawn(name: str, path: str, limits: FileLimits) -> bool:
    """Tell whether a file stays when tests are weighed down; the same draw on every run."""
    if not filters.is_test(path):
        return True
    draw = int(sha256(f"{name}/{path}".encode()).hexdigest()[:8], 16) / 2**32
    return draw < limits.test_share


def _finished(folder: Path, fingerprint: str) -> SourceReport | None:
    try:
        report = SourceReport(**json.loads((folder / "report.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return report if report.fingerprint == fingerprint else None


def _write_report(folder: Path, report: SourceReport) -> None:
    part = folder / "report.part"
    part.write_text(json.dumps(vars(report), indent=1), encoding="utf-8")
    part.replace(folder / "report.json")


def _state_of(path: Path) -> str:
    """Return what tells one state of a folder or an archive from another."""
    if path.is_file():
        state = path.stat()
        return f"{state.st_size} {state.st_mtime_ns}"
    newest = [entry.stat().st_mtime_ns for entry in path.rglob("*") if entry.is_file()]
    return f"{len(newest)} {max(newest, default=0)}"
