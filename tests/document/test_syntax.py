"""Syntax trees: what stands around a place, and that trees kept along with edits stay right."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelsp.document.edit import TextChange, apply_changes, edit_between, replace
from codelsp.document.focus import MIN_CHARS
from codelsp.document.position import Position, PositionEncoding
from codelsp.document.snapshot import DocumentSnapshot
from codelsp.document.syntax import SyntaxTree, TextKind, parse
from tests.documents import at_cursor

SOURCE = '''import os
from typing import (
    Any,
)

LIMIT = 3


class Stack(list):
    """A stack."""

    def push(self, item: Any) -> None:  # appends
        """Push."""
        if len(self) < LIMIT:
            self.append(f"{item}!")
        else:
            raise ValueError("full")

    async def pop_all(self):
        for item in self:
            yield item


def main():
    stack = Stack()
    stack.push("😋 é")
'''


def tree_at(marked: str, language_id: str = "python") -> tuple[SyntaxTree, int]:
    document, offset = at_cursor(marked, language_id)
    tree = parse(document)
    assert tree is not None
    return tree, offset


def tree_of(text: str, language_id: str = "python") -> SyntaxTree:
    tree = parse(DocumentSnapshot.of("file:///a", language_id, 1, text))
    assert tree is not None
    return tree


def enclosing(tree: SyntaxTree, offset: int) -> list[str]:
    return [scope.name for scope in tree.scopes_at(offset) if scope.kind != "block"]


@pytest.mark.parametrize(
    ("marked", "names"),
    [
        pytest.param("class A:\n    def f(self):\n        x<CURSOR>\n", ["A", "f"], id="a method"),
        pytest.param("def f():<CURSOR>", ["f"], id="after the colon"),
        pytest.param("def f():\n    <CURSOR>", ["f"], id="a body not begun"),
        pytest.param("def f():\n    a = 1\n    <CURSOR>\n", ["f"], id="a blank line at its end"),
        pytest.param("def f():\n    a = 1\n<CURSOR>\n", [], id="a blank line after it"),
        pytest.param("def f():\n    a = 1\n<CURSOR>\n    b = 2\n", ["f"], id="an empty line in it"),
        pytest.param(
            "class A:\n    def f(self):\n        pass\n\n    <CURSOR>\n",
            ["A"],
            id="between methods",
        ),
        pytest.param("def f():\n    x = foo(<CURSOR>\n", ["f"], id="an open bracket"),
        pytest.param("def f():\n    x = (1,\n        <CURSOR>\n", ["f"], id="a bracket lines ago"),
        pytest.param("def f(a, <CURSOR>):\n    pass\n", ["f"], id="among the parameters"),
        pytest.param("<CURSOR>def f():\n    pass\n", [], id="before it"),
        pytest.param("async def f():\n    await <CURSOR>\n", ["f"], id="an async function"),
    ],
)
def test_the_enclosing_functions_and_classes_are_named(marked: str, names: list[str]) -> None:
    tree, offset = tree_at(marked)

    assert enclosing(tree, offset) == names


def test_a_scope_says_where_its_signature_ends() -> None:
    tree, offset = tree_at(
        "class A(B):\n    def f(\n        self,\n    ) -> int:  # why\n        <CURSOR>return 1\n"
    )

    text = tree.document.text
    assert [text[scope.start : scope.signature_end] for scope in tree.scopes_at(offset)] == [
        "class A(B):",
        "def f(\n        self,\n    ) -> int:",
    ]
    assert [scope.end for scope in tree.scopes_at(offset)] == [len(text) - 1] * 2


def test_blocks_are_scopes_once_their_body_has_begun() -> None:
    tree, offset = tree_at("for a in b:\n    while c:\n        <CURSOR>d()\n")

    assert [scope.kind for scope in tree.scopes_at(offset)] == ["block", "block"]
    assert tree.scopes_at(5) == ()


@pytest.mark.parametrize(
    ("marked", "kind"),
    [
        pytest.param("x = 1<CURSOR>", TextKind.CODE, id="code"),
        pytest.param("# a<CURSOR>", TextKind.COMMENT, id="the end of a comment"),
        pytest.param("# a  <CURSOR>\n", TextKind.COMMENT, id="blanks at the end of a comment"),
        pytest.param("<CURSOR># a", TextKind.CODE, id="before a comment"),
        pytest.param("# a\n<CURSOR>", TextKind.CODE, id="below a comment"),
        pytest.param("x = '<CURSOR>'", TextKind.STRING, id="an empty string"),
        pytest.param("x = <CURSOR>'a'", TextKind.CODE, id="before a string"),
        pytest.param("x = 'a'<CURSOR>", TextKind.CODE, id="after a string"),
        pytest.param("x = rb<CURSOR>'a'", TextKind.CODE, id="in its prefix"),
        pytest.param("x = f'{<CURSOR>a}'", TextKind.CODE, id="code in an f-string"),
        pytest.param("x = f'{a}<CURSOR>'", TextKind.STRING, id="an f-string after code"),
        pytest.param("x = f'{a['<CURSOR>b']}'", TextKind.STRING, id="a string in its code"),
        pytest.param("'''<CURSOR>A'''\n", TextKind.DOCSTRING, id="a module's docstring"),
        pytest.param("def f():\n    '''A<CURSOR>'''\n", TextKind.DOCSTRING, id="a function's"),
        pytest.param("class A:\n    'A<CURSOR>'\n", TextKind.DOCSTRING, id="a class's"),
        pytest.param("if a:\n    'A<CURSOR>'\n", TextKind.STRING, id="a string in a block is none"),
        pytest.param("x = 1\n'A<CURSOR>'\n", TextKind.STRING, id="nor is one further down"),
        pytest.param("print('a<CURSOR>", TextKind.STRING, id="a string not closed"),
        pytest.param("x = '''a\nb<CURSOR>", TextKind.STRING, id="a long string not closed"),
        pytest.param(
            "def f():\n    '''a\n    b<CURSOR>", TextKind.DOCSTRING, id="a docstring not closed"
        ),
        pytest.param("x = (  # it's<CURSOR>", TextKind.COMMENT, id="a comment in broken code"),
        pytest.param("x = ('#', y<CURSOR>", TextKind.CODE, id="a comment mark in a string"),
        pytest.param("x = 'é😋<CURSOR>'", TextKind.STRING, id="after wide characters"),
        pytest.param("x = '\ud800' # <CURSOR>", TextKind.COMMENT, id="after a lone surrogate"),
    ],
)
def test_the_kind_of_text_at_a_place(marked: str, kind: TextKind) -> None:
    tree, offset = tree_at(marked)

    assert tree.text_kind_at(offset) is kind


@pytest.mark.parametrize(
    "marked",
    [
        pytest.param("def f():<CURSOR>", id="after the colon, at the end of the file"),
        pytest.param("def f():\n    <CURSOR>\n", id="on the line below"),
        pytest.param("def f():\n<CURSOR>\n", id="on the line below, before indentation"),
        pytest.param("def f():\n\n    <CURSOR>\n\nx = 1\n", id="two lines below"),
        pytest.param("def f():  # why\n    <CURSOR>\n", id="after a comment"),
        pytest.param('def f():\n    """Do it."""\n    <CURSOR>\n', id="after a docstring"),
        pytest.param("if a:\n    b\nelse:\n    <CURSOR>\n", id="an else"),
        pytest.param(
            "class A:\n    def f(self):\n        <CURSOR>\n\n    def g(self): ...\n", id="g"
        ),
        pytest.param("def f(\n    a,\n) -> int:\n    <CURSOR>\n", id="a signature of three lines"),
        pytest.param("try:\n    <CURSOR>\nexcept E:\n    pass\n", id="a try with its except"),
        pytest.param("with a as b:\n    <CURSOR>\n", id="a with"),
    ],
)
def test_an_empty_body_is_seen_as_one(marked: str) -> None:
    tree, offset = tree_at(marked)

    assert tree.is_empty_block_start(offset)


@pytest.mark.parametrize(
    "marked",
    [
        pytest.param("def f():\n    <CURSOR>\n    return 1\n", id="a body that has begun below"),
        pytest.param("def f():\n    a = 1\n    <CURSOR>\n", id="after a statement"),
        pytest.param("def f():<CURSOR> return 1\n", id="code on the same line"),
        pytest.param("x = {1:<CURSOR>}\n", id="a dictionary"),
        pytest.param("x = a[1:<CURSOR>]\n", id="a slice"),
        pytest.param("x:<CURSOR>\n", id="an annotation"),
        pytest.param("f = lambda:<CURSOR>\n", id="a lambda"),
        pytest.param("x = 'if a:<CURSOR>'\n", id="a string"),
        pytest.param("# if a:<CURSOR>\n", id="a comment"),
        pytest.param("<CURSOR>", id="an empty file"),
    ],
)
def test_what_is_no_empty_body_is_not_taken_for_one(marked: str) -> None:
    tree, offset = tree_at(marked)

    assert not tree.is_empty_block_start(offset)


def test_imports_are_found_on_the_top_level_and_in_its_blocks() -> None:
    text = (
        "import a\ntry:\n    import b\nexcept E: pass\n"
        "if T:\n    from c import d\ndef f():\n    import e\n"
    )
    tree = tree_of(text)

    assert [text[start:end] for start, end in tree.import_spans()] == [
        "import a",
        "import b",
        "from c import d",
    ]


def test_statement_ends_are_those_of_whole_statements_inner_and_outer() -> None:
    text = "def f():\n    a = 1\n    if a:\n        b()\n    c = (\n"
    tree = tree_of(text)

    ends = tree.statement_ends(0, len(text))

    assert text.index("1") + 1 in ends
    assert text.index("b()") + 3 in ends
    assert all(end <= text.index("b()") + 3 for end in ends)


def test_statement_ends_are_after_the_start_and_up_to_the_end() -> None:
    tree = tree_of("a\nb\nc\n")

    assert tree.statement_ends(1, 3) == (3,)


def test_the_end_of_the_innermost_body() -> None:
    tree, offset = tree_at("def f():\n    if a:\n        b<CURSOR>()\n    c()\n\nd()\n")

    text = tree.document.text
    assert tree.block_end(offset) == text.index("b()") + 3
    assert tree.block_end(0) is None


def test_errors_are_counted_where_they_are() -> None:
    text = "a = 1\nb = (\nc = 2\n\n\ndef f():\n    pass\n"
    tree = tree_of(text)

    assert tree.error_count(0, len(text)) > 0
    assert tree_of("a = 1\n").error_count(0, 6) == 0
    assert tree.error_count(text.index("pass"), len(text)) == 0


def test_a_missing_bracket_is_an_error_too() -> None:
    assert tree_of("f(a", "javascript").error_count(0, 3) == 1


def test_identifiers_of_a_range() -> None:
    text = "alpha = beta\ngamma.delta()\n'epsilon'\n"

    assert tree_of(text).identifiers(0, len(text)) == {"alpha", "beta", "gamma", "delta"}
    assert tree_of(text).identifiers(0, 12) == {"alpha", "beta"}


def test_node_types_begin_with_the_innermost() -> None:
    tree, offset = tree_at("x = <CURSOR>foo()")

    assert tree.node_types_at(offset) == ("identifier", "call", "assignment", "module")


def test_with_edit_is_the_tree_of_the_document_after_it() -> None:
    tree, offset = tree_at("def f():\n    return <CURSOR>\n")

    good, bad = tree.with_edit(offset, offset, "g(1)"), tree.with_edit(offset, offset, "g(1")

    assert good is not None
    assert bad is not None
    assert good.document.text == "def f():\n    return g(1)\n"
    assert good.error_count(0, 99) == 0
    assert bad.error_count(0, 99) > 0
    assert tree.document.text == "def f():\n    return \n"


@pytest.mark.parametrize(
    ("language_id", "text"),
    [
        pytest.param("plaintext", "hello", id="a language without grammar"),
        pytest.param("klingon", "Qapla'", id="a language nobody knows"),
        pytest.param("python", "x = 1\0", id="a NUL"),
        pytest.param("python", "x = 1\n" * 300_000, id="a file too long"),
        pytest.param("javascript", "a=b;" * 500_000, id="a line of two megabytes"),
        pytest.param("python", "".join(map(chr, range(1, 128))) * 50, id="binary"),
        pytest.param("yaml", "- " * 2_000 + "a", id="nesting that crashes YAML's scanner"),
        pytest.param("markdown", "> " * 2_000 + "a", id="nesting that crashes Markdown's"),
        pytest.param("markdown", "".join(" " * n + "- a\n" for n in range(200)), id="deep lists"),
    ],
)
def test_what_is_not_worth_or_safe_to_parse_has_no_tree(language_id: str, text: str) -> None:
    assert parse(DocumentSnapshot.of("file:///a", language_id, 1, text)) is None


def test_a_nul_that_is_typed_takes_the_tree_away_and_its_removal_brings_it_back() -> None:
    clean = DocumentSnapshot.of("file:///a.py", "python", 1, "x = 1\n# \u4e2d\n")
    tree = parse(clean)
    assert tree is not None

    with_nul = replace(clean, 5, 5, "\0", 2)
    assert parse(with_nul, tree, [edit_between(clean, with_nul, 5, 5)]) is None
    assert parse(with_nul, tree) is None
    assert parse(replace(with_nul, 5, 6, "", 3), tree) is not None


def test_a_candidate_that_is_unsafe_to_parse_is_not_parsed() -> None:
    tree = tree_of("a: 1\n", "yaml")

    assert tree.with_edit(0, 0, "- " * 2_000) is None
    assert tree.with_edit(0, 0, "\0") is None


@pytest.mark.parametrize("text", ["(" * 9_000, "[\n" * 5_000, "f(\n" * 3_000])
def test_brackets_nested_beyond_all_reason_are_survived(text: str) -> None:
    tree = tree_of(text)
    middle = len(text) // 2

    assert tree.text_kind_at(middle) is TextKind.CODE
    assert tree.error_count(0, len(text)) > 0
    assert isinstance(tree.scopes_at(middle), tuple)
    assert isinstance(tree.statement_ends(0, len(text)), tuple)
    assert isinstance(tree.identifiers(0, len(text)), frozenset)


# Pieces that open and close things, so that edits change what the rest of the text means.
PIECES = st.sampled_from(
    ["", "x", "\n", "    ", '"', '"""', "'", "(", ")", "#", ":", "\r", "\r\n", "é", "😋", "\ud83d",
     "\ude0b", "\u2028", "def g():\n    ", "class B:\n", "if x:", "return", "{", "}", "\t", ", "]
)  # fmt: skip
edits_strategy = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 12), PIECES), min_size=1, max_size=8
)


