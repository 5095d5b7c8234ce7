"""What is taken out of a prefix that ends inside a token."""

from __future__ import annotations

import pytest

from codelsp.prompt.healing import healed_end


@pytest.mark.parametrize(
    ("prefix", "healed"),
    [
        pytest.param("self.na", ".na", id="a dot belongs to the word after it"),
        pytest.param("return fo", " fo", id="so does a space"),
        pytest.param("fo", "fo", id="a word at the start of the document"),
        pytest.param("x\nfo", "fo", id="nothing before the line start is taken"),
        pytest.param("x\n\tfo", "\tfo", id="a tab before a word"),
        pytest.param("x\n    fo", " fo", id="of an indentation one space"),
        pytest.param("some_na", "_na", id="an underscore begins the next part of a name"),
        pytest.param("some_", "_", id="even alone"),
        pytest.param("getUserNa", "Na", id="a hump begins one as well"),
        pytest.param("HTTPServ", "Serv", id="after capitals only the last hump"),
        pytest.param("x1ab", "ab", id="a digit is a token by itself"),
        pytest.param("x1", "", id="so a word that ends in one is complete"),
        pytest.param("return ", " ", id="a space after a word waits for the next"),
        pytest.param("x =   ", " ", id="of several the last"),
        pytest.param("self.", ".", id="a dot alone"),
        pytest.param("x ==", " ==", id="an operator with its space"),
        pytest.param("foo(", "(", id="an open bracket"),
        pytest.param('print("', '("', id="a bracket and a quote are often one token"),
        pytest.param("#" * 40, "#", id="of a ruler one character"),
        pytest.param("a" * 40, "a" * 16, id="of an endless word its end"),
        pytest.param("x = 1\n", "", id="after a line end nothing is open"),
        pytest.param("x\r\n", "", id="CRLF as well"),
        pytest.param("x\r", "", id="CR as well"),
        pytest.param("", "", id="an empty prefix"),
        pytest.param("größ", "größ", id="letters beyond ASCII"),
        pytest.param("\0fo", "", id="nor can a null character"),
        pytest.param("\ud800fo", "", id="a lone surrogate cannot be written again"),
    ],
)
def test_the_last_token_that_may_go_on_is_healed(prefix: str, healed: str) -> None:
    assert healed_end(prefix) == healed
