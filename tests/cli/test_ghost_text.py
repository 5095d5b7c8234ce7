from __future__ import annotations

import pytest

from codelsp.cli.ghost_text import GHOST_STYLE, ghosted_code
from codelsp.context.completion_context import CompletionQuery
from codelsp.reply import Insertion
from tests.documents import at_cursor


def _insertion(text: str, start: int, end: int) -> Insertion:
    return Insertion("id", text, start, end, 0.5, "model")


def _shown(marked: str, text: str, *, back: int = 0, over: int = 0) -> str:
    document, offset = at_cursor(marked)
    query = CompletionQuery(document, offset)
    code = ghosted_code(query, _insertion(text, offset - back, offset + over), is_colored=False)
    return code.plain


@pytest.mark.parametrize(
    ("marked", "text", "back", "over", "line"),
    [
        pytest.param("a = <CURSOR>", "1", 0, 0, ">    1 a = «1»", id="at the end"),
        pytest.param("f(<CURSOR>)", "x)", 0, 1, ">    1 f(«x)»", id="over a closer"),
        pytest.param("    <CURSOR>\n", "  b", 4, 0, ">    1 «  b»", id="over indentation"),
    ],
)
def test_without_colors_guillemets_say_what_is_new(
    marked: str, text: str, back: int, over: int, line: str
) -> None:
    assert line in _shown(marked, text, back=back, over=over).split("\n")


def test_only_the_lines_around_the_cursor_are_shown() -> None:
    marked = "".join(f"line{number}\n" for number in range(20)) + "<CURSOR>\n" + "end\n" * 20

    shown = _shown(marked, "new\nlines")

    assert "line13" not in shown
    assert "    15 line14" in shown.replace(" \n", "\n")
    assert ">   21 «new" in shown
    assert ">   22 lines»" in shown


def test_the_ghost_text_alone_has_its_style() -> None:
    document, offset = at_cursor("total = <CURSOR>\n")
    code = ghosted_code(CompletionQuery(document, offset), _insertion("a + b", offset, offset))

    styled = [code.plain[span.start : span.end] for span in code.spans if span.style == GHOST_STYLE]

    assert "".join(styled) == "a + b"


def test_without_a_completion_the_cursor_is_marked() -> None:
    document, offset = at_cursor("a<CURSOR>b")
    code = ghosted_code(CompletionQuery(document, offset), None, is_colored=False)

    assert code.plain == ">    1 a«»b"


@pytest.mark.parametrize("line_end", ["\r\n", "\r", "\n"])
def test_the_cursor_s_line_is_marked_whatever_lines_end_with(line_end: str) -> None:
    marked = line_end.join([*(f"line{number}" for number in range(1, 40)), "a = <CURSOR>", "end"])

    shown = _shown(marked, "1").split("\n")

    assert ">   40 a = «1»" in shown
    assert "    34 line34".strip() in [line.strip() for line in shown]
    assert [line[0] for line in shown].count(">") == 1


def test_what_a_terminal_would_obey_is_left_out_and_moves_nothing() -> None:
    assert _shown("x\x0c\x07 = 1\na = <CURSOR>\n", "1\x07").split("\n")[1] == ">    2 a = «1»"
