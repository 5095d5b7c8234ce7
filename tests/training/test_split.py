"""The split: by repository, the same everywhere, and never leaking."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from codelsp.errors import CorpusError
from codelsp.training.split import check_split, hashed_name, reserved_names, side_of

if TYPE_CHECKING:
    from pathlib import Path


def test_the_share_of_repositories_held_out_is_about_what_was_asked() -> None:
    sides = [side_of(f"owner/name{n}", 0.1) for n in range(2000)]

    assert 150 < sides.count("validation") < 250


def test_upper_case_is_the_same_repository() -> None:
    assert all(side_of(f"O/N{n}", 0.5) == side_of(f"o/n{n}", 0.5) for n in range(50))


def test_a_repository_on_both_sides_is_refused_by_name() -> None:
    with pytest.raises(CorpusError, match="acme/alpha"):
        check_split(["acme/alpha", "acme/beta"], ["Acme/Alpha"])


def test_reserved_names_are_read_with_comments(tmp_path: Path) -> None:
    file = tmp_path / "reserved.txt"
    file.write_text(f"# held back\n{hashed_name('Acme/Alpha')}\n\n")

    assert reserved_names(file) == {hashed_name("acme/alpha")}


def test_a_line_that_is_no_hash_is_refused(tmp_path: Path) -> None:
    (tmp_path / "reserved.txt").write_text("acme/alpha\n")

    with pytest.raises(CorpusError, match="line 1"):
        reserved_names(tmp_path / "reserved.txt")
