"""Rules that no linter has: what is said in documents is so, and start-up stays short."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import codelsp
from codelsp.settings.tables import markdown_table, vim_help_table

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "codelsp"
MODULES = sorted(PACKAGE.rglob("*.py"))

WORKS_ON_NO_DOCUMENT: frozenset[str] = frozenset()
"""Modules that may call ``splitlines``, because what they split is no document."""
EMPTY_NAMES = frozenset(("utils", "util", "helpers", "common", "manager", "base", "misc"))


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _calls(path: Path) -> set[str]:
    """Return the names of all functions and methods that the module calls."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute):
                names.add(node.func.attr)
            elif isinstance(node.func, ast.Name):
                names.add(node.func.id)
    return names


def test_documents_are_not_split_where_the_protocol_does_not_split() -> None:
    splitting = {_name(path) for path in MODULES if "splitlines" in _calls(path)}

    assert splitting <= WORKS_ON_NO_DOCUMENT


def test_nothing_outside_the_command_line_prints() -> None:
    printing = {_name(path) for path in MODULES if "print" in _calls(path)}

    assert {name for name in printing if not name.startswith("codelsp/cli/")} == set()


def test_every_module_says_what_it_is_for() -> None:
    silent = {_name(p) for p in MODULES if not ast.get_docstring(ast.parse(p.read_text("utf-8")))}

    assert silent == set()


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert not {path.stem for path in MODULES} & EMPTY_NAMES


def test_the_changelog_names_this_version() -> None:
    versions = re.findall(
        r"^## \[(\d[^]]*)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE
    )

    assert versions[0] == codelsp.__version__


def _between_marks(text: str, mark: str, content: str) -> str:
    """Return ``text`` with ``content`` between the comments ``mark`` and ``/mark``."""
    opening, closing = f"<!-- {mark} -->\n", f"<!-- /{mark} -->"
    start, end = text.index(opening) + len(opening), text.index(closing)
    return text[:start] + content + text[end:]


@pytest.mark.parametrize("name", ["README.md", "docs/reference/settings.md"])
def test_the_settings_in_the_documentation_are_those_of_the_program(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")

    assert text == _between_marks(text, "settings", markdown_table()), (
        "put the output of `codelsp settings --markdown` between the comments"
    )


def test_the_settings_in_vims_help_are_those_of_the_program() -> None:
    text = (ROOT / "editors" / "neovim" / "doc" / "codelsp.txt").read_text("utf-8")

    assert vim_help_table() in text, "put the output of `codelsp settings --vim-help` there"


def _rooms() -> set[str]:
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    modules = {path.name for path in PACKAGE.glob("*.py") if not path.name.startswith("__")}
    return packages | modules


def test_architecture_names_every_room_there_is_and_no_other() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    headings = "\n".join(re.findall(r"^### (.+)$", text, re.MULTILINE))
    named = {name.strip("/") for name in re.findall(r"`codelsp/([\w.]+/?)`", headings)}

    assert named == _rooms()


def test_architecture_names_only_files_that_there_are() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    named = set(re.findall(r"`(codelsp/[\w/]+\.py)", text))

    assert named
    assert {name for name in named if not (ROOT / name).is_file()} == set()


def _markdown() -> list[Path]:
    return [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


@pytest.mark.parametrize("path", _markdown(), ids=_name)
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text("utf-8"))

    assert [target for target in targets if not (path.parent / target).exists()] == []


def _tracked_text_files() -> list[Path]:
    """Return the files that would be published, or every file where there is no git."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return [*MODULES, *_markdown()]
    paths = (ROOT / name for name in listed.stdout.split("\0") if name)
    weights = (".gguf", ".safetensors")
    return [path for path in paths if path.is_file() and path.suffix not in weights]


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    # Spelled in two parts, so that this file does not name one itself.
    places = re.compile(r"(?<![\w.~])/(?:ro" r"ot|wo" r"rk)/")
    named = {
        _name(path): found.group()
        for path in _tracked_text_files()
        if (found := places.search(path.read_text("utf-8", errors="replace")))
    }

    assert named == {}


START_UP = """
import sys
import codelsp.cli, codelsp.cli.server, codelsp.editor.serve
codelsp.cli.server._parser()
print(*sorted(sys.modules))
"""
SERVER = """
import sys
import codelsp.editor.connections, codelsp.editor.handlers, codelsp.engine.open
print(*sorted(sys.modules))
"""
HEAVY = {"torch", "transformers", "numpy", "tokenizers", "gguf", "safetensors", "xllamacpp"}


def _loaded(program: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    return {name.split(".")[0] for name in done.stdout.split()}


def test_the_way_to_the_greeting_loads_no_framework() -> None:
    assert not _loaded(START_UP) & (HEAVY | {"typer", "click", "rich", "pygls", "lsprotocol"})


def test_the_server_loads_neither_models_nor_drawing() -> None:
    assert not _loaded(SERVER) & (HEAVY | {"typer", "click", "rich"})
