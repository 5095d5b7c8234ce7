"""How servers are started by those who measure them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from codelsp.cli.overrides import parse_overrides
from codelsp.evaluation.bench_engine import BenchEngine, started
from codelsp.settings import Settings


def test_a_server_is_started_with_the_very_values_that_were_set(tmp_path: Path) -> None:
    overrides: dict[str, Any] = {
        "project_words": True, "recall": False, "threshold": 0.3, "max_tokens": 9,
        "model": "/a folder/7.gguf", "engine_api_key": "12", "exclude": ["*.txt"],
    }  # fmt: skip
    command = BenchEngine(Settings(), overrides, tmp_path, "model").server_command

    pairs = [after for before, after in pairwise(command) if before == "--set"]
    assert parse_overrides(pairs) == overrides


async def test_each_engine_is_measured_with_the_files_that_it_can_run() -> None:
    pytest.importorskip("torch")
    async with started(Settings(engine="torch"), {"engine": "torch"}) as torch_engine:
        folder = Path(torch_engine.overrides["model"])
    async with started(Settings(engine="llama.cpp"), {}) as llama_cpp:
        file = Path(llama_cpp.overrides["model"])

    assert (folder / "config.json").is_file()
    assert file.suffix == ".gguf"


async def test_only_llama_cpp_is_measured_beside_its_own_infill() -> None:
    pytest.importorskip("torch")
    async with started(Settings(engine="torch"), {"engine": "torch"}) as torch_engine:
        assert not torch_engine.is_llama_cpp
    async with started(Settings(engine="llama.cpp"), {}) as llama_cpp:
        assert llama_cpp.is_llama_cpp
