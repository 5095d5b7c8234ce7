"""Local statistics: counted, kept, shared, deleted; a failing disk disturbs nobody."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from filelock import FileLock

from codelsp.editor.statistics import Statistics
from codelsp.pipeline.answer import InsertionEvent, Outcome

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def event(outcome: Outcome, language_id: str = "python", length_chars: int = 0) -> InsertionEvent:
    return InsertionEvent(outcome, "1", language_id, length_chars)


def count_three(statistics: Statistics) -> None:
    statistics.count(event(Outcome.SHOWN))
    statistics.count(event(Outcome.ACCEPTED, length_chars=9))
    statistics.count(event(Outcome.PARTIALLY_ACCEPTED, "go", 4))
    statistics.offer("go")


THREE = {
    "go": {"offered": 1, "shown": 0, "accepted": 0, "partially_accepted": 1, "chars": 4},
    "python": {"offered": 0, "shown": 1, "accepted": 1, "partially_accepted": 0, "chars": 9},
}


def test_counts_are_kept_by_language(tmp_path: Path) -> None:
    path = tmp_path / "state" / "statistics.json"
    statistics = Statistics(path)
    count_three(statistics)
    statistics.save()

    assert json.loads(path.read_text(encoding="utf-8")) == {"languages": THREE}
    assert Statistics(path).as_json() == {"languages": THREE, "path": str(path)}


def test_what_is_not_yet_written_is_told(tmp_path: Path) -> None:
    statistics = Statistics(tmp_path / "statistics.json")
    count_three(statistics)

    assert statistics.as_json()["languages"] == THREE
    assert not statistics.path.exists()


def test_two_servers_add_up_in_one_file(tmp_path: Path) -> None:
    path = tmp_path / "statistics.json"
    for statistics in (Statistics(path), Statistics(path)):
        statistics.count(event(Outcome.SHOWN))
        statistics.save()

    assert Statistics(path).as_json()["languages"]["python"]["shown"] == 2


def test_after_enough_events_they_are_written_by_themselves(tmp_path: Path) -> None:
    statistics = Statistics(tmp_path / "statistics.json")
    for _ in range(20):
        statistics.count(event(Outcome.SHOWN))

    assert statistics.path.exists()


def test_they_can_be_deleted(tmp_path: Path) -> None:
    statistics = Statistics(tmp_path / "statistics.json")
    count_three(statistics)
    statistics.save()
    statistics.reset()

    assert statistics.as_json()["languages"] == {}
    assert not statistics.path.exists()


def test_a_damaged_file_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "statistics.json"
    for content in (
        "{",
        "[]",
        '{"languages": [1]}',
        '{"languages": {"a": 1, "b": {"shown": "x"}}}',
    ):
        path.write_text(content, encoding="utf-8")
        statistics = Statistics(path)
        statistics.count(event(Outcome.SHOWN))
        statistics.save()

        assert Statistics(path).as_json()["languages"]["python"]["shown"] == 1


def test_a_disk_that_fails_is_told_once_and_disturbs_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    statistics = Statistics(tmp_path / "file" / "statistics.json")
    for _ in range(50):
        statistics.count(event(Outcome.SHOWN))
    statistics.save()

    assert statistics.as_json()["languages"]["python"]["shown"] == 50
    assert len(caplog.records) == 1


def test_counts_wait_while_another_window_writes(tmp_path: Path) -> None:
    statistics = Statistics(tmp_path / "statistics.json")
    statistics.offer("python")
    with FileLock(f"{statistics.path}.lock"):
        statistics.save()
        assert not statistics.path.exists()
    statistics.save()

    assert Statistics(statistics.path).as_json()["languages"]["python"]["offered"] == 1
