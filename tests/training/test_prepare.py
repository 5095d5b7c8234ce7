"""Rows: the same for any number of processes, in parts that share nothing, and never torn."""

from __future__ import annotations

import errno
import json
import shutil
from typing import TYPE_CHECKING, NoReturn
from zlib import crc32

import numpy as np
import pytest

from codelsp.errors import CorpusError, TrainingError
from codelsp.training import prepare as prepare_module
from codelsp.training.examples import ExampleRules
from codelsp.training.holes import read_holes
from codelsp.training.manifest import documents_of, load_manifest
from codelsp.training.prepare import PreparePlan, prepare, rules_from
from codelsp.training.rows import Rows

if TYPE_CHECKING:
    from pathlib import Path

RULES = ExampleRules(window=300)


def plan_of(corpus: Path, tokenizer: Path, output: Path, **changes: object) -> PreparePlan:
    plan = PreparePlan(corpus, tokenizer, output, "train", 128, RULES)
    return PreparePlan(**{**vars(plan), **changes})


def test_two_processes_write_what_one_writes(
    corpus: Path, tokenizer_file: Path, tmp_path: Path
) -> None:
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        prepare(plan_of(corpus, tokenizer_file, folder, workers=workers))

    assert (tmp_path / "1/train.ids").read_bytes() == (tmp_path / "2/train.ids").read_bytes()


def test_another_seed_draws_other_holes(corpus: Path, tokenizer_file: Path, tmp_path: Path) -> None:
    for seed in (1, 2):
        prepare(plan_of(corpus, tokenizer_file, tmp_path / str(seed), seed=seed))

    assert (tmp_path / "1/train.ids").read_bytes() != (tmp_path / "2/train.ids").read_bytes()


