from __future__ import annotations

import pytest

from codelsp.cli import main
from codelsp.cli.bench import as_markdown, shown
from codelsp.evaluation.figures import Figure


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
