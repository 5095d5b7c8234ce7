"""Words of the project and lines that were taken: known where the user wants it, and deleted."""

from __future__ import annotations

import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from codelsp.cli import main
from codelsp.context.completion_context import CompletionQuery
from codelsp.document.snapshot import DocumentSnapshot
from codelsp.habits.accepted import MOST_BYTES, AcceptedLines, file_of, forget
from codelsp.habits.project import ProjectText
from tests.pipeline.desk import Desk

if TYPE_CHECKING:
    from codelsp.pipeline.completer import Completer


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODELSP_HOME", str(tmp_path / "home"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "inner").mkdir(parents=True)
    (folder / "shelf.py").write_text("shelf.add_book_of(author)\n")
    (folder / "inner" / "row.py").write_text("row.count_all()\n")
    (folder / "notes.md").write_text("shelf.words_of_prose\n")
    (folder / "secrets.py").write_text("shelf.password\n")
    (folder / "ignored.py").write_text("shelf.ignored\n")
    (folder / ".gitignore").write_text("ignored.py\n")
    return folder


def project(root: Path, *open_uris: str, near: str = "", exclude: tuple[str, ...] = ()) -> str:
    texts = ProjectText(root, exclude)
    texts.read("python")
    return texts.text("python", near, frozenset(open_uris))


def test_files_of_the_language_are_read_but_no_secret_and_nothing_ignored(root: Path) -> None:
    text = project(root)

    assert "add_book_of" in text
    assert "count_all" in text
    for word in ("prose", "password", "ignored"):
        assert word not in text


def test_what_the_user_excludes_is_not_read(root: Path) -> None:
    assert "count_all" not in project(root, exclude=("inner/",))


def test_what_is_open_is_known_from_its_document_alone(root: Path) -> None:
    assert "add_book_of" not in project(root, (root / "shelf.py").as_uri())


def test_the_nearest_files_are_found_first(root: Path) -> None:
    near_inner = project(root, near=(root / "inner" / "new.py").as_uri())
    near_outer = project(root, near=(root / "new.py").as_uri())

    assert near_inner.index("add_book_of") < near_inner.index("count_all")
    assert near_outer.index("count_all") < near_outer.index("add_book_of")


def test_a_link_out_of_the_project_leads_nowhere(root: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.py").write_text("outside_of_everything\n")
    (root / "link.py").symlink_to(tmp_path / "outside.py")

    assert "outside" not in project(root)


def desk_in(root: Path, marked: str, answer: str = "", **settings: Any) -> Desk:
    return Desk.with_document(
        marked, (answer,), uri=(root / "new.py").as_uri(), recall=True, **settings
    )


async def offered(desk: Desk, root: Path) -> str:
    query = CompletionQuery(desk.document, desk.offset)
    answer = await desk.completer.complete(query, root=root.as_uri())
    return answer.insertions[0].text.strip() if answer.insertions else ""


async def settled(completer: Completer) -> None:
    await completer._bench.habits.settle()
    completer._bench.cache.clear()


async def test_the_project_completes_what_no_open_document_says(root: Path) -> None:
    desk = desk_in(root, "shelf.<CURSOR>\n", project_words=True)

    await offered(desk, root)  # its files are read meanwhile
    await settled(desk.completer)
    desk.type("a")

    assert (await offered(desk, root)).startswith("dd_book_of")


async def test_nobody_reads_the_project_unasked(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object) -> None:
        raise AssertionError("a file was read")

    monkeypatch.setattr(ProjectText, "read", read)
    desk = desk_in(root, "shelf.<CURSOR>\n")

    assert await offered(desk, root) == ""


async def test_what_was_taken_is_offered_in_the_next_session(root: Path) -> None:
    first = desk_in(root, "    ledger.<CURSOR>\n", "close_all()", remember_accepted=True)
    answer = await first.completer.complete(
        CompletionQuery(first.document, first.offset), root=root.as_uri()
    )
    first.completer.accepted(answer.insertions[0].id)
    await first.completer.close()

    second = desk_in(root, "ledger.<CURSOR>\n", remember_accepted=True)
    assert (await offered(second, root)).startswith("close_all")
    other = desk_in(root, "ledger.<CURSOR>\n", remember_accepted=True)
    assert await offered(other, root.parent) == ""
    unasked = desk_in(root, "ledger.<CURSOR>\n")
    assert await offered(unasked, root) == ""


async def test_nothing_is_kept_unasked(root: Path) -> None:
    desk = desk_in(root, "    ledger.<CURSOR>\n", "close_all()")
    answer = await desk.ask()
    desk.completer.accepted(answer.insertions[0].id)
    await desk.completer.close()

    assert not file_of(root).exists()


def test_the_file_stays_small_and_the_oldest_lines_go(root: Path) -> None:
    lines = AcceptedLines(root)
    for number in range(6_000):
        lines.add(f"value_{number} = compute({number})")
    lines.save()

    assert file_of(root).stat().st_size <= MOST_BYTES
    assert "value_5999 " in AcceptedLines(root).text
    assert "value_0 " not in AcceptedLines(root).text


def test_two_windows_add_to_one_file(root: Path) -> None:
    one, other = AcceptedLines(root), AcceptedLines(root)
    one.add("first_line()")
    other.add("second_line()")
    one.save()
    other.save()

    assert {"first_line()", "second_line()"} <= set(AcceptedLines(root).text.split("\n"))


@pytest.mark.skipif(sys.platform == "win32", reason="modes are of Unix")
def test_the_file_is_the_users_alone(root: Path) -> None:
    lines = AcceptedLines(root)
    lines.add("first_line()")
    lines.save()

    assert stat.S_IMODE(file_of(root).stat().st_mode) == 0o600


def test_a_disk_that_fails_costs_the_lines_alone(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    lines = AcceptedLines(root)
    lines.add("first_line()")
    monkeypatch.setattr(Path, "mkdir", full)
    lines.save()

    assert "first_line()" in lines.text


def test_a_command_shows_and_deletes_what_is_remembered(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = AcceptedLines(root)
    lines.add("first_line()")
    lines.save()

    assert main(["habits", str(root)]) == 0
    assert "first_line()" in capsys.readouterr().out
    assert main(["habits", str(root), "--forget"]) == 0
    assert not file_of(root).exists()
    assert forget() == 0


def test_a_document_outside_of_any_folder_has_no_habits() -> None:
    from codelsp.pipeline.habits import Habits
    from codelsp.settings import Settings

    document = DocumentSnapshot.of("untitled:1", "python", 1, "")
    settings = Settings(project_words=True, remember_accepted=True)

    assert Habits().text(document, (), "", settings) == ""
    assert Habits().text(document, (), "vscode-remote://host/folder", settings) == ""
