"""The gate before 8 bits: measured, kept, and obeyed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

torch = pytest.importorskip("torch")

from codelsp.model_store.places import DEFAULT_MODEL, embedded_dir
from codelsp.torch_engine import loading
from codelsp.torch_engine.agreement import LEAST_AGREEMENT, Measured
from codelsp.torch_engine.loading import LoadOptions, load

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the compiled steps, but nothing that was measured before."""
    monkeypatch.setattr("codelsp.torch_engine.agreement.cache_dir", lambda: tmp_path / "cache")


def test_a_model_that_rounding_changes_too_much_stays_in_full_precision(
    qwen_folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(loading, "agreement", lambda *_: LEAST_AGREEMENT - 0.05)
    caplog.set_level("INFO")

    plan = load(qwen_folder, LoadOptions("cpu", "auto", 512)).plan

    assert plan.dtype == "float32"
    assert "int8 changes too much: 91.0% of the greedy tokens" in caplog.text


def test_who_asks_for_8_bits_gets_them_with_a_warning(
    qwen_folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(loading, "agreement", lambda *_: 0.5)
    caplog.set_level("INFO")

    assert load(qwen_folder, LoadOptions("cpu", "int8", 512)).plan.dtype == "int8"
    assert "int8 changes too much: 50.0%" in caplog.text


def test_a_model_is_measured_once_and_again_when_its_files_change(
    qwen_folder: Path, tmp_path: Path
) -> None:
    import shutil

    folder = shutil.copytree(qwen_folder, tmp_path / "model")
    Measured(folder, "8 bits").write(0.99)

    assert Measured(folder, "8 bits").read() == 0.99
    assert Measured(folder, "other bits").read() is None
    (folder / "config.json").write_text((folder / "config.json").read_text() + "\n")
    assert Measured(folder, "8 bits").read() is None


@pytest.mark.slow
def test_the_embedded_model_writes_the_same_in_8_bits() -> None:
    folder = embedded_dir() / DEFAULT_MODEL
    if not (folder / "model.safetensors").is_file():
        pytest.skip("the embedded model is here as GGUF only")
    plan = load(folder, LoadOptions("cpu")).plan
    if "compiled" not in str(plan.reasons) and plan.dtype == "float32":
        pytest.skip("there is no C++ compiler here")

    assert plan.dtype == "int8"
    rate = Measured(folder, "compiled steps in 8 bits").read()
    assert rate is not None
    assert rate >= LEAST_AGREEMENT
