"""Building a corpus: what gets in, what stays out, and going on after a kill."""

from __future__ import annotations

import errno
import gzip
import json
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

import pytest

from codelsp.errors import CorpusError, TrainingError
from codelsp.training import staging
from codelsp.training.corpus import CorpusPlan, build_corpus
from codelsp.training.filters import FileLimits
from codelsp.training.manifest import MANIFEST, documents_of, load_manifest
from codelsp.training.sources import Source, SourceFile
from codelsp.training.split import hashed_name
from codelsp.training.staging import StagingRules
from tests.training.material import MIT, MODULE, OTHER, tar_of, write_tree

if TYPE_CHECKING:
    from pathlib import Path

RULES = StagingRules(FileLimits(frozenset({"python"})), frozenset({"MIT"}))


def plan_of(tmp_path: Path, **repositories: dict[str, str | bytes]) -> CorpusPlan:
    sources = tuple(
        Source(f"acme/{name}", write_tree(tmp_path / name, {"LICENSE": MIT, **files}))
        for name, files in repositories.items()
    )
    return CorpusPlan(sources, tmp_path / "built", RULES, validation_share=0.0)


def kept(plan: CorpusPlan) -> set[str]:
    manifest = build_corpus(plan)
    documents = documents_of(plan.output, manifest.train_shards)
    return {f"{document.repository}:{document.path}" for document in documents}


def test_copies_in_other_repositories_are_left_out(tmp_path: Path) -> None:
    plan = plan_of(
        tmp_path,
        a={"shapes.py": MODULE},
        b={"copy.py": MODULE.replace("    ", "  "), "near.py": OTHER},
        c={"near.py": OTHER + "# the end\n"},
    )

    assert kept(plan) == {"acme/a:shapes.py", "acme/b:near.py"}


def test_a_source_without_an_allowed_license_is_reported_and_left_out(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, a={"shapes.py": MODULE})
    closed = write_tree(tmp_path / "closed", {"LICENSE": "All rights reserved.", "x.py": OTHER})
    plan = replace(plan, sources=(*plan.sources, Source("acme/closed", closed)))

    manifest = build_corpus(plan)

    assert manifest.train_repositories == ["acme/a"]
    assert "license not allowed" in str(manifest.sources[1]["problem"])


def test_a_reserved_repository_is_never_read(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, a={"shapes.py": MODULE}, b={"other.py": OTHER})
    plan = replace(plan, reserved=frozenset({hashed_name("Acme/B")}))

    assert kept(plan) == {"acme/a:shapes.py"}


def test_a_corrupt_archive_is_reported_and_the_rest_is_built(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, a={"shapes.py": MODULE})
    whole = tar_of(
        write_tree(tmp_path / "b", {"LICENSE": MIT, "x.py": MODULE}), tmp_path / "b.tar.gz"
    )
    whole.write_bytes(whole.read_bytes()[:300])
    plan = replace(plan, sources=(*plan.sources, Source("acme/b", whole)))

    manifest = build_corpus(plan)

    assert manifest.train_repositories == ["acme/a"]
    assert "damaged" in str(manifest.sources[1]["problem"])


def test_a_file_of_a_gigabyte_is_left_out_by_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(tmp_path, a={"shapes.py": MODULE, "bad.py": b"caf\xe9 = 1\n"})
    with (tmp_path / "a" / "huge.py").open("wb") as huge:
        huge.truncate(10**9)
    read: list[str] = []
    real = staging._document_of

    def spied(name: str, spdx: str, file: SourceFile, rules: StagingRules) -> object:
        def reading() -> bytes:
            read.append(file.path)
            return file.read()

        return real(name, spdx, replace(file, read=reading), rules)

    monkeypatch.setattr(staging, "_document_of", spied)

    manifest = build_corpus(plan)

    assert read == ["bad.py", "shapes.py"]
    assert manifest.left_out["too large"] == 1
    assert manifest.left_out["not UTF-8 text"] == 1


def test_a_large_repository_is_capped(tmp_path: Path) -> None:
    words = ["circle", "square", "triangle", "polygon", "ellipse", "line", "point", "arc"]
    files: dict[str, str | bytes] = {
        f"{own}.py": "".join(f"def {own}_to_{w}({own}):\n    return {w}({own})\n" for w in words)
        for own in words
    }
    plan = replace(plan_of(tmp_path, a=files), max_repository_bytes=1500)

    manifest = build_corpus(plan)

    assert 0 < manifest.characters["python"] <= 1500
    assert manifest.left_out["over the repository's cap"] > 0


