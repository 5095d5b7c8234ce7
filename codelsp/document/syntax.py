"""Syntax trees of snapshots, by tree-sitter; offsets are code points, as everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codelsp.document import blocks, functions, scopes, statements, text_kinds
from codelsp.document.edit import difference, edit_between, replace
from codelsp.document.focus import MIN_CHARS, Focus, gaps_around, parse_focus
from codelsp.document.functions import Docstring, Function
from codelsp.document.grammars import NODE_TYPES
from codelsp.document.languages import language_of
from codelsp.document.nodes import Source, error_count, path_over
from codelsp.document.parsing import parse_text, tell
from codelsp.document.safety import is_parsable
from codelsp.document.scopes import Scope
from codelsp.document.signatures import Parameter
from codelsp.document.splice import Splice
from codelsp.document.text_kinds import TextKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tree_sitter import Tree

    from codelsp.document.edit import Edit
    from codelsp.document.languages import Language
    from codelsp.document.snapshot import DocumentSnapshot

__all__ = ["Docstring", "Function", "Parameter", "Scope", "SyntaxTree", "TextKind", "parse"]

_WHOLE_BUDGET_MS = 1_000
_EDIT_BUDGET_MS = 150
_RENEWAL_EDITS = 64
"""Edits after which a long document should be parsed whole again, when nobody waits for it."""
_MOST_EDITS = 256
"""Edits after which it is, wait who may, once the code around is sound."""
_MAX_EDITS = 1_000
"""Edits after which it is, be the code sound or not."""


class SyntaxTree:
    """The tree of one snapshot; a value, although a long document's is parsed piece by piece.

    For a long document there is a whole parse of an earlier version, which has been told of the
    edits since, and a ``Focus``: a parse of this version around the place last asked about.
    """

    def __init__(
        self,
        document: DocumentSnapshot,
        language: Language,
        whole: Tree,
        edits_since: int = 0,
        focus: Focus | None = None,
    ) -> None:
        """Take a tree that was parsed ``edits_since`` edits ago, and has been told of them."""
        self.document = document
        self.language = language
        self._types = NODE_TYPES[language.grammar or ""]
        self._whole = whole
        self._edits_since = edits_since
        self._focus = focus
        self._scopes: dict[int, tuple[Scope, ...]] = {}

    def text_kind_at(self, offset: int) -> TextKind:
        """Return what a character typed at ``offset`` would be part of."""
        return text_kinds.text_kind_at(self._around(offset, offset), offset)

    def scopes_at(self, offset: int) -> tuple[Scope, ...]:
        """Return the functions, classes and blocks around ``offset``, outermost first."""
        if offset not in self._scopes:
            self._scopes[offset] = scopes.scopes_at(self._around(offset, offset), offset)
        return self._scopes[offset]

    def is_in_scope(self, offset: int) -> bool:
        """Whether a function, class or block is around ``offset``."""
        return scopes.is_in_scope(self._around(offset, offset), offset)

    def function_at(self, offset: int) -> Function | None:
        """Return the innermost function with a name around ``offset``.

        Its decorators, and the comment that documents it, belong to it.
        """
        return functions.function_at(self._around(offset, offset), offset)

    def functions(self) -> tuple[Function, ...]:
        """Return every function of the document that has a name, in order of appearance."""
        return functions.functions_in(self._around(0, len(self.document.text)))

    def import_spans(self, first: int = 0, last: int | None = None) -> tuple[tuple[int, int], ...]:
        """Return the spans of the import statements that touch ``first`` to ``last``, in order.

        ``last`` is the end of the document if it is not given; ends are exclusive.
        """
        last = len(self.document.text) if last is None else last
        spans = set(statements.import_spans(self._source(self._whole), first, last))
        if self._edits_since and self._focus is not None:
            # What the focus leaves out has not changed, so the older parse is right about it.
            gaps = self._focus.gaps
            spans = {span for span in spans if any(a <= span[0] < b for a, b in gaps.spans)}
            spans.update(statements.import_spans(self._source(self._focus.tree), first, last))
        return tuple(sorted(spans))

    def is_empty_block_start(self, offset: int) -> bool:
        """Whether ``offset`` is at the start of a body that has nothing in it yet."""
        return blocks.is_empty_block_start(self._around(offset, offset), offset)

    def statement_ends(self, start: int, end: int) -> tuple[int, ...]:
        """Return where whole statements end, inner ones too: ``start`` < offset <= ``end``."""
        return statements.statement_ends(self._around(start, end), start, end)

    def block_end(self, offset: int) -> int | None:
        """Return the end of the innermost body around ``offset``, its closing brace included."""
        return blocks.block_end(self._around(offset, offset), offset)

    def error_count(self, start: int, end: int) -> int:
        """Return how many ERROR and MISSING nodes touch ``start`` to ``end``."""
        return error_count(self._around(start, end).root, start, end)

    def identifiers(self, start: int, end: int) -> frozenset[str]:
        """Return the identifiers that touch ``start`` to ``end``."""
        return statements.identifiers(self._around(start, end), start, end)

    def node_types_at(self, offset: int) -> tuple[str, ...]:
        """Return the types of the nodes over the character at ``offset``, innermost first."""
        path = path_over(self._around(offset, offset).root, offset)
        return tuple(node.type for node in reversed(path))

    def with_edit(self, start: int, end: int, text: str) -> SyntaxTree | None:
        """Return the tree of the document in which ``text`` stands from ``start`` to ``end``.

        None where ``parse`` would return None, or if the text makes so much of the document mean
        something else (an open quote can) that parsing it again goes over the budget.
        """
        document = replace(self.document, start, end, text)
        edits = [edit_between(self.document, document, start, end)]
        if not is_parsable(document, self._types, edits):
            return None
        if self._is_long:
            self._aim(start, end)
        return self._after(document, edits, _EDIT_BUDGET_MS)

    def errors_with(self, start: int, end: int, text: str, around: tuple[int, int]) -> int | None:
        """Return how many errors touch ``around`` if ``text`` stands from ``start`` to ``end``.

        The same as ``with_edit`` and ``error_count``, for a fraction of the time in a long
        document.  ``around`` are offsets of the document as it would be; None as for ``with_edit``.
        """
        splice = Splice(self.document, start, end, text)
        if splice.is_simple and not self._types.unsafe_line:
            edits = [splice.edit()]
            if not self._is_long:
                whole = parse_text(self._grammar, splice, _EDIT_BUDGET_MS, tell(self._whole, edits))
                return None if whole is None else error_count(whole.root_node, *around)
            self._aim(start, end)
            focus = self._focus.told(edits) if self._focus is not None else None
            if focus is not None:
                found = parse_focus(self._grammar, splice, focus.gaps, _EDIT_BUDGET_MS, focus.tree)
                if found is None:
                    return None
                if found.holds(*around):
                    return error_count(found.tree.root_node, *around)
        tree = self.with_edit(start, end, text)
        return None if tree is None else tree.error_count(*around)

    def after(self, document: DocumentSnapshot, edits: Sequence[Edit]) -> SyntaxTree | None:
        """Return the tree of ``document``, which ``edits`` have made of this tree's document."""
        since = self._edits_since + len(edits)
        if since > (_MOST_EDITS if self._is_sound else _MAX_EDITS):
            return _parsed(document, self.language, _WHOLE_BUDGET_MS, tell(self._whole, edits))
        return self._after(document, edits, _WHOLE_BUDGET_MS)

    def refreshed(self, offset: int) -> SyntaxTree:
        """Return the tree of the same document, as fast as can be for questions about ``offset``.

        It is parsed whole again, if that is due, and the code around ``offset`` is looked at.
        """
        tree: SyntaxTree | None = self
        if self._edits_since > _RENEWAL_EDITS and self._is_sound:
            tree = _parsed(self.document, self.language, _WHOLE_BUDGET_MS, self._whole)
        tree = tree or self
        if tree._is_long:  # noqa: SLF001  # its own
            tree._aim(offset, offset)  # noqa: SLF001
        return tree

    @property
    def _is_sound(self) -> bool:
        # A whole parse of broken code is one large error, of which a focus can leave nothing out.
        return self._focus is None or not self._focus.tree.root_node.has_error

    def _after(
        self, document: DocumentSnapshot, edits: Sequence[Edit], budget_ms: float
    ) -> SyntaxTree | None:
        whole = tell(self._whole, edits)
        if not self._is_long or len(document.text) < MIN_CHARS:
            return _parsed(document, self.language, budget_ms, whole)
        focus = self._focus.told(edits) if self._focus is not None else None
        if focus is not None:
            focus = parse_focus(self._grammar, document.text, focus.gaps, budget_ms, focus.tree)
            if focus is None:
                return None
        since = self._edits_since + len(edits)
        return SyntaxTree(document, self.language, whole, since, focus)

    @property
    def _grammar(self) -> str:
        return self.language.grammar or ""

    @property
    def _is_long(self) -> bool:
        return self._types.can_elide and len(self.document.text) >= MIN_CHARS

    def _source(self, tree: Tree) -> Source:
        return Source(self.document, self.language, self._types, tree.root_node)

    def _around(self, start: int, end: int) -> Source:
        """Return what is right about ``start`` to ``end``: the whole parse, or the focus."""
        if not self._edits_since:
            return self._source(self._whole)
        self._aim(start, end)
        if self._focus is not None and self._focus.holds(start, end):
            return self._source(self._focus.tree)
        whole = parse_text(self._grammar, self.document.text, _WHOLE_BUDGET_MS, self._whole)
        # Over the budget, the older parse has to do: its places are right, if not all its nodes.
        self._whole, self._edits_since = whole or self._whole, 0
        return self._source(self._whole)

    def _aim(self, start: int, end: int) -> None:
        """Move the focus to ``start`` to ``end``, unless it is there or would leave nothing out."""
        if self._focus is not None and self._focus.holds(start, end):
            return
        gaps = gaps_around(self.document, self._whole.root_node, self._types, start, end)
        if 2 * sum(last - first for first, last in gaps.spans) > len(self.document.text):
            focus = parse_focus(self._grammar, self.document.text, gaps, _EDIT_BUDGET_MS)
            self._focus = focus or self._focus


