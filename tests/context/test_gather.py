"""What one request sees: the windows, what they have lost, and the line at the cursor."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from codelsp.context.completion_context import CompletionContext, CompletionQuery, Indentation
from codelsp.context.gather import ContextPolicy, gather_context
from codelsp.document.edit import replace
from codelsp.document.snapshot import DocumentSnapshot
from codelsp.document.syntax import TextKind, parse
from tests.documents import at_cursor

if TYPE_CHECKING:
    from collections.abc import Sequence

POLICY = ContextPolicy(
    prefix_chars=1000, suffix_chars=300, neighbor_chars=500, multiline="auto", use_neighbors=True
)
METHODS = "".join(
    f"    def method_{n}(self, value):\n        return self.items[{n}] + value\n\n"
    for n in range(60)
)
LONG = (
    '"""A module."""\n\nimport os\nfrom typing import (\n    Any,\n)\n\n\n'
    f"class Box(dict):\n    color = 1\n\n{METHODS}"
    "    def last(\n        self,\n    ):\n        <CURSOR>\n"
)


def gather(
    marked: str,
    language_id: str = "python",
    others: Sequence[DocumentSnapshot] = (),
    policy: ContextPolicy = POLICY,
) -> CompletionContext:
    document, offset = at_cursor(marked, language_id)
    query = CompletionQuery(document, offset)
    return gather_context(query, parse(document), others, policy, root="file:///project")


def test_a_short_document_is_seen_whole() -> None:
    context = gather("import os\n\nx = os.<CURSOR>path\ny = 1\n")

    assert context.prefix == "import os\n\nx = os."
    assert context.suffix == "path\ny = 1\n"
    assert (context.line_prefix, context.line_suffix) == ("x = os.", "path")
    assert (context.header, context.prefix_start) == ("", 0)
    assert (context.path, context.repository) == ("example.py", "project")
    assert context.indentation == Indentation("    ", 4)
    assert context.text_kind is TextKind.CODE
    assert context.offset == len(context.prefix)


def test_what_the_window_lost_is_in_the_header() -> None:
    context = gather(LONG)

    assert context.header == "import os\nfrom typing import (\n    Any,\n)\nclass Box(dict):\n"
    assert context.prefix.endswith("def last(\n        self,\n    ):\n")
    assert 250 < len(context.prefix) <= 1000


def test_a_signature_that_the_window_still_has_is_not_repeated() -> None:
    assert "def last" not in gather(LONG).header


@pytest.mark.parametrize("typed", ["self.call((([", "\n", "\n        ", '\n        x = """', "}}}"])
def test_what_is_typed_in_a_line_leaves_the_header_as_it_is(typed: str) -> None:
    before = gather(LONG).header

    assert gather(LONG.replace("<CURSOR>", f"{typed}<CURSOR>")).header == before


def test_a_line_at_the_margin_is_in_no_class_any_more() -> None:
    assert "class Box" in gather(LONG).header

    header = gather(LONG.replace("        <CURSOR>", "        pass\n\nx<CURSOR>")).header

    assert header == "import os\nfrom typing import (\n    Any,\n)\n"


def test_what_is_renamed_above_is_renamed_in_the_header() -> None:
    gather(LONG)

    assert "class Bag(dict):\n" in gather(LONG.replace("Box", "Bag")).header


def test_header_and_prefix_stay_within_what_was_asked_for() -> None:
    many = "".join(f"import module_{n}\n" for n in range(200)) + "\n" + METHODS * 2
    context = gather(f"class A:\n    x = 1\n{many}    y = <CURSOR>\n")

    assert len(context.header) + len(context.prefix) <= POLICY.prefix_chars


def test_a_language_without_a_grammar_has_no_header() -> None:
    text = "import a\n" + "fun f() {\n    g()\n}\n" * 100
    context = gather(f"{text}<CURSOR>", "kotlin")

    assert context.tree is None
    assert context.header == ""
    assert context.text_kind is TextKind.CODE