def shape(tree: SyntaxTree) -> str:
    """Return all that is in a tree: types, places, errors."""
    lines: list[str] = []
    stack = [(tree._whole.root_node, 0)]
    while stack:
        node, depth = stack.pop()
        lines.append(f"{depth} {node.type} {node.start_byte} {node.end_byte} {node.is_missing}")
        stack.extend((child, depth + 1) for child in node.children)
    return "\n".join(lines)


def answers(tree: SyntaxTree, offset: int) -> tuple[object, ...]:
    """Return what a tree says of a place, as far as it is the same for equal documents."""
    low, high = max(offset - 40, 0), min(offset + 40, len(tree.document.text))
    return (
        tree.text_kind_at(offset),
        tree.scopes_at(offset),
        tree.is_empty_block_start(offset),
        tree.block_end(offset),
        tree.statement_ends(low, high),
        tree.error_count(low, high),
        tree.identifiers(low, high),
        tree.node_types_at(offset),
        tree.import_spans(),
    )


def edited_at_random(
    document: DocumentSnapshot, edits: list[tuple[float, int, str]]
) -> list[DocumentSnapshot]:
    versions = [document]
    for where, length, text in edits:
        last = versions[-1]
        start = round(where * len(last.text))
        end = min(start + length, len(last.text))
        versions.append(replace(last, start, end, text, last.version + 1))
    return versions


