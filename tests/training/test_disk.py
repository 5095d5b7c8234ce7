"""A full disk is told in a sentence, whoever says so."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from codelsp.cli import main
from codelsp.errors import TrainingError
from codelsp.training.disk import room_for
from codelsp.training.monitor import StepReport, TensorBoard

if TYPE_CHECKING:
    from pathlib import Path

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    "error", [FULL, RuntimeError("I/O error: No space left on device (os error 28)")]
)
def test_a_full_disk_says_what_found_no_room(error: Exception, tmp_path: Path) -> None:
    with (
        pytest.raises(TrainingError, match="no room left on the disk"),
        room_for("the rows", tmp_path),
    ):
        raise error


def test_what_is_wrong_otherwise_is_not_taken_for_it(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), room_for("the rows", tmp_path):
        raise PermissionError(errno.EACCES, "no")


def test_any_command_tells_a_full_disk_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def list_models(*_: object) -> None:
        raise FULL

    monkeypatch.setattr("codelsp.model_store.list_models", list_models)

    assert main(["models", "list"]) == 2
    assert capsys.readouterr().err.startswith("codelsp: There is no room left on the disk")


def test_a_run_goes_on_without_its_pictures_when_there_is_no_room_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("tensorboard")
    board = TensorBoard(tmp_path, 0)
    report = StepReport(1, 10, 1.0, 2.0, 0.5, 1.0, 10.0, 0.5)

    def full(*_: object) -> None:
        raise FULL

    monkeypatch.setattr(board._writer, "add_scalar", full)
    board.on_step(report)
    board.on_step(report)

    assert caplog.text.count("nothing is drawn for TensorBoard any more") == 1
