from __future__ import annotations

import pytest

from codelsp.candidates.block import Block, Judgement
from tests.candidates.contexts import context_at


def taken(lines: str, before: str | None = None, max_lines: int = 24) -> str:
    """Return the lines that belong to the block, which ``before`` begins."""
    block = Block.at(context_at("<CURSOR>"), before, max_lines)
    if before is not None:
        block.begin(before)
    found = []
    for line in lines.split("\n"):
        judgement = block.judge(line)
        if judgement is Judgement.REFUSED:
            break
        found.append(line)
        if judgement is Judgement.LAST:
            break
    return "\n".join(found)


@pytest.mark.parametrize(
    ("before", "inside", "outside"),
    [
        pytest.param("if x:", "    a\n    b", "\nc", id="a body"),
        pytest.param("if x:", "    a\nelse:\n    b", "\nc", id="else"),
        pytest.param("try:", "    a\nexcept E:\n    b\nfinally:\n    c", "\nd", id="try"),
        pytest.param("if (x) {", "    a;\n}", "\nb;", id="a closer"),
        pytest.param("if (x) {", "    a;\n} else {\n    b;\n}", "\nc;", id="braces and else"),
        pytest.param("f(() => {", "    a;\n});", "\nb;", id="a callback"),
        pytest.param("def f", "  a\nend", "\nb", id="an end word"),
        pytest.param("<ul>", "  <li></li>\n</ul>", "\n<p>", id="a tag"),
        pytest.param("x = 1", "y = 2", "\n\nz = 3", id="siblings up to a blank line"),
        pytest.param("    x = 1", "    y = 2", "\nz = 3", id="siblings up to a shallower line"),
        pytest.param(None, "    a\n\n    b", "\nc", id="a blank line in a body"),
        pytest.param(None, "    a;\n}", "\nb;", id="the closer of the block around"),
        pytest.param(None, "    def f():\n        a", "\n\n    def g():", id="one definition"),
        pytest.param(None, "x = 1\ny = 2", "\n\nz = 3", id="one paragraph of the top level"),
        pytest.param(None, "fi", "\nx", id="nothing but an end"),
    ],
)
def test_a_block_ends_where_a_reader_would_end_it(
    before: str | None, inside: str, outside: str
) -> None:
    assert taken(inside + outside, before).rstrip("\n") == inside


def test_asking_about_half_a_line_changes_nothing() -> None:
    block = Block.at(context_at("<CURSOR>"), None, 24)
    block.judge("    a")

    assert block.would_refuse("b = ")
    assert block.judge("    c") is Judgement.TAKEN
    assert block.n_lines == 2


@pytest.mark.parametrize(
    ("partial", "is_decided"),
    [("", False), ("    ", False), ("  cl", False), ("class ", True), ("}", False), ("@", True)],
)
def test_a_line_is_judged_by_its_first_word(partial: str, is_decided: bool) -> None:
    assert Block.at(context_at("<CURSOR>"), None, 24).is_decided(partial) is is_decided