def test_parts_cover_the_documents_and_share_none(
    corpus: Path, tokenizer_file: Path, tmp_path: Path
) -> None:
    n_documents = len(list(documents_of(corpus, load_manifest(corpus).train_shards)))
    names = sorted(f"{d.repository}/{d.path}" for d in documents_of(corpus, _shards(corpus)))
    # The draw that lies in the middle, so that neither part is empty.
    middle = sorted(crc32(name.encode()) / 2**32 for name in names)[n_documents // 2]
    found = [
        prepare(plan_of(corpus, tokenizer_file, tmp_path / str(low), part=(low, high)))
        for low, high in ((0.0, middle), (middle, 1.0))
    ]

    assert [made.n_documents for made in found] == [n_documents // 2, (n_documents + 1) // 2]


def test_rows_of_one_language_are_made_from_its_files_alone(
    corpus: Path, tokenizer_file: Path, tmp_path: Path
) -> None:
    made = prepare(
        plan_of(corpus, tokenizer_file, tmp_path / "python", languages=frozenset({"python"}))
    )

    of_python = [d for d in documents_of(corpus, _shards(corpus)) if d.language == "python"]
    assert made.n_documents == len(of_python) > 0
    with pytest.raises(TrainingError, match="no such document"):
        prepare(plan_of(corpus, tokenizer_file, tmp_path / "go", languages=frozenset({"go"})))


def _shards(corpus: Path) -> list[str]:
    return load_manifest(corpus).train_shards


def test_an_epoch_reads_every_row_once_and_the_next_in_another_order(rows: Path) -> None:
    opened = Rows(rows, "train", seed=3)
    n = len(opened)
    first, second = opened.batch(0, n), opened.batch(n, n)

    assert not np.array_equal(first, second)
    assert sorted(map(bytes, first)) == sorted(map(bytes, second))
    assert np.array_equal(Rows(rows, "train", seed=3).batch(5, 7), first[5:12])


def test_a_torn_file_of_rows_is_refused(corpus: Path, tokenizer_file: Path, tmp_path: Path) -> None:
    prepare(plan_of(corpus, tokenizer_file, tmp_path))
    file = tmp_path / "train.ids"
    file.write_bytes(file.read_bytes()[:-2])

    with pytest.raises(TrainingError, match="not whole"):
        Rows(tmp_path, "train")


def test_a_side_without_documents_is_an_error(
    corpus: Path, tokenizer_file: Path, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match="no such document"):
        prepare(plan_of(corpus, tokenizer_file, tmp_path, part=(0.0, 0.0)))


def test_a_corpus_that_leaks_is_not_prepared(
    corpus: Path, tokenizer_file: Path, tmp_path: Path
) -> None:
    facts = json.loads((corpus / "corpus.json").read_text())
    facts["validation_repositories"] = facts["train_repositories"]
    leaking = tmp_path / "leaking"
    leaking.mkdir()
    (leaking / "corpus.json").write_text(json.dumps(facts))

    with pytest.raises(CorpusError, match="leaks"):
        prepare(plan_of(leaking, tokenizer_file, tmp_path / "rows"))


def test_holes_are_ends_of_lines_of_held_out_files(corpus: Path, rows: Path) -> None:
    held_out = [d.text for d in documents_of(corpus, load_manifest(corpus).validation_shards)]
    holes = read_holes(rows / "holes.jsonl", 10)

    assert holes
    for hole in holes:
        assert hole.middle.strip()
        assert "\n" not in hole.middle
        assert any(hole.prefix + hole.middle + hole.suffix in text for text in held_out)


def test_a_large_vocabulary_has_ids_of_four_bytes(
    corpus: Path, tokenizer_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(plan_of(corpus, tokenizer_file, tmp_path / "small"))
    monkeypatch.setattr(prepare_module, "_MAX_SHORT_IDS", 100)
    prepare(plan_of(corpus, tokenizer_file, tmp_path / "large"))
    small, large = Rows(tmp_path / "small", "train"), Rows(tmp_path / "large", "train")

    assert large.description.id_bytes == 4
    assert np.array_equal(small.batch(0, 5), large.batch(0, 5))


def test_a_shard_with_a_repository_of_the_other_side_is_refused(
    corpus: Path, tokenizer_file: Path, tmp_path: Path
) -> None:
    leaking = tmp_path / "corpus"
    shutil.copytree(corpus, leaking, ignore=shutil.ignore_patterns("staged"))
    manifest = load_manifest(leaking)
    shutil.copyfile(leaking / manifest.validation_shards[0], leaking / manifest.train_shards[0])

    with pytest.raises(CorpusError, match="the split leaks: acme/"):
        prepare(plan_of(leaking, tokenizer_file, tmp_path / "rows"))
    assert not list((tmp_path / "rows").glob("*"))


def test_a_full_disk_is_named_and_leaves_no_half_of_the_rows(
    corpus: Path, tokenizer_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("codelsp.training.prepare.packed_rows", full)

    with pytest.raises(TrainingError, match=r"no room left.*rows"):
        prepare(plan_of(corpus, tokenizer_file, tmp_path / "rows"))
    assert not list((tmp_path / "rows").glob("*"))


def test_rules_of_examples_are_changed_by_a_file(tmp_path: Path) -> None:
    file = tmp_path / "rules.json"
    file.write_text('{"spm_share": 0.9, "middles": {"line": 0.7, "block": 0.1}}')

    rules = rules_from(file, 100)

    assert (rules.spm_share, rules.middles.line, rules.middles.block) == (0.9, 0.7, 0.1)
    assert rules.window == rules_from(None, 100).window


@pytest.mark.parametrize("content", ['{"spm": 1}', "{", '{"middles": {"word": 1}}', "[]"])
def test_wrong_rules_of_examples_are_named_with_their_file(tmp_path: Path, content: str) -> None:
    file = tmp_path / "rules.json"
    file.write_text(content)

    with pytest.raises(TrainingError, match=r"rules\.json"):
        rules_from(file, 100)
