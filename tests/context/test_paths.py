"""Paths from URIs: relative to the workspace, and never the user's home."""

from __future__ import annotations

import pytest

from codelsp.context.paths import path_of, shown_path, workspace_name

ROOT = "file:///home/ada/project"


@pytest.mark.parametrize(
    ("uri", "root", "shown"),
    [
        pytest.param(f"{ROOT}/src/a.py", ROOT, "src/a.py", id="inside the workspace"),
        pytest.param(f"{ROOT}/src/a.py", ROOT + "/", "src/a.py", id="a root with a slash"),
        pytest.param("file:///home/ada/other/a.py", ROOT, "a.py", id="outside only the name"),
        pytest.param("file:///home/ada/projects/a.py", ROOT, "a.py", id="a root like a prefix"),
        pytest.param(f"{ROOT}/a.py", "", "a.py", id="no workspace"),
        pytest.param(f"{ROOT}/my%20dir/%C3%BC.py", ROOT, "my dir/ü.py", id="percent-encoded"),
        pytest.param(
            "file:///c%3A/Work/Lib/a.py", "file:///C:/work", "Lib/a.py", id="Windows, any case"
        ),
        pytest.param("file://host/share/a.py", "file://host/share", "a.py", id="a share"),
        pytest.param("untitled:Untitled-1", ROOT, "Untitled-1", id="an unsaved document"),
        pytest.param(
            "untitled:c:\\work\\new.py", "file:///c:/work", "new.py", id="unsaved, with a path"
        ),
        pytest.param(
            "vscode-notebook-cell:/home/ada/project/nb.ipynb#W0sZmlsZQ",
            ROOT,
            "nb.ipynb",
            id="a cell of a notebook",
        ),
        pytest.param(
            "vscode-remote://ssh-remote%2Bbox/home/ada/project/a.py",
            "vscode-remote://ssh-remote%2Bbox/home/ada/project",
            "a.py",
            id="a remote workspace",
        ),
        pytest.param("C:\\work\\a.py", "", "a.py", id="a plain Windows path"),
        pytest.param("/home/ada/a.py", "", "a.py", id="a plain path"),
        pytest.param("file://[bad/a.py", "", "a.py", id="a URI that is none"),
    ],
)
def test_the_model_sees_a_path_without_a_home(uri: str, root: str, shown: str) -> None:
    assert shown_path(uri, root) == shown


def test_a_windows_path_keeps_its_drive() -> None:
    assert path_of("file:///C%3A/a.py") == path_of("file:///c:/a.py") == "c:/a.py"


def test_the_repository_is_named_after_its_folder() -> None:
    assert workspace_name(ROOT + "/") == "project"
    assert workspace_name("") == ""