def test_an_empty_corpus_is_refused_with_the_reasons(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"corpus is empty.*too short"):
        build_corpus(plan_of(tmp_path, a={"x.py": "x = 1\n"}))


def test_a_build_that_was_killed_reads_only_the_sources_that_are_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(tmp_path, a={"shapes.py": MODULE}, b={"other.py": OTHER})
    real = staging._stage_files
    staged: list[str] = []

    def dies_at_b(source: Source, *others: object) -> None:
        staged.append(source.name)
        if source.name == "acme/b" and staged.count("acme/b") == 1:
            raise KeyboardInterrupt
        real(source, *others)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr(staging, "_stage_files", dies_at_b)
    with pytest.raises(KeyboardInterrupt):
        build_corpus(plan)

    assert kept(plan) == {"acme/a:shapes.py", "acme/b:other.py"}
    assert staged == ["acme/a", "acme/b", "acme/b"]


def test_a_changed_rule_reads_the_sources_again(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, a={"shapes.py": MODULE, "tests/test_a.py": OTHER})
    strict = replace(RULES, limits=replace(RULES.limits, test_share=0.0))
    generous = replace(RULES, limits=replace(RULES.limits, test_share=1.0))

    assert kept(replace(plan, rules=strict)) == {"acme/a:shapes.py"}
    assert len(kept(replace(plan, rules=generous))) == 2


def test_every_file_kept_has_its_provenance(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, a={"shapes.py": MODULE})
    build_corpus(plan)

    with gzip.open(plan.output / "provenance.jsonl.gz", "rt") as lines:
        (entry,) = [json.loads(line) for line in lines]

    assert entry["repository"] == "acme/a"
    assert entry["path"] == "shapes.py"
    assert entry["license"] == "MIT"
    assert entry["side"] == "train"
    assert len(entry["sha256"]) == 64
    assert "text" not in entry


def test_a_manifest_whose_split_leaks_is_refused(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, a={"shapes.py": MODULE})
    build_corpus(plan)
    file = plan.output / MANIFEST
    facts = json.loads(file.read_text())
    file.write_text(json.dumps(facts | {"validation_repositories": ["acme/a"]}))

    with pytest.raises(CorpusError, match="leaks"):
        load_manifest(plan.output)


def test_a_missing_or_damaged_shard_is_named(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, a={"shapes.py": MODULE})
    shard = build_corpus(plan).train_shards[0]
    (plan.output / shard).write_bytes(b"no gzip")

    with pytest.raises(CorpusError, match="damaged"):
        list(documents_of(plan.output, [shard]))

    (plan.output / shard).unlink()
    with pytest.raises(CorpusError, match=shard):
        load_manifest(plan.output)


def test_two_sources_of_one_name_are_refused(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, a={"shapes.py": MODULE})

    with pytest.raises(CorpusError, match="two sources"):
        build_corpus(replace(plan, sources=plan.sources * 2))


def test_a_full_disk_is_named_and_finished_sources_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(tmp_path, a={"shapes.py": MODULE}, b={"other.py": OTHER})
    real = staging._stage_files

    def full_at_b(source: Source, *others: object) -> None:
        if source.name == "acme/b":
            raise OSError(errno.ENOSPC, "No space left on device")
        real(source, *others)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr(staging, "_stage_files", full_at_b)
    with pytest.raises(TrainingError, match=r"no room left.*run the same command again"):
        build_corpus(plan)

    read: list[str] = []

    def spied(source: Source, *others: object) -> None:
        read.append(source.name)
        real(source, *others)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr(staging, "_stage_files", spied)
    assert kept(plan) == {"acme/a:shapes.py", "acme/b:other.py"}
    assert read == ["acme/b"]


def test_a_disk_that_fills_up_under_a_shard_leaves_no_half_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(tmp_path, a={"shapes.py": MODULE})
    build_corpus(plan)

    def full(*_: object, **__: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("codelsp.training.corpus._provenance", full)
    with pytest.raises(TrainingError, match="no room left"):
        build_corpus(plan)

    assert not list(plan.output.glob("*.part"))
    # The shards may be of two builds by now: no manifest says otherwise.
    with pytest.raises(CorpusError, match="holds no corpus"):
        load_manifest(plan.output)
