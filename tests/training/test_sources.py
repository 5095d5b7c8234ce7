"""Sources: repositories, folders and archives."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest

from codelsp.errors import CorpusError
from codelsp.training.sources import Source, commit_of, files_of, source_at
from tests.training.material import MIT, MODULE, git_repository, tar_of, write_tree

if TYPE_CHECKING:
    from pathlib import Path

FILES: dict[str, str | bytes] = {"LICENSE": MIT, "src/shapes.py": MODULE}


def contents(source: Source) -> dict[str, bytes]:
    with files_of(source) as files:
        return {file.path: file.read() for file in files}


def test_a_bare_repository_is_read_without_a_checkout(tmp_path: Path) -> None:
    bare = git_repository(write_tree(tmp_path / "work", FILES))
    source = source_at(f"acme/shapes={bare}")

    assert source.name == "acme/shapes"
    assert len(commit_of(source)) == 40
    assert contents(source) == {"LICENSE": MIT.encode(), "src/shapes.py": MODULE.encode()}


def test_a_folder_an_archive_and_a_zip_hold_the_same_files(tmp_path: Path) -> None:
    folder = write_tree(tmp_path / "shapes-1.0", FILES)
    archive = tar_of(folder, tmp_path / "shapes-1.0.tar.gz")
    with zipfile.ZipFile(tmp_path / "shapes.zip", "w") as packed:
        for name, content in FILES.items():
            packed.writestr(name, content)

    expected = contents(source_at(str(folder)))

    assert contents(source_at(str(archive))) == expected
    assert contents(source_at(str(tmp_path / "shapes.zip"))) == expected
    assert source_at(str(archive)).name == "shapes-1.0"


def test_a_zip_with_a_password_is_said_to_be_unreadable(tmp_path: Path) -> None:
    file = tmp_path / "shapes.zip"
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("shapes.py", MODULE)
    raw = bytearray(file.read_bytes())
    # The flag of encryption, in the entry's own head and in the directory at the end.
    raw[6] |= 1
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    file.write_bytes(raw)

    with pytest.raises(CorpusError, match=r"shapes\.py cannot be read: .*encrypted"):
        contents(source_at(str(file)))


@pytest.mark.parametrize("kept", [100, 400])
def test_a_cut_archive_is_said_to_be_damaged(tmp_path: Path, kept: int) -> None:
    archive = tar_of(write_tree(tmp_path / "shapes", FILES), tmp_path / "shapes.tar.gz")
    archive.write_bytes(archive.read_bytes()[:kept])

    with pytest.raises(CorpusError, match=r"shapes\.tar\.gz is damaged"):
        contents(source_at(str(archive)))


def test_a_mirror_is_named_after_its_owner_and_name(tmp_path: Path) -> None:
    (tmp_path / "acme+shapes" / "repo").mkdir(parents=True)

    assert source_at(str(tmp_path / "acme+shapes" / "repo")).name == "acme/shapes"


def test_links_out_of_a_folder_are_not_followed(tmp_path: Path) -> None:
    write_tree(tmp_path, {"secret.py": "password = 1\n"})
    folder = write_tree(tmp_path / "repo", FILES)
    try:
        (folder / "link.py").symlink_to(tmp_path / "secret.py")
    except OSError:
        pytest.skip("this system makes no links")

    assert "link.py" not in contents(source_at(str(folder)))


def test_nothing_at_the_path_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no source"):
        source_at(str(tmp_path / "absent"))