def parse(
    document: DocumentSnapshot,
    previous: SyntaxTree | None = None,
    edits: Sequence[Edit] | None = None,
) -> SyntaxTree | None:
    """Return the tree of ``document``; None without a grammar, or if it is nothing to parse.

    Nothing to parse is what is too long, looks binary (``safety``), or takes over a second.

    ``previous`` makes it faster, if it is of an earlier version of the same document: ``edits``
    are then what happened since, and are found by comparing the texts if they are not given.
    """
    language = language_of(document.language_id, document.uri)
    if language.grammar is None:
        return None
    types = NODE_TYPES[language.grammar]
    if previous is None or not _is_earlier(previous, document, language):
        is_safe = is_parsable(document, types)
        return _parsed(document, language, _WHOLE_BUDGET_MS) if is_safe else None
    if edits is None:
        edits = [difference(previous.document, document)]
    return previous.after(document, edits) if is_parsable(document, types, edits) else None


def _parsed(
    document: DocumentSnapshot, language: Language, budget_ms: float, old: Tree | None = None
) -> SyntaxTree | None:
    tree = parse_text(language.grammar or "", document.text, budget_ms, old)
    return None if tree is None else SyntaxTree(document, language, tree)


def _is_earlier(previous: SyntaxTree, document: DocumentSnapshot, language: Language) -> bool:
    return previous.document.uri == document.uri and previous.language == language
