"""What a model may learn from: never what is private, ignored, or somebody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytest.importorskip("torch")
pytest.importorskip("datasketch")

from codelsp.adaptation.partition import partition
from codelsp.adaptation.repository import RepositoryFiles, read_repository
from codelsp.errors import CorpusError
from tests.adaptation.repositories import git, library, module, write_repository

if TYPE_CHECKING:
    from pathlib import Path


def paths(found: RepositoryFiles) -> set[str]:
    return {document.path for document in found.documents}


def test_what_git_ignores_is_never_read_and_what_is_new_is(tmp_path: Path) -> None:
    root = write_repository(
        tmp_path, {"a.py": module(1), "new.py": module(2), "local.py": module(3)}
    )
    (root / ".gitignore").write_text("local.py\n")
    git(root, "init", "-q")
    git(root, "add", "a.py")

    assert paths(read_repository(root)) == {"a.py", "new.py"}


def test_a_folder_without_git_follows_its_gitignore_and_hides_what_is_hidden(
    tmp_path: Path,
) -> None:
    root = write_repository(
        tmp_path, {"a.py": module(1), ".cache/b.py": module(2), "out/c.py": module(3)}
    )
    (root / ".gitignore").write_text("out/\n")

    assert paths(read_repository(root)) == {"a.py"}


def test_secrets_and_what_the_user_excludes_are_never_read(tmp_path: Path) -> None:
    root = write_repository(
        tmp_path,
        {
            "a.py": module(1),
            "secrets.py": module(2),
            ".ssh/c.py": module(3),
            "mine/d.py": module(4),
        },
    )

    found = read_repository(root, ["mine/"])

    assert paths(found) == {"a.py"}
    assert found.left_out["private, by its name"] == 2


def test_what_lies_outside_is_not_reached_by_a_link(tmp_path: Path) -> None:
    outside = write_repository(tmp_path / "outside", {"b.py": module(2)})
    root = write_repository(tmp_path / "inside", {"a.py": module(1)})
    (root / "b.py").symlink_to(outside / "b.py")
    (root / "folder").symlink_to(outside)
    git(root, "init", "-q")

    assert paths(read_repository(root)) == {"a.py"}


def test_a_key_in_the_code_is_not_learned(tmp_path: Path) -> None:
    key = "AKIA" + "ABCDEFGHIJKLMNOP"
    root = write_repository(tmp_path, {"a.py": module(1) + f'\nKEY = "{key}"\n'})

    found = read_repository(root)

    assert found.n_redacted == 1
    assert key not in found.documents[0].text


def test_a_folder_without_code_is_refused_with_what_was_left_out(tmp_path: Path) -> None:
    root = write_repository(tmp_path, {"a.txt": "words", "b.md": "words"})

    with pytest.raises(CorpusError, match=r"no code .*2 another language"):
        read_repository(root)


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no folder"):
        read_repository(tmp_path / "nowhere")


def test_no_file_is_on_both_sides_and_the_same_ones_are_held_out_again(tmp_path: Path) -> None:
    documents = read_repository(library(tmp_path)).documents

    sides = partition(documents)

    assert not {d.path for d in sides.train} & {d.path for d in sides.held_out}
    assert len(sides.train) + len(sides.held_out) == len(documents)
    assert partition(documents[::-1]).held_out == sides.held_out
    assert len(sides.held_out) >= 6


def test_a_repository_that_is_too_small_is_refused_with_its_size(tmp_path: Path) -> None:
    documents = read_repository(library(tmp_path, 5)).documents

    with pytest.raises(CorpusError, match="too small to adapt to: 5 files"):
        partition(documents)