@pytest.mark.parametrize(
    ("marked", "dropped", "prefix"),
    [
        pytest.param("def f():\n    <CURSOR>\n", "    ", "def f():\n", id="a blank line"),
        pytest.param("def f():\n\t<CURSOR>\n", "\t", "def f():\n", id="a tab"),
        pytest.param("def f():\n  <CURSOR>  \n", "  ", "def f():\n", id="blanks after the cursor"),
        pytest.param("def f():\n<CURSOR>\n", "", "def f():\n", id="the line start"),
        pytest.param("def f():\n    <CURSOR>x\n", "", "def f():\n    ", id="code after it"),
        pytest.param("def f():\n    x<CURSOR>\n", "", "def f():\n    x", id="code before it"),
        pytest.param("    <CURSOR>", "    ", "", id="the only line"),
    ],
)
def test_the_whitespace_of_a_blank_line_is_left_to_the_model(
    marked: str, dropped: str, prefix: str
) -> None:
    context = gather(marked)

    assert context.dropped_indentation == dropped
    assert context.prefix == prefix
    assert context.line_prefix.startswith(dropped)


def test_other_cells_and_documents_give_neighbors_but_the_document_itself_does_not() -> None:
    marked = "".join(f"order_{n} = make_order({n})\n" for n in range(16)) + "<CURSOR>"
    text = marked.replace("<CURSOR>", "")
    itself = DocumentSnapshot.of("file:///project/example.py", "python", 9, text)
    other = DocumentSnapshot.of("file:///project/lib/orders.py", "python", 1, text)

    context = gather(marked, others=[itself, other])

    assert [neighbor.path for neighbor in context.neighbors] == ["lib/orders.py"]


@pytest.mark.parametrize(
    "policy",
    [
        ContextPolicy(1000, 300, 500, "auto", use_neighbors=False),
        ContextPolicy(1000, 300, 0, "auto", use_neighbors=True),
    ],
)
def test_neighbors_can_be_switched_off(policy: ContextPolicy) -> None:
    marked = "".join(f"order_{n} = make_order({n})\n" for n in range(16)) + "<CURSOR>"
    other = DocumentSnapshot.of("file:///b.py", "python", 1, marked.replace("<CURSOR>", ""))

    assert gather(marked, others=[other], policy=policy).neighbors == ()


def test_typing_two_statements_leaves_the_head_of_the_prompt_alone() -> None:
    document, offset = at_cursor(LONG)
    tree = parse(document)
    heads = []
    for character in "result = self.items.get('a', [1, 2])\n        return [result, (1":
        document = replace(document, offset, offset, character)
        tree = parse(document, tree)
        offset += 1
        context = gather_context(CompletionQuery(document, offset), tree, (), POLICY)
        head = document.text[: context.prefix_start]
        heads.append((context.header, head, context.suffix, context.neighbors))

    # Not even a new line that is not indented yet changes it; the window itself may move once.
    assert sum(before != after for before, after in pairwise(heads)) <= 1


def test_the_editors_options_reach_the_context() -> None:
    document, offset = at_cursor("if a:\n    <CURSOR>")
    query = CompletionQuery(document, offset, tab_size=3, insert_spaces=True)

    assert gather_context(query, None, (), POLICY).indentation == Indentation("   ", 3)


@pytest.mark.parametrize(
    "text", ["", "x" * 2_000_000, "\n" * 20_000, "\ud800\u0301😋\n" * 1000, "\0\x01\x02" * 10_000]
)
def test_odd_documents_have_a_context_everywhere(text: str) -> None:
    document = DocumentSnapshot.of("untitled:odd", "python", 1, text)
    tree = parse(document)
    for offset in (0, len(text) // 2, len(text)):
        context = gather_context(CompletionQuery(document, offset), tree, (), POLICY)

        assert text[context.prefix_start :].startswith(context.prefix)
        assert len(context.prefix) <= POLICY.prefix_chars
        assert len(context.suffix) <= POLICY.suffix_chars
