from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import cast

import pytest

from codelsp.evaluation.programs import Checker, is_python, parses
from codelsp.evaluation.sandbox import Ending, Run, Sandbox


@dataclass
class _Told:
    """A sandbox that is told what happens, and keeps what it ran."""

    ran: list[str] = field(default_factory=list)

    def run(self, program: str) -> Run:
        self.ran.append(program)
        return Run(Ending.FAILED if "assert" in program else Ending.PASSED, "", 0, 0.0)


async def _asked(*programs: str) -> tuple[list[bool | None], list[str]]:
    box = _Told()
    checker = Checker(cast("Sandbox", box))
    return [await checker.passes(each) for each in programs], box.ran


def test_the_same_program_is_run_once_and_what_is_no_python_never() -> None:
    passes, ran = asyncio.run(_asked("x = 1", "assert 0", "x = 1", "def"))

    assert passes == [True, False, True, False]
    assert ran == ["x = 1", "assert 0"]


def test_without_a_sandbox_nothing_is_said() -> None:
    assert asyncio.run(Checker(None).ending("x = 1")) is None


@pytest.mark.parametrize("program", ["def f(:", "x = '\0'", "(" * 5000])
def test_what_cannot_be_compiled_is_no_python(program: str) -> None:
    assert not is_python(program)


def test_the_parse_score_asks_the_grammar_of_the_language() -> None:
    assert parses("def f(a):\n    return a\n")
    assert not parses("def f(a:\n    return a\n")
    assert parses("int f() { return 1; }", "c")
    assert not parses("int f() { return 1;", "c")


def test_bleu_is_one_of_the_same_and_little_of_another() -> None:
    pytest.importorskip("sacrebleu")
    from codelsp.evaluation.bleu import bleu4

    assert bleu4("return a + b", "return a + b") == pytest.approx(1.0)
    assert bleu4("return b + a", "return a + b") < 0.5
    assert bleu4("", "return a + b") == 0.0
