"""``codelsp docstring``: which function is meant, and what becomes of the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from codelsp.cli import docstring as command
from codelsp.cli.app import run
from codelsp.pipeline.docstrings import DocstringCandidate

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """\
import os


class A:
    def f(self):
        return 1


def g():
    '''Old.'''


def h(): return 1
"""
TWICE = """

def f():
    return 2


class B:
    def k(self):
        pass


class C:
    def k(self):
        pass
"""
BEST = DocstringCandidate("Return one.", -0.5, has_ended=True)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    async def written(*_: Any) -> tuple[str, list[DocstringCandidate]]:
        return "scripted", [BEST]

    monkeypatch.setattr(command, "_written", written)
    path = tmp_path / "a.py"
    path.write_text(TEXT)
    return path


def _run(*arguments: str) -> int:
    return run(["docstring", *arguments])


def test_it_is_shown_and_the_file_stays_as_it_is(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(f"{file}:A.f") == 0
    assert '        """Return one."""' in capsys.readouterr().out
    assert file.read_text() == TEXT


@pytest.mark.parametrize("name", ["A.f", "f", "5", "6"])
def test_it_is_written_where_it_belongs_when_asked(file: Path, name: str) -> None:
    assert _run(f"{file}:{name}", "--write") == 0
    assert '    def f(self):\n        """Return one."""\n        return 1\n' in file.read_text()
    assert list(file.parent.iterdir()) == [file]


def test_line_ends_and_byte_order_mark_stay(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    assert _run(f"{file}:f", "--write") == 0
    raw = file.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbfimport")
    assert b'"""Return one."""\r\n' in raw
    assert raw.count(b"\n") == raw.count(b"\r\n")


def test_a_link_stays_one_and_the_file_behind_it_is_written(file: Path) -> None:
    link = file.with_name("link.py")
    link.symlink_to(file.name)

    assert _run(f"{link}:f", "--write") == 0
    assert link.is_symlink()
    assert '"""Return one."""' in file.read_text()


def test_one_that_is_there_is_replaced_only_when_asked(file: Path) -> None:
    assert _run(f"{file}:g", "--write") == 2
    assert file.read_text() == TEXT
    assert _run(f"{file}:g", "--write", "--replace") == 0
    assert "    '''Return one.'''\n" in file.read_text()


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("a.py", "A function is FILE:FUNCTION"),
        ("a.py:nothing", "no function nothing; there is A.f, g, h"),
        ("a.py:1", "in no function"),
        ("a.py:99", "no line 99"),
        ("a.py:h", "no room"),
        ("missing.py:f", "cannot be read"),
        ("a.c:f", "no Python"),
    ],
)
def test_a_place_without_a_function_is_told(
    file: Path,
    place: str,
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(file.parent)
    (file.parent / "a.c").write_text("int f() { return 1; }\n")
    assert _run(place) == 2
    assert said in " ".join(capsys.readouterr().err.split())


def test_names_that_stand_twice_are_told_apart(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(TEXT + TWICE)
    assert _run(f"{file}:f") == 0
    assert _run(f"{file}:k") == 2
    assert "several called k: B.k, C.k" in " ".join(capsys.readouterr().err.split())
