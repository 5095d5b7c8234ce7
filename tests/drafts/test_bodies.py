"""Where the rest of a function goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from codelsp.document.syntax import parse
from codelsp.drafts.bodies import BodyPlace, body_place, whole_body
from codelsp.errors import DraftError
from tests.documents import at_cursor

if TYPE_CHECKING:
    from codelsp.document.functions import Function
    from codelsp.document.snapshot import DocumentSnapshot
    from codelsp.document.syntax import SyntaxTree

PLACES = [
    ("python", "def f():\n    <CURSOR>pass\n", "def f():\n    BODY\n"),
    ("python", "def f():<CURSOR> ...\n", "def f():\n    BODY\n"),
    ("python", "def f():\n    '''Do.'''<CURSOR>\n", "def f():\n    '''Do.'''\n    BODY\n"),
    ("python", "def f():\n    '''Do.'''\n    raise NotImplementedError('x')<CURSOR>\nx = 1\n",
     "def f():\n    '''Do.'''\n    BODY\nx = 1\n"),
    ("python", "def f():\n    # First.\n    # Second.\n    pass<CURSOR>\n",
     "def f():\n    # First.\n    # Second.\n    BODY\n"),
    ("python", "def f():\n    a = 1<CURSOR>\n\nx = 1\n",
     "def f():\n    a = 1\n    BODY\n\nx = 1\n"),
    ("python", "def f():\n    a = 1\n    <CURSOR>\n    return a\n",
     "def f():\n    a = 1\n    BODY\n    return a\n"),
    ("javascript", "function f() {<CURSOR>}\n", "function f() {\n  BODY\n}\n"),
    ("javascript", "class A {\n  f() {\n    <CURSOR>\n  }\n}\n",
     "class A {\n  f() {\n    BODY\n  }\n}\n"),
    ("typescript", "function f() {\n  throw new Error('Not implemented');<CURSOR>\n}\n",
     "function f() {\n  BODY\n}\n"),
    ("rust", "fn f() -> i32 {\n    todo!()<CURSOR>\n}\n", "fn f() -> i32 {\n    BODY\n}\n"),
    ("go", "package a\n\nfunc F() {\n\tpanic(\"not implemented\")<CURSOR>\n}\n",
     "package a\n\nfunc F() {\n\tBODY\n}\n"),
    ("java", "class A {\n    int f() {\n        int a = 1;<CURSOR>\n    }\n}\n",
     "class A {\n    int f() {\n        int a = 1;\n        BODY\n    }\n}\n"),
]  # fmt: skip


def place_in(
    language_id: str, marked: str
) -> tuple[DocumentSnapshot, SyntaxTree, Function, BodyPlace]:
    document, offset = at_cursor(marked, language_id, "file:///project/example")
    tree = parse(document)
    assert tree is not None
    function = tree.function_at(offset)
    assert function is not None
    return document, tree, function, body_place(document, function, offset)


@pytest.mark.parametrize(("language_id", "marked", "expected"), PLACES)
def test_a_body_is_written_where_it_is_missing(
    language_id: str, marked: str, expected: str
) -> None:
    document, _, _, place = place_in(language_id, marked)

    text = document.text
    assert (
        text[: place.start] + place.lead + "BODY" + place.closing + text[place.end :]
    ) == expected


@pytest.mark.parametrize(
    ("language_id", "marked", "said"),
    [
        ("typescript", "interface I {\n  f(<CURSOR>): void;\n}\n", "it has no body to write"),
        ("javascript", "const f = (a) => <CURSOR>a;\n", "is an expression"),
        ("python", "def f(a): x = 1; return x<CURSOR>\n", "stands on the line of its header"),
    ],
)
def test_what_has_no_body_is_refused(language_id: str, marked: str, said: str) -> None:
    with pytest.raises(DraftError, match=said):
        place_in(language_id, marked)


STUB = "class A:\n    def f(self):\n        pass<CURSOR>\n\n    def g(self):\n        return 1\n"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("return 1", "return 1"),
        ("x = 1\n        return call(", "x = 1"),
        ("if x:\n            return 1\n        elif y:", "if x:\n            return 1"),
        ("x = 1\n    y = 2", "x = 1"),
        ("x = (1,\n             2)", "x = (1,\n             2)"),
        ("# Only a comment.", None),
        ("raise ValueError(", None),
        ("if x:", None),
    ],
)
def test_of_a_body_as_many_lines_are_kept_as_leave_the_function_right(
    written: str, kept: str | None
) -> None:
    document, tree, function, place = place_in("python", STUB)

    found = whole_body(document, function, place, place.lead + written, tree)

    assert found == (None if kept is None else place.lead + kept)


def test_a_body_in_braces_keeps_the_line_end_before_the_closing_one() -> None:
    marked = "function f() {<CURSOR>}\r\n"
    document, tree, function, place = place_in("javascript", marked)
    text = "\r\n  g();\r\n  h(\r\n"

    assert whole_body(document, function, place, text, tree) == "\r\n  g();\r\n"


def test_a_function_that_was_wrong_before_may_stay_so() -> None:
    marked = "def f(:\n    a = 1\n    <CURSOR>\n    return a\n"
    document, tree, function, place = place_in("python", marked)

    assert whole_body(document, function, place, "    b = 2", tree) == "    b = 2"
