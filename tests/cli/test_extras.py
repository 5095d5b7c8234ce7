"""A command whose packages are not installed says what to install."""

from __future__ import annotations

import sys

import pytest

from codelsp.cli.app import EXIT_ERROR, run
from codelsp.cli.extras import advice


@pytest.mark.parametrize(
    ("module", "arguments", "extra"),
    [
        ("numpy", ["corpus", "build", "src"], "train"),
        ("numpy", ["evaluate", "holes"], "evaluate"),
        ("torch.nn", ["evaluate", "ranking"], "torch"),
        ("sacrebleu.metrics", ["evaluate", "humaneval"], "evaluate"),
        ("prompt_toolkit", ["interact"], "interact"),
        ("tokenizers", ["--set", "a=b", "tokenizer", "train"], "train"),
        ("datatrove", ["corpus", "build"], "cluster"),
        ("uvicorn", ["bench", "engine"], "torch"),
        ("matplotlib", ["adapt", "."], "torch,train,evaluate"),
    ],
)
def test_the_extra_of_the_command_is_named(module: str, arguments: list[str], extra: str) -> None:
    said = advice(module, arguments)
    assert said is not None
    assert said.endswith(f"pip install 'codelsp[{extra}]'")


def test_a_module_that_no_extra_has_is_an_error_of_ours() -> None:
    assert advice("codelsp.nothing", ["corpus"]) is None


def test_a_plain_installation_gets_one_line_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.startswith("codelsp.training.corpus")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "numpy", None)
    monkeypatch.setitem(sys.modules, "datasketch", None)

    assert run(["corpus", "build", "."]) == EXIT_ERROR
    assert capsys.readouterr().err.count("\n") == 1
