"""What encloses a place in code that the parser has lost its way in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from codelsp.document.snapshot import DocumentSnapshot
from codelsp.document.syntax import parse

LINES = ("class A:", "def f(self):", "if a:", "x = (", "return 1", "", "def g(")


@st.composite
def broken_texts(draw: st.DrawFn) -> str:
    lines = draw(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(LINES)), max_size=6))
    return (
        "".join("    " * depth + line + "\n" for depth, line in lines) + "        x = ((\n        "
    )


def enclosing(uri: str, text: str) -> list[tuple[str, str, int, int]]:
    tree = parse(DocumentSnapshot.of(uri, "python", 1, text))
    assert tree is not None
    return [
        (scope.kind, scope.name, scope.start, scope.signature_end)
        for scope in tree.scopes_at(len(text))
    ]


def test_a_function_is_found_by_its_indentation_where_an_error_hides_it() -> None:
    text = "class A:\n    def f(self):\n        x = ((\n        "

    assert [name for _, name, _, _ in enclosing("file:///a.py", text)] == ["A", "f"]


@given(
    texts=st.lists(broken_texts(), min_size=2, max_size=5), typed=st.sampled_from(["y", "", "("])
)
def test_what_one_version_said_is_not_said_of_another(texts: list[str], typed: str) -> None:
    for number, text in enumerate(texts):
        for version in (text, text + typed):
            found = enclosing("file:///same.py", version)
            assert found == enclosing(f"file:///{number}-{len(version)}.py", version)