@pytest.mark.parametrize("language_id", ["python", "javascript", "c"])
@settings(deadline=None, max_examples=30)
@given(edits=edits_strategy)
def test_a_tree_kept_along_with_edits_equals_one_from_scratch_after_the_text_settles(
    language_id: str, edits: list[tuple[float, int, str]]
) -> None:
    # tree-sitter keeps its own recovery from errors when it parses again, so that trees of broken
    # text may differ; a tree that goes through broken text must be right once the text is.
    first = DocumentSnapshot.of("file:///a", language_id, 1, SOURCE_BY_LANGUAGE[language_id])
    tree = parse(first)
    assert tree is not None
    for document in edited_at_random(first, edits)[1:]:
        tree = parse(document, tree)
        assert tree is not None
        assert tree.document is document
    last = parse(replace(tree.document, 0, len(tree.document.text), first.text), tree)
    scratch = parse(first)

    assert last is not None
    assert scratch is not None
    assert shape(last) == shape(scratch)


SOURCE_BY_LANGUAGE = {
    "python": SOURCE,
    "javascript": "import a from 'a';\n// c\nclass A {\n  f(x) {\n    return `${x}é😋`;\n  }\n}\n"
    "const g = (y) => {\n  if (y) {\n    g(y - 1);\n  }\n};\n",
    "c": "#include <a.h>\n/* c */\nstatic int f(int a) {\n  if (a) {\n    return 'x';\n  }\n"
    '  return puts("é");\n}\nstruct S { int b; };\n',
}


