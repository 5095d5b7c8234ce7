from __future__ import annotations

import pytest

from codelsp.context.docstring_hole import DocstringHole, docstring_hole
from codelsp.document.snapshot import DocumentSnapshot
from codelsp.document.syntax import parse


def _hole(text: str) -> DocstringHole | None:
    document = DocumentSnapshot.of("file:///a.py", "python", 1, text)
    tree = parse(document)
    assert tree is not None
    (function,) = tree.functions()
    hole = docstring_hole(document, function)
    if hole is not None:
        assert text[: hole.start] + hole.opening == hole.before
        assert hole.after == hole.closing + text[hole.end :]
    return hole


@pytest.mark.parametrize("quotes", ['"""', "'''", '"', 'r"""'])
def test_a_docstring_that_is_there_is_taken_out(quotes: str) -> None:
    end = quotes.lstrip("r")
    hole = _hole(f"def f(a):\n    {quotes}Say.{end}\n    return a\n")

    assert hole is not None
    assert hole.docstring == "Say."
    assert hole.before.endswith(f"def f(a):\n    {quotes}")
    assert hole.after == f"{end}\n    return a\n"


@pytest.mark.parametrize("indentation", ["  ", "    ", "\t"])
def test_where_there_is_none_a_place_is_made_as_the_body_is_indented(indentation: str) -> None:
    hole = _hole(f"def f(a):  # why\n{indentation}return a\n")

    assert hole is not None
    assert hole.docstring == ""
    assert hole.before == f'def f(a):  # why\n{indentation}"""'
    assert hole.after == f'"""\n{indentation}return a\n'


def test_a_method_is_indented_deeper_than_its_class() -> None:
    hole = _hole("class A:\n    def f(\n        self,\n    ):\n        return 1\n")

    assert hole is not None
    assert hole.before.endswith('    ):\n        """')


def test_a_function_on_one_line_has_no_place_for_one() -> None:
    assert _hole("def f(a): return a\n") is None
