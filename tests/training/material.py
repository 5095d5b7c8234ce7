"""Small repositories, archives and runs for the tests of training."""

from __future__ import annotations

import inspect
import json
import subprocess
import tarfile
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MIT = textwrap.dedent(
    """\
    MIT License

    Copyright (c) 2024 The Authors

    Permission is hereby granted, free of charge, to any person obtaining a copy
    of this software and associated documentation files (the "Software"), to deal
    in the Software without restriction, including without limitation the rights
    to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
    copies of the Software, and to permit persons to whom the Software is
    furnished to do so, subject to the following conditions:

    The above copyright notice and this permission notice shall be included in all
    copies or substantial portions of the Software.

    THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
    IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
    FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
    AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
    LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
    OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
    SOFTWARE.
    """
)

MODULE = '''"""Shapes that know their area."""

import math
from dataclasses import dataclass


@dataclass
class Circle:
    """A circle."""

    radius: float

    def area(self) -> float:
        """Return the area."""
        return math.pi * self.radius ** 2


def total_area(shapes: list[Circle]) -> float:
    """Return the area of all shapes together."""
    return sum(shape.area() for shape in shapes)
'''

OTHER = inspect.getsource(textwrap)
"""A module that shares nothing with ``MODULE``."""

ALPHA, BETA, GAMMA = "acme/alpha", "acme/beta", "acme/gamma"


def write_tree(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write ``files`` below ``root``."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def library_files(*modules: object) -> dict[str, str | bytes]:
    """Return a repository whose code is modules of the standard library, under the MIT license."""
    files: dict[str, str | bytes] = {"LICENSE": MIT}
    for module in modules:
        name = module.__name__.replace(".", "/")  # type: ignore[attr-defined]  # a module
        files[f"src/{name}.py"] = inspect.getsource(module)  # type: ignore[arg-type]  # a module
    return files


def git_repository(root: Path) -> Path:
    """Commit all that is in ``root``, and return a bare clone of it."""
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    for command in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-q", "-m", "all"]):
        subprocess.run(["git", *command], cwd=root, check=True, capture_output=True)
    bare = root.with_name(root.name + ".bare")
    subprocess.run(["git", "clone", "-q", "--bare", str(root), str(bare)], check=True)
    return bare


def tar_of(root: Path, file: Path) -> Path:
    """Pack ``root`` as a source distribution does: in a folder of its name."""
    with tarfile.open(file, "w:gz") as archive:
        archive.add(root, arcname=root.name)
    return file


def steps_of(run: Path) -> list[dict[str, float]]:
    """Return the steps in a run's figures, without what depends on the clock."""
    lines = (run / "metrics.jsonl").read_text().split("\n")
    entries = [json.loads(line) for line in lines if line]
    wanted = ("step", "tokens", "loss", "norm", "factor")
    return [{key: e[key] for key in wanted} for e in entries if e["kind"] == "step"]