@settings(deadline=None, max_examples=40)
@given(edits=edits_strategy)
def test_a_valid_edit_gives_the_tree_that_parsing_from_scratch_gives(
    edits: list[tuple[float, int, str]],
) -> None:
    first = DocumentSnapshot.of("file:///a", "python", 1, SOURCE)
    tree = parse(first)
    for document in edited_at_random(first, edits)[1:]:
        scratch = parse(document)
        tree = parse(document, tree)
        assert tree is not None
        assert scratch is not None
        if scratch.error_count(0, len(document.text)) == 0:
            assert shape(tree) == shape(scratch)


def test_a_tree_of_another_document_is_not_built_upon() -> None:
    other = tree_of("'''")
    document = DocumentSnapshot.of("file:///b", "python", 1, "x = 1\n")

    tree = parse(document, other)

    assert tree is not None
    assert tree.error_count(0, 6) == 0


def test_lone_carriage_returns_are_line_ends_to_the_parser_too() -> None:
    tree = tree_of("# a\rx = 1\r")

    assert tree.text_kind_at(8) is TextKind.CODE
    assert tree.node_types_at(4) == ("identifier", "assignment", "module")


def test_a_carriage_return_that_meets_a_line_feed_changes_the_tree_before_the_edit() -> None:
    document = DocumentSnapshot.of("file:///a", "python", 1, "x = 1\rx\ny = 2\n")
    change = TextChange(Position(1, 0), Position(1, 1), "")

    tree = parse(apply_changes(document, [change], 2, PositionEncoding.UTF16), parse(document))
    scratch = tree_of("x = 1\r\ny = 2\n")

    assert tree is not None
    assert shape(tree) == shape(scratch)


