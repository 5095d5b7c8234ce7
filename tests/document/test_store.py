"""The open documents of a session."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from codelsp.document import parsing, syntax
from codelsp.document import store as store_module
from codelsp.document.edit import TextChange
from codelsp.document.position import Position, PositionEncoding
from codelsp.document.snapshot import DocumentSnapshot
from codelsp.document.store import DocumentStore
from codelsp.document.syntax import SyntaxTree, TextKind, parse
from codelsp.errors import UnknownDocumentError

UTF16 = PositionEncoding.UTF16
A, B, C = "file:///a.py", "file:///b.py", "untitled:Untitled-1"


def snapshot(uri: str, text: str = "x = 1\n", version: int = 1) -> DocumentSnapshot:
    return DocumentSnapshot.of(uri, "python", version, text)


def store_of(*uris: str) -> DocumentStore:
    store = DocumentStore()
    for uri in uris:
        store.open(snapshot(uri))
    return store


def insertion(text: str, line: int = 0, column: int = 0) -> TextChange:
    return TextChange(Position(line, column), Position(line, column), text)


def change(store: DocumentStore, uri: str, version: int, *changes: TextChange) -> None:
    store.change(uri, changes, version, UTF16)


@pytest.mark.parametrize("uri", [A, C, "vscode-notebook-cell:/n.ipynb#W0sZ", "git:/a?b#c", ""])
def test_a_document_is_found_by_the_uri_it_was_opened_with(uri: str) -> None:
    store = store_of(uri)

    assert store.get(uri).text == "x = 1\n"


def test_a_document_that_is_not_open_is_an_error_that_names_it() -> None:
    with pytest.raises(UnknownDocumentError, match=r"file:///a\.py is not open"):
        store_of(B).get(A)


def test_a_closed_document_is_gone() -> None:
    store = store_of(A)

    store.close(A)

    with pytest.raises(UnknownDocumentError):
        store.get(A)
    assert store.recent() == ()


def test_a_change_makes_a_new_snapshot_and_leaves_the_old_one() -> None:
    store = store_of(A)
    before = store.get(A)

    after = store.change(A, [insertion("y")], 2, UTF16)

    assert after is store.get(A)
    assert (after.text, after.version) == ("yx = 1\n", 2)
    assert before.text == "x = 1\n"
    assert store.is_current(after)
    assert not store.is_current(before)


def test_a_snapshot_of_a_closed_document_is_not_current() -> None:
    store = store_of(A)
    last = store.get(A)

    store.close(A)

    assert not store.is_current(last)


def test_a_change_of_an_older_version_is_ignored_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = DocumentStore()
    store.open(snapshot(A, version=5))

    result = store.change(A, [insertion("secret")], 4, UTF16)

    assert result is store.get(A)
    assert store.get(A).text == "x = 1\n"
    assert "version 4 comes after version 5" in caplog.text
    assert "secret" not in caplog.text


def test_a_change_of_the_same_version_is_not_lost() -> None:
    store = store_of(A)

    change(store, A, 1, insertion("y"))

    assert store.get(A).text == "yx = 1\n"


@pytest.mark.parametrize(
    ("act", "said"),
    [
        pytest.param(lambda store: change(store, A, 2, insertion("y")), "not open", id="changed"),
        pytest.param(lambda store: store.close(A), "closed, but not open", id="closed"),
        pytest.param(lambda store: store.open(snapshot(B)), "opened again", id="opened twice"),
        pytest.param(lambda store: store.close_notebook(A), "notebook closed", id="notebook"),
    ],
)
def test_what_an_editor_should_not_do_is_logged_and_survived(
    act: object, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = store_of(B)

    with caplog.at_level(logging.WARNING):
        act(store)  # type: ignore[operator]  # one of the functions above

    assert said in caplog.text
    assert store.get(B).text == "x = 1\n"


def test_a_document_opened_again_has_the_new_text_and_a_new_tree() -> None:
    store = store_of(A)
    store.tree(store.get(A))

    store.open(snapshot(A, "def f(): pass\n", version=1))

    tree = store.tree(store.get(A))
    assert tree is not None
    assert tree.node_types_at(0) == ("def", "function_definition", "module")


def test_the_most_recently_opened_edited_or_focused_comes_first() -> None:
    store = store_of(A, B, C)
    assert [document.uri for document in store.recent()] == [C, B, A]

    change(store, A, 2, insertion("y"))
    store.touch(B)
    store.touch("file:///unknown")

    assert [document.uri for document in store.recent()] == [B, A, C]
    assert [document.uri for document in store.recent(exclude_uri=A)] == [B, C]
    assert store.recent()[1].text == "yx = 1\n"


def test_cells_above_are_given_from_the_top() -> None:
    store = store_of("cell:1", "cell:2", "cell:4", A)
    store.open_notebook("file:///n.ipynb", ["cell:1", "cell:2", "cell:3", "cell:4"])

    assert [cell.uri for cell in store.cells_before("cell:4")] == ["cell:1", "cell:2"]
    assert store.cells_before("cell:1") == ()
    assert store.cells_before(A) == ()


def test_cells_that_moved_are_given_in_their_new_order() -> None:
    store = store_of("cell:1", "cell:2")
    store.open_notebook("file:///n.ipynb", ["cell:1", "cell:2"])
    store.open_notebook("file:///n.ipynb", ["cell:2", "cell:1"])

    assert [cell.uri for cell in store.cells_before("cell:1")] == ["cell:2"]
    store.close_notebook("file:///n.ipynb")
    assert store.cells_before("cell:1") == ()


def test_a_tree_is_parsed_once_a_version() -> None:
    store = store_of(A)

    first = store.tree(store.get(A))

    assert first is not None
    assert store.tree(store.get(A)) is first


def test_a_tree_follows_edits_that_nobody_asked_about() -> None:
    store = store_of(A)
    store.tree(store.get(A))

    change(store, A, 2, insertion("def f():\n    "), insertion("\n", 1, 9))
    change(store, A, 3, insertion("'😋'; ", 1, 4), insertion("# é\n"))
    change(store, A, 4, TextChange(Position(1, 4), Position(1, 5), "gg"))
    tree = store.tree(store.get(A))

    assert tree is not None
    assert tree.document is store.get(A)
    scratch = parse(store.get(A))
    assert scratch is not None
    for offset in range(len(tree.document.text)):
        assert tree.node_types_at(offset) == scratch.node_types_at(offset)
        assert tree.scopes_at(offset) == scratch.scopes_at(offset)


def test_a_long_document_is_parsed_whole_again_while_nobody_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    n_whole = 0
    real = parsing.parse_text

    def counted(*args: Any, **keywords: Any) -> Any:
        nonlocal n_whole
        n_whole += len(args) < 5  # without ranges to read
        return real(*args, **keywords)

    lines = [f"def f{number}(a):\n    return a\n\n\n" for number in range(2_000)]
    store = DocumentStore()
    store.open(snapshot(A, "".join(lines)))
    store.tree(store.get(A))
    monkeypatch.setattr(syntax, "parse_text", counted)
    offset = store.get(A).text.index("return a", 30_000) + len("return a")
    line = store.get(A).line_at(offset)
    for number in range(100):
        change(store, A, number + 2, insertion("b", line, len("    return a")))
        tree = store.tree(store.get(A))
        assert tree is not None
        assert tree.text_kind_at(offset) is TextKind.CODE
    assert n_whole == 0

    store.keep_up(A, offset)

    assert n_whole == 1
    kept = store.tree(store.get(A))
    assert kept is not None
    assert kept.document is store.get(A)
    assert [scope.name for scope in kept.scopes_at(offset)] == [f"f{line // 4}"]


def test_keeping_up_parses_what_was_typed_and_passes_over_what_is_not_open() -> None:
    store = store_of(A)
    change(store, A, 2, insertion("y = 2\n"))

    store.keep_up(A, 1_000_000)
    store.keep_up(B, 0)

    kept = store.tree(store.get(A))
    assert kept is not None
    assert kept.document is store.get(A)


def test_a_tree_survives_a_change_of_the_whole_document() -> None:
    store = store_of(A)
    store.tree(store.get(A))

    change(store, A, 2, TextChange(None, None, "class K:\n    pass\n"))
    tree = store.tree(store.get(A))

    assert tree is not None
    assert tree.node_types_at(6) == ("identifier", "class_definition", "module")


def test_a_tree_survives_more_edits_than_are_remembered() -> None:
    store = store_of(A)
    store.tree(store.get(A))

    for version in range(2, 700):
        change(store, A, version, insertion("y"))
    tree = store.tree(store.get(A))

    assert tree is not None
    assert tree.node_types_at(600) == ("identifier", "assignment", "module")


def test_an_old_snapshot_has_a_tree_of_its_own() -> None:
    store = store_of(A)
    old = store.get(A)
    change(store, A, 2, insertion("def f(): pass\n"))

    tree = store.tree(old)

    assert tree is not None
    assert tree.document is old


def test_a_document_without_a_grammar_has_no_tree() -> None:
    store = DocumentStore()
    store.open(DocumentSnapshot.of("file:///a.txt", "plaintext", 1, "hello"))

    assert store.tree(store.get("file:///a.txt")) is None


def test_a_document_that_went_over_the_budget_is_not_tried_again_at_every_keystroke(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[int] = []

    def over_budget(document: DocumentSnapshot, *_: object) -> SyntaxTree | None:
        calls.append(document.version)
        return None

    monkeypatch.setattr(store_module, "parse", over_budget)
    store = DocumentStore()
    store.open(snapshot(A, "x = 1\n" * 100))
    for version in range(2, 20):
        assert store.tree(store.get(A)) is None
        change(store, A, version, insertion("y"))
    assert calls == [1]

    change(store, A, 20, TextChange(None, None, "x = 1\n"))
    store.tree(store.get(A))
    assert calls == [1, 20]


def test_only_the_trees_of_recent_documents_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "_MAX_TREE_CHARS", 20)
    store = store_of(A, B, C)
    first = {uri: store.tree(store.get(uri)) for uri in (A, B, C)}

    for uri in (C, B, A):
        store.touch(uri)
    store.open(snapshot("file:///d.py"))
    store.tree(store.get("file:///d.py"))

    assert store.tree(store.get(A)) is first[A]
    assert store.tree(store.get(C)) is not first[C]
