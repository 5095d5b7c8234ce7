from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from codelsp.cli import bench_engine as engine_bench
from codelsp.cli import main
from codelsp.cli.bench import as_markdown, shown
from codelsp.cli.bench_engine import EngineBenchOptions, EngineSamples, KeptRun, engine_figures
from codelsp.evaluation.figures import Figure

if TYPE_CHECKING:
    from pathlib import Path

SAMPLES = EngineSamples(
    torch=[10.0, 12.0],
    torch_without_drafts=[14.0, 16.0],
    llama_cpp=[12.0, 13.0],
    generate=[110.0],
    step_ms={"1": 3.0, "4": 3.6},
    after_cancel=[0.0, 0.0],
    memory=[100, 100, 101, 101, 102],
)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(2.64, "ms", "2.6 ms"), (1089.4, "ms", "1089 ms"), (3.0, "tokens", "3 tokens")],
)
def test_a_figure_is_as_exact_as_its_size_asks_for(value: float, unit: str, text: str) -> None:
    assert shown(Figure("key", "what", value, unit, 5)) == text


def test_a_figure_that_is_missing_says_so() -> None:
    assert shown(Figure("key", "what", None, "ms", 5)) == "not measured"


def test_the_readmes_section_names_machine_model_and_budgets() -> None:
    figures = [Figure("a", "one", 2.0, "ms", 5), Figure("b", "two", 4.0, "x", 3, is_floor=True)]
    section = as_markdown(figures, {"keys": 300, "machine": "a machine", "model": "a model"})

    assert "a machine, with a model" in section
    assert "| one | 2.0 ms | 5 ms |" in section
    assert "| two | 4.0 x | at least 3 x |" in section


def test_an_engine_at_a_url_is_not_ours_to_stop(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--set", "engine=http://127.0.0.1:1", "bench"]) == 2
    assert "engine of its own" in capsys.readouterr().err


def test_a_run_of_the_engines_becomes_the_rows_of_its_table() -> None:
    figures = {each.key: each for each in engine_figures(SAMPLES)}

    assert figures["generate_ratio"].value == 10.0
    assert figures["llama_ratio"].value == 1.2
    assert figures["llama_ratio_drafts"].value == pytest.approx(11 / 12.5)
    assert figures["candidates_ratio"].is_met
    assert figures["memory_growth"].value == pytest.approx(2.0)
    assert figures["gpu_bandwidth"].note == "no GPU here"
    assert [key for key, each in figures.items() if not each.is_met] == [
        "gpu_bandwidth", "gpu_first_token",
    ]  # fmt: skip


def test_a_run_that_was_broken_off_goes_on_from_what_it_kept(tmp_path: Path) -> None:
    file, options = tmp_path / "run.json", EngineBenchOptions(10, 20)
    broken_off = KeptRun(file, options)
    broken_off.samples = SAMPLES
    broken_off.keep()

    assert KeptRun(file, options).samples == SAMPLES
    assert KeptRun(file, EngineBenchOptions(11, 20)).samples == EngineSamples()


@pytest.mark.parametrize("content", ["", "[]", "not JSON"])
def test_a_run_that_is_complete_or_damaged_is_begun_anew(content: str, tmp_path: Path) -> None:
    file, options = tmp_path / "run.json", EngineBenchOptions(10, 20)
    complete = KeptRun(file, options)
    complete.samples = SAMPLES
    complete.keep(is_complete=True)
    assert json.loads(file.read_text())["is_complete"]
    assert KeptRun(file, options).samples == EngineSamples()

    file.write_text(content)
    assert KeptRun(file, options).samples == EngineSamples()


def test_a_plot_without_matplotlib_is_refused_before_anything_is_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(engine_bench, "find_spec", lambda _: None)

    assert main(["bench", "engine", "--plot", str(tmp_path / "plot.png")]) == 2
    assert "codelsp[evaluate]" in capsys.readouterr().err


def test_a_plot_shows_a_run(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    engine_bench.plot_engine_run(SAMPLES, tmp_path / "plot.png")

    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_a_file_that_cannot_be_written_is_told_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "--json", str(tmp_path / "none" / "x.json")]) == 2
    assert "cannot be written: No such file" in capsys.readouterr().err


def test_a_file_to_type_that_python_has_not_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "nope.py", "--starts", "1"]) == 2
    assert "no file of Python's standard library" in " ".join(capsys.readouterr().err.split())
