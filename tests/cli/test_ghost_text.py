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
