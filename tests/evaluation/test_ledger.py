from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from codelsp.errors import EvaluationError
from codelsp.evaluation.ledger import Ledger, read_ledger

if TYPE_CHECKING:
    from pathlib import Path

HEAD = {"measured": "holes", "seed": 1}


def test_results_are_there_after_an_interruption(tmp_path: Path) -> None:
    Ledger.open(tmp_path / "a.jsonl", HEAD).put("one", {"exact": True, "text": "\u2028 é"})

    assert Ledger.open(tmp_path / "a.jsonl", HEAD).records == {
        "one": {"exact": True, "text": "\u2028 é"}
    }


def test_a_line_torn_by_a_kill_is_done_again_and_harms_no_other(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    Ledger.open(file, HEAD).put("one", {"n": 1})
    with file.open("ab") as stream:
        stream.write(b'{"key":"two","n":')

    ledger = Ledger.open(file, HEAD)
    assert set(ledger.records) == {"one"}
    ledger.put("two", {"n": 2})
    assert Ledger.open(file, HEAD).records == {"one": {"n": 1}, "two": {"n": 2}}


def test_results_of_another_run_are_refused_and_the_difference_is_named(tmp_path: Path) -> None:
    Ledger.open(tmp_path / "a.jsonl", HEAD).put("one", {"n": 1})

    with pytest.raises(EvaluationError, match="seed: 1, not 2"):
        Ledger.open(tmp_path / "a.jsonl", {**HEAD, "seed": 2})


def test_a_file_that_is_no_ledger_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("my notes\n")

    with pytest.raises(EvaluationError):
        Ledger.open(tmp_path / "a.jsonl", HEAD)
    with pytest.raises(EvaluationError, match="no file of results"):
        read_ledger(tmp_path / "a.jsonl")
    assert (tmp_path / "a.jsonl").read_text() == "my notes\n"


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")

    with pytest.raises(EvaluationError, match="cannot be written"):
        Ledger.open(tmp_path / "taken" / "a.jsonl", HEAD)


def test_a_finished_file_is_read_without_knowing_what_it_holds(tmp_path: Path) -> None:
    Ledger.open(tmp_path / "a.jsonl", HEAD).put("one", {"n": 1})

    ledger = read_ledger(tmp_path / "a.jsonl")
    assert (ledger.head, ledger.records) == (HEAD, {"one": {"n": 1}})
