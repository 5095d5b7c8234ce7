"""Imports are found once, and a syntax error further down does not take them away."""

from __future__ import annotations

from codelsp.context.imports import imports_before
from codelsp.document.edit import replace
from codelsp.document.snapshot import DocumentSnapshot
from codelsp.document.syntax import SyntaxTree, parse

HEAD = "import os\nfrom a import (\n    b,\n)\n\n\n"


def tree_of(text: str, uri: str = "untitled:a.py") -> SyntaxTree:
    tree = parse(DocumentSnapshot.of(uri, "python", 1, text))
    assert tree is not None
    return tree


def test_only_imports_before_the_offset_count() -> None:
    tree = tree_of(HEAD + "x = 1\nimport late\n")

    assert imports_before(tree, len(HEAD)).spans == ((0, 9), (10, 34))
    assert imports_before(tree, 12).spans == ((0, 9),)


def test_an_edit_above_is_seen_at_once() -> None:
    tree = tree_of(HEAD + "x = 1\n", "untitled:b.py")
    imports_before(tree, len(HEAD))
    edited = parse(replace(tree.document, 0, 0, "import sys\n"), tree)

    assert edited is not None
    assert imports_before(edited, len(HEAD) + 11).spans[0] == (0, 10)


def test_brackets_left_open_below_do_not_hide_them() -> None:
    tree = tree_of(HEAD + "x = 1\n", "untitled:c.py")
    before = imports_before(tree, len(HEAD)).spans
    broken = parse(replace(tree.document, len(HEAD), len(HEAD), "((({[[['''"), tree)

    assert broken is not None
    assert imports_before(broken, len(HEAD)).spans == before


def test_many_documents_do_not_pile_up() -> None:
    for number in range(50):
        assert imports_before(tree_of(f"import m{number:02}\n", f"untitled:{number}"), 10).spans


def test_moving_down_and_up_finds_the_same_as_looking_anew() -> None:
    parts = ["import a\n", "try:\n    import b\nexcept ImportError:\n    b = None\n", "x = 1\n"]
    text = "".join(parts * 6) + "import last\n"
    ends = range(0, len(text), 7)
    moved = tree_of(text, "untitled:moved.py")

    for offset in [*ends, *reversed(ends)]:
        anew = tree_of(text, f"untitled:anew{offset}.py")
        assert imports_before(moved, offset).spans == imports_before(anew, offset).spans
