"""Where the rest of a function goes."""

from __future__ import annotations

import pytest

from codelsp.document.syntax import parse
from codelsp.drafts.bodies import body_place
from codelsp.errors import DraftError
from tests.documents import at_cursor

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


@pytest.mark.parametrize(("language_id", "marked", "expected"), PLACES)
def test_a_body_is_written_where_it_is_missing(
    language_id: str, marked: str, expected: str
) -> None:
    document, offset = at_cursor(marked, language_id, "file:///project/example")
    tree = parse(document)
    assert tree is not None
    function = tree.function_at(offset)
    assert function is not None

    place = body_place(document, function, offset)

    text = document.text
    assert (
        text[: place.start] + place.lead + "BODY" + place.closing + text[place.end :]
    ) == expected


@pytest.mark.parametrize(
    ("language_id", "marked", "said"),
    [
        ("typescript", "interface I {\n  f(<CURSOR>): void;\n}\n", "it has no body to write"),
        ("javascript", "const f = (a) => <CURSOR>a;\n", "is an expression"),
    ],
)
def test_what_has_no_body_is_refused(language_id: str, marked: str, said: str) -> None:
    document, offset = at_cursor(marked, language_id, "file:///project/example")
    tree = parse(document)
    assert tree is not None
    function = tree.function_at(offset)
    assert function is not None

    with pytest.raises(DraftError, match=said):
        body_place(document, function, offset)