LONG = "".join(
    f'def before_{n}(a):\n    """Doc {n}."""\n    if a > {n}:\n        return [a, "{n}"]\n\n\n'
    for n in range(260)
)
LONG_SOURCE = (
    "import os\nimport sys\n\n\n" + LONG + SOURCE[SOURCE.index("class") :] + "\n\n"
    "class Long:\n    '''Long.'''\n\n"
    + "".join(f"    def m_{n}(self):\n        return {n}\n\n" for n in range(300))
    + LONG.replace("before", "after")
)


def test_the_long_source_is_long_enough_to_be_parsed_piece_by_piece() -> None:
    assert len(LONG_SOURCE) > 2 * MIN_CHARS


@settings(deadline=None, max_examples=30)
@given(
    edits=st.lists(
        st.tuples(
            st.floats(0, 1), st.integers(0, 3), st.sampled_from(["a", "b_", "1", "é", "😋", "#"])
        ),
        min_size=1,
        max_size=6,
    ),
    near=st.integers(-400, 400),
)
def test_a_long_document_parsed_piece_by_piece_answers_as_if_parsed_whole(
    edits: list[tuple[float, int, str]], near: int
) -> None:
    first = DocumentSnapshot.of("file:///a", "python", 1, LONG_SOURCE)
    tree: SyntaxTree | None = TREE_OF_LONG
    for (where, _, _), document in zip(edits, edited_at_random(first, edits)[1:], strict=True):
        tree = parse(document, tree)
        assert tree is not None
        offset = min(max(round(where * len(document.text)) + near, 0), len(document.text))
        kind, names = tree.text_kind_at(offset), enclosing(tree, offset)
        scratch = parse(document)
        assert scratch is not None
        if scratch.error_count(0, len(document.text)) == 0:
            assert answers(tree, offset) == answers(scratch, offset)
            assert (kind, names) == (scratch.text_kind_at(offset), enclosing(scratch, offset))


