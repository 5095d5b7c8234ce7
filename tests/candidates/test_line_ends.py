from __future__ import annotations

import pytest

from codelsp.candidates.line_ends import document_line_ends, line_end_of, plain_line_ends
from tests.candidates.contexts import candidate_at, context_at


@pytest.mark.parametrize(
    ("marked", "line_end"),
    [
        ("a\nb<CURSOR>", "\n"),
        ("a\r\nb<CURSOR>", "\r\n"),
        ("a\rb<CURSOR>", "\r"),
        ("<CURSOR>\r\n", "\r\n"),
        ("<CURSOR>", "\n"),
        ("a\r\nb\nc<CURSOR>\r\n", "\n"),
        ("\r\n" + "a" * 5000 + "<CURSOR>", "\r\n"),
    ],
)
def test_the_nearest_line_above_says_how_lines_end(marked: str, line_end: str) -> None:
    assert line_end_of(context_at(marked)) == line_end


def test_the_text_gets_the_document_s_line_ends() -> None:
    context = context_at("a\r\n<CURSOR>", multiline=True)

    plain = plain_line_ends(candidate_at(context, "b\r\nc\rd\ne"), context)
    assert plain.text == "b\nc\nd\ne"
    assert document_line_ends(plain, context).text == "b\r\nc\r\nd\r\ne"
