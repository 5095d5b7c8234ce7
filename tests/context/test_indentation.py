"""The document's own indentation, whatever stands in it."""

from __future__ import annotations

import time

import pytest

from codelsp.context.completion_context import Indentation
from codelsp.context.indentation import indentation_of
from codelsp.document.snapshot import DocumentSnapshot


def document(text: str, language_id: str = "python") -> DocumentSnapshot:
    return DocumentSnapshot.of("untitled:a", language_id, 1, text)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        pytest.param("if a:\n\tb\n\tif c:\n\t\td\n", "\t", id="tabs"),
        pytest.param("if a:\n  b\n  if c:\n    d\n", "  ", id="two"),
        pytest.param("if a:\n   b\n   if c:\n      d\n", "   ", id="three"),
        pytest.param("if a:\n    b\n    if c:\n        d\n", "    ", id="four"),
        pytest.param("if a:\n        b\n", " " * 8, id="eight"),
        pytest.param("if a:\r\n  b\r\nif c:\r\n  d\r\n", "  ", id="CRLF"),
        pytest.param("if a:\r  b\rif c:\r  d\r", "  ", id="CR"),
        pytest.param(
            "def f(a,\n      b):\n    x = g(1,\n          2)\n    return x\n",
            "    ",
            id="alignment",
        ),
        pytest.param(
            "def f(\n        a,\n        b,\n):\n    return a\n\ndef g():\n    return 1\n",
            "    ",
            id="a double step for parameters",
        ),
        pytest.param(
            "def f(x):\n\tif x:\n\t\treturn 1\n\treturn 2\n\n\ndef g(x):\n    return x\n",
            "\t",
            id="mixed, mostly tabs",
        ),
        pytest.param("def f():\n\n    # comment\n\n    return 1\n", "    ", id="blank lines"),
    ],
)
def test_the_unit_is_read_from_the_text(text: str, unit: str) -> None:
    assert indentation_of(document(text)).unit == unit


def test_stars_of_a_block_comment_decide_nothing() -> None:
    text = "class A {\n    /**\n     * Adds.\n     *\n     * @return x\n     */\n    int a;\n}\n"

    assert indentation_of(document(text, "java")).unit == "    "


@pytest.mark.parametrize(
    ("language_id", "unit"),
    [("python", "    "), ("typescript", "  "), ("go", "\t"), ("makefile", "\t"), ("cobol", "    ")],
)
def test_an_empty_document_gets_what_its_language_is_used_to(language_id: str, unit: str) -> None:
    assert indentation_of(document("", language_id)).unit == unit


@pytest.mark.parametrize(
    ("tab_size", "insert_spaces", "expected"),
    [
        pytest.param(2, True, Indentation("  ", 2), id="spaces of the editor's width"),
        pytest.param(8, False, Indentation("\t", 8), id="tabs"),
        pytest.param(None, False, Indentation("\t", 4), id="tabs of unknown width"),
        pytest.param(None, True, Indentation("   ", 3), id="spaces: the document's width"),
        pytest.param(None, None, Indentation("   ", 3), id="nothing said"),
        pytest.param(0, True, Indentation("   ", 3), id="nonsense"),
    ],
)
def test_the_editors_options_win(
    tab_size: int | None, insert_spaces: bool | None, expected: Indentation
) -> None:
    text = document("if a:\n   b\n")

    assert indentation_of(text, tab_size, insert_spaces) == expected


def test_lines_near_the_cursor_count_in_a_long_document() -> None:
    head = "x = 1\n" * 400
    text = head + "class A:\n\tdef f(self):\n\t\treturn 1\n" * 30

    assert indentation_of(document(text), near=len(text) - 20).unit == "\t"


def test_the_line_that_is_being_typed_does_not_count_in_a_long_document() -> None:
    before, after = "text\n" * 250 + "if a:\n        b", "\n" + "text\n" * 60
    text = document(before + after)

    assert indentation_of(text, near=len(before)).unit == "    "
    assert indentation_of(text, near=len(before) + 1).unit == " " * 8


def test_what_is_known_of_one_version_is_not_said_of_the_next() -> None:
    text = "text\n" * 250 + "if a:\n{unit}b\n" + "end\n"
    for unit in ("  ", "    ", "\t", "  "):
        assert indentation_of(document(text.format(unit=unit)), near=len(text)).unit == unit


@pytest.mark.parametrize("text", ["x" * 2_000_000, "    x = 1\n" * 20_000, "\n" * 20_000])
def test_a_huge_document_costs_no_more_than_a_small_one(text: str) -> None:
    huge = document(text)
    start = time.perf_counter()
    indentation_of(huge, near=len(text) // 2)

    # Reading it all would take ten times as long.
    assert time.perf_counter() - start < 0.1