TREE_OF_LONG = tree_of(LONG_SOURCE)


def test_a_long_document_s_candidates_are_judged_as_a_short_one_s() -> None:
    offset = LONG_SOURCE.index("return 150") + len("return 150")
    tree = TREE_OF_LONG

    good, bad = tree.with_edit(offset, offset, " + 1"), tree.with_edit(offset, offset, " + (")

    assert good is not None
    assert bad is not None
    assert good.error_count(offset - 50, offset + 50) == 0
    assert bad.error_count(offset - 50, offset + 50) > 0
    assert enclosing(good, offset) == enclosing(bad, offset) == ["Long", "m_150"]
    assert good.scopes_at(offset)[0].end == tree.scopes_at(offset)[0].end + 4


def test_an_import_typed_into_a_long_document_is_found() -> None:
    document = replace(TREE_OF_LONG.document, 10, 10, "import re\n", 2)
    tree = parse(document, TREE_OF_LONG)
    assert tree is not None

    before = tree.import_spans()
    tree.scopes_at(len(document.text) - 20)

    texts = [document.text[start:end] for start, end in before]
    assert texts == ["import os", "import re", "import sys"]
    assert tree.import_spans() == before


spliced_texts = st.text(alphabet="ab(\n\r \t\"':.=1é😋\ud83d\ude0b\0", max_size=12)


@given(
    repeated=st.sampled_from([1, 60]),
    places=st.tuples(st.integers(0, 5_000), st.integers(0, 12)),
    text=spliced_texts,
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    typed=st.text(alphabet="ab(\n :", max_size=3),
)
@settings(max_examples=120, deadline=None)
def test_errors_counted_without_writing_a_document_out_are_those_of_the_document_written_out(
    repeated: int, places: tuple[int, int], text: str, line_end: str, typed: str
) -> None:
    whole = (SOURCE * repeated).replace("\n", line_end)
    assert (len(whole) >= MIN_CHARS) == (repeated > 1)
    start = places[0] % len(whole)
    end = min(start + places[1], len(whole))
    before = DocumentSnapshot.of("file:///a.py", "python", 1, whole)
    document = replace(before, start, start, typed, 2)
    tree = parse(document, parse(before), [edit_between(before, document, start, start)])
    assert tree is not None
    around = (max(0, start - 40), min(start + 160, len(document.text)))
    reference = tree.with_edit(start, end, text)

    found = tree.errors_with(start, end, text, around)

    assert found == (None if reference is None else reference.error_count(*around))
