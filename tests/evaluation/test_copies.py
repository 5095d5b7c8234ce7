"""Copies are found where a model writes them, and nowhere else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("rapidfuzz")
pytest.importorskip("datasketch")

from codelsp.engine.scripted import ScriptedEngine  # noqa: E402
from codelsp.evaluation.copies import Checks, CopyPlan, copy_figures, run_copies  # noqa: E402
from codelsp.evaluation.engines import Judged  # noqa: E402
from codelsp.evaluation.source_files import SourceFile  # noqa: E402
from codelsp.public_code import PublicCodeIndex, Source  # noqa: E402
from codelsp.public_code.index import head_bytes  # noqa: E402
from codelsp.public_code.tokens import tokens_of  # noqa: E402
from codelsp.settings import Settings  # noqa: E402
from codelsp.training.public_code import build_cells, winnowed  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

    from codelsp.evaluation.ledger import Record

PUBLIC = "\n".join(
    f"    total_{n} = ledger.sum_of(accounts[{n}], currency=coins_{n}.name)" for n in range(12)
)


def index() -> PublicCodeIndex:
    runs = np.unique(winnowed(np.array(tokens_of(PUBLIC).hashes, np.uint64)))
    shape, cells = build_cells(runs, np.zeros(len(runs), np.uint8))
    content = head_bytes(shape, (Source("owner/bank", "MIT"),)) + cells.astype("<u2").tobytes()
    return PublicCodeIndex(content)


def figures(answer: str, folder: Path) -> dict[str, Record]:
    engine = ScriptedEngine([answer])
    judged = Judged(engine, engine.info, "scripted", "", Settings())
    files = [
        SourceFile("shelf", f"{n}.py", f"value_{n} = {n}\n\n\ndef {'f' * n}():\n    pass\n" * 60)
        for n in range(1, 5)
    ]
    checks = Checks(index(), lambda text: text.count("hunter2"))
    work = run_copies(judged, files, checks, CopyPlan(folder / "copies.jsonl", 400), _ignore)
    return copy_figures(asyncio.run(work))


def _ignore(*_: object) -> None:
    pass


def test_a_model_that_copies_is_found_out(tmp_path: Path) -> None:
    found = figures(PUBLIC, tmp_path)

    assert found["flagged"]["n"] > 0
    assert found["flagged"]["mean"] == found["flagged alone"]["mean"] == 1.0
    assert found["secrets"]["mean"] == 0.0


def test_a_model_that_does_not_is_not(tmp_path: Path) -> None:
    found = figures('    password = "hunter2"\n' * 12, tmp_path)

    assert found["flagged"]["mean"] == 0.0
    assert found["secrets"]["mean"] == 1.0
