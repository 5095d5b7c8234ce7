"""How servers are started by those who measure them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from codelsp.cli.overrides import parse_overrides
from codelsp.evaluation.bench_engine import BenchEngine
from codelsp.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


def test_a_server_is_started_with_the_very_values_that_were_set(tmp_path: Path) -> None:
    overrides: dict[str, Any] = {
        "project_words": True, "recall": False, "threshold": 0.3, "max_tokens": 9,
        "model": "/a folder/7.gguf", "fim_layout": "12", "exclude": ["*.txt"],
    }  # fmt: skip
    command = BenchEngine(Settings(), overrides, tmp_path, "model").server_command

    pairs = [after for before, after in pairwise(command) if before == "--set"]
    assert parse_overrides(pairs) == overrides
