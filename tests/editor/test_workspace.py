"""Workspace folders: which holds a document, and where it lies on disk."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from codelsp.editor.workspace import likely_language, path_of, root_of, roots_of, without


def test_folders_come_before_the_older_root() -> None:
    params = {"workspaceFolders": [{"uri": "file:///a"}, {"uri": 3}, "x"], "rootUri": "file:///b"}

    assert roots_of(params) == ("file:///a",)


def test_the_older_ways_to_name_a_root_are_understood() -> None:
    assert roots_of({"rootUri": "file:///b", "workspaceFolders": None}) == ("file:///b",)
    root = Path(__file__).parent
    assert roots_of({"rootPath": str(root)}) == (root.as_uri(),)
    assert roots_of({"rootPath": "relative", "workspaceFolders": []}) == ()


def test_the_innermost_folder_holds_a_document() -> None:
    roots = ("file:///a", "file:///a/b/", "file:///ab")

    assert root_of("file:///a/b/c.py", roots) == "file:///a/b/"
    assert root_of("file:///a/c.py", roots) == "file:///a"
    assert root_of("file:///abc/c.py", roots) == ""
    assert root_of("untitled:Untitled-1", roots) == ""


@pytest.mark.parametrize(
    "root", ["file:///c%3A/My%20App", "file:///C:/My App/", "file:///c:/my%20app"]
)
@pytest.mark.parametrize("uri", ["file:///c:/My%20App/a.py", "file:///C%3a/My App/a.py"])
def test_a_folder_is_the_same_however_the_editor_spells_it(root: str, uri: str) -> None:
    assert root_of(uri, [root]) == root


def test_a_folder_that_goes_may_be_spelled_otherwise_than_when_it_came() -> None:
    roots = ("file:///a%20b", "file:///c%3A/d")

    assert without(roots, ["file:///a b/", "file:///C:/d"]) == ()
    assert without(roots, ["file:///a"]) == roots


@pytest.mark.parametrize("uri", ["untitled:x", "http://host/a", "", "file://[bad", "not a uri"])
def test_what_is_no_file_has_no_path(uri: str) -> None:
    assert path_of(uri) is None


def test_a_file_uri_has_a_path() -> None:
    assert path_of("file:///a%20b/%C3%A4") == Path("/a b/ä")
    here = Path(__file__)
    assert path_of(here.as_uri()) == here


@pytest.mark.skipif(sys.platform == "win32", reason="how other systems write it")
def test_drives_and_hosts_of_windows_are_kept() -> None:
    assert str(path_of("file:///c%3A/a")) == "c:/a"
    assert str(path_of("file:///C:/a")) == "C:/a"
    assert str(path_of("file://host/share")) == "//host/share"


@pytest.mark.parametrize(
    ("names", "language"),
    [
        ([], ""),
        (["README.md"], ""),
        (["package.json"], "javascript"),
        (["package.json", "tsconfig.json"], "typescript"),
        (["pyproject.toml", "package.json", "Cargo.toml"], "python"),
        (["go.mod"], "go"),
    ],
)
def test_the_files_of_a_project_tell_its_likely_language(
    tmp_path: Path, names: list[str], language: str
) -> None:
    for name in names:
        (tmp_path / name).touch()

    assert likely_language((tmp_path.as_uri(),)) == language


def test_without_a_folder_no_language_is_likely() -> None:
    assert likely_language(()) == ""


def test_a_folder_that_may_not_be_read_tells_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> bool:
        raise PermissionError(path)

    monkeypatch.setattr(Path, "is_file", refuse)

    assert likely_language((tmp_path.as_uri(),)) == ""


def test_what_is_no_folder_tells_nothing() -> None:
    assert likely_language(("untitled:a", "file:///elsewhere")) == ""
