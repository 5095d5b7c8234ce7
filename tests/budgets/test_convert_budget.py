"""Converting source code: 100 MB in 60 s, in less than 1 GB; here a tenth of it.

The whole is `codelsp corpus convert FOLDER`, which tells its time and its memory.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.budgets.slack import TIME_SLACK
from tests.training.material import write_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

_MB = 10
CPU_SECONDS_FOR_100_MB = 120.0
"""60 seconds of two cores; counted as processor time, which other work on the machine leaves."""
MEMORY_MB = 1000


def sources() -> Iterator[tuple[str, str]]:
    """Files of the standard library and of packages, 10 MB altogether."""
    left = _MB * 1_000_000
    for name in ("stdlib", "purelib"):
        root = Path(sysconfig.get_path(name))
        for file in sorted(root.rglob("*.py")):
            text = file.read_text("utf-8", errors="ignore")
            if left <= 0:
                return
            if len(text) < 1_000_000:
                left -= len(text.encode("utf-8"))
                yield f"{name}/{file.relative_to(root).as_posix()}", text


def cpu_seconds_of_children() -> float:
    times = os.times()
    return times.children_user + times.children_system


@pytest.mark.budget
def test_source_code_is_converted_fast_and_in_little_memory(tmp_path: Path) -> None:
    files = {path.replace("site-packages", "packages"): text for path, text in sources()}
    write_tree(tmp_path / "src", files)
    command = ["-m", "codelsp", "corpus", "convert", str(tmp_path / "src"), "-o"]
    before = cpu_seconds_of_children()
    done = subprocess.run(
        [sys.executable, *command, str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=True,
    )

    seconds = cpu_seconds_of_children() - before
    told = re.search(r"([\d.,]+) MB in [\d.]+ s, ([\d,]+) MB of memory", done.stderr)
    assert told is not None, done.stderr
    mb, memory = (float(number.replace(",", "")) for number in told.groups())
    assert mb > 0.7 * _MB
    assert seconds / mb * 100 <= CPU_SECONDS_FOR_100_MB * TIME_SLACK
    assert memory < MEMORY_MB
