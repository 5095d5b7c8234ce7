from __future__ import annotations

import pytest

from codelsp.candidates.brackets import Bracket, balance, lexis_of, scan
from codelsp.document.languages import language_of


def opened_and_closed(text: str, language_id: str, quote: str | None = None) -> tuple[str, str]:
    lexis = lexis_of(language_of(language_id))
    assert lexis is not None
    found = scan(text, lexis, quote)
    return "".join(each for each, _ in found.openers), "".join(each for each, _ in found.closers)


@pytest.mark.parametrize(
    ("text", "language_id", "opened", "closed"),
    [
        pytest.param("f(a, [b", "python", "([", "", id="open brackets, innermost last"),
        pytest.param("b])", "python", "", "])", id="closers of what was opened before"),
        pytest.param(") + f(b", "python", "(", ")", id="closes one and opens another"),
        pytest.param("f(')', \"(\")", "python", "", "", id="brackets in strings"),
        pytest.param("f(  # )\n", "python", "(", "", id="brackets in a line comment"),
        pytest.param("f( /* ) */", "javascript", "(", "", id="brackets in a block comment"),
        pytest.param('"""(\n["""', "python", "", "", id="brackets in a long string"),
        pytest.param("`(${x}\n[`", "javascript", "", "", id="brackets in a template"),
        pytest.param('f("a\\")", [', "python", "([", "", id="an escaped quote ends nothing"),
        pytest.param("fn f<'a>(x: &'a str", "rust", "(", "", id="a lifetime is no string"),
        pytest.param("f('(', ", "rust", "(", "", id="a character literal is"),
        pytest.param("start) run (", "shellscript", "", "", id="parentheses of a shell's case"),
        pytest.param("echo $#; f() { [", "shellscript", "{[", "", id="$# begins no comment"),
        pytest.param('x = "abc\nf(', "python", "(", "", id="an open string ends with its line"),
        pytest.param("( { )", "javascript", "", "", id="an opener in between is forgotten"),
    ],
)
def test_strings_and_comments_hide_brackets(
    text: str, language_id: str, opened: str, closed: str
) -> None:
    assert opened_and_closed(text, language_id) == (opened, closed)


def test_a_text_that_begins_in_a_string_closes_it_first() -> None:
    assert opened_and_closed('a (b)") + f(', "python", quote='"') == ("(", ")")


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ('f("abc', '"'),
        ("x = '''abc\ndef", "'''"),
        ("x = 'abc'", None),
        ("x = 'abc\n", None),
        ("`abc\n", "`"),
    ],
)
def test_an_open_string_is_known_by_its_quote(text: str, quote: str | None) -> None:
    lexis = lexis_of(language_of("python" if quote != "`" else "javascript"))
    assert lexis is not None

    assert scan(text, lexis).quote == quote


def test_the_end_of_a_text_may_stand_in_a_comment() -> None:
    lexis = lexis_of(language_of("javascript"))
    assert lexis is not None

    assert scan("f(); // so", lexis).is_comment
    assert scan("f(); /* so\n", lexis).is_comment
    assert not scan("f(); // so\n", lexis).is_comment
    assert not scan("f(); /* so */", lexis).is_comment


def test_prose_and_markup_have_no_lexis() -> None:
    assert lexis_of(language_of("markdown")) is None
    assert lexis_of(language_of("html")) is None


def fit(openers: str, closers: str) -> tuple[str, int]:
    found = balance([Bracket(each) for each in openers], [Bracket(each) for each in closers])
    return "".join(found.missing), found.excess


@pytest.mark.parametrize(
    ("openers", "closers", "missing", "excess"),
    [
        ("([", "])", "", 0),
        ("([", "]", "(", 0),
        ("([", ")", "[", 0),
        ("", ")", "", 1),
        ("{(", "}", "(", 0),
        ("(", "])", "(", 2),
    ],
)
def test_closers_fit_openers(openers: str, closers: str, missing: str, excess: int) -> None:
    assert fit(openers, closers) == (missing, excess)


def test_a_closer_that_begins_its_line_closes_nothing_deeper() -> None:
    found = balance([Bracket("{", 0), Bracket("{", 4)], [Bracket("}", 0)])

    assert found.missing == ("{",)
    assert found.excess == 0
