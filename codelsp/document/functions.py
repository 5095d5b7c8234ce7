"""Functions as a whole: where one stands, what it takes, gives and raises, and says of itself.

Anonymous functions are no functions here: nobody documents or tests a callback by itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codelsp.document import signatures
from codelsp.document.grammars import NODE_TYPES
from codelsp.document.languages import LANGUAGES
from codelsp.document.nodes import end_of, last_solid, path_over, start_of
from codelsp.document.scopes import body_of, name_of, open_nodes
from codelsp.document.text_kinds import is_docstring

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from codelsp.document.nodes import Source
    from codelsp.document.signatures import Parameter

# Functions in the middle of an expression, which have a name only by what they are assigned to.
_NEVER_NAMED = frozenset({
    "lambda_expression", "closure_expression", "func_literal", "accessor_declaration",
    "anonymous_method_expression",
})  # fmt: skip
# What stands around a function and belongs to it: decorators, "export", "template <...>".
_WRAPPERS = frozenset({
    "decorated_definition", "export_statement", "template_declaration", "lexical_declaration",
    "variable_declaration", "variable_declarator", "field_definition", "public_field_definition",
    "assignment_expression", "expression_statement", "pair", "ambient_declaration",
})  # fmt: skip
# What stands before a function, on lines of its own, and belongs to it.
_BEFORE = frozenset({"attribute_item", "decorator"})
_NOTABLE = re.compile(r"\b(?:return|raise|throw|yield)\b")
_RETURNS = frozenset({"return_statement", "return_expression"})
_RAISES = frozenset({"raise_statement", "throw_statement", "throw_expression"})
_YIELDS = frozenset({"yield", "yield_expression", "yield_statement"})
_RAISED = re.compile(
    r"(?:raise|throw)\s+(?:new\s+)?(?P<name>[A-Za-z_$][\w.:$]*)\s*(?P<made>[({<]?)"
)
_NAMELESS_VALUE = re.compile(r"return\s*(?:None\s*)?;?")


@dataclass(frozen=True)
class Docstring:
    """The docstring or documentation comment of a function, from ``start`` to ``end``."""

    start: int
    end: int
    text: str
    """As it stands in the document, quotes or comment marks included."""


@dataclass(frozen=True)
class Function:
    """A function with a name; places are offsets in the document, ends exclusive."""

    name: str
    owner: str
    """The classes around it, outermost first, joined by dots; empty for a function of its own."""
    is_local: bool
    """Whether it stands in another function."""
    start: int
    """Where it begins, with decorators, ``export``, ``template <...>``, attributes."""
    end: int
    signature_start: int
    """Where it begins without decorators and attributes."""
    signature_end: int
    """Where the body begins: after ``:``, ``{`` or ``=>``."""
    body_start: int
    """Where the first statement begins (a docstring is one); ``body_end`` in an empty body."""
    body_end: int
    """Where the last statement ends; a closing brace stands after it."""
    has_body: bool
    """False for what is only declared, such as an interface's method."""
    parameters: tuple[Parameter, ...]
    """Without ``self``, ``cls``, ``this``."""
    has_receiver: bool
    """Whether it takes ``self``, ``cls``, ``this`` or Go's receiver."""
    return_type: str
    """As written; empty if it is not told, or is ``void``, ``None`` or ``()``."""
    gives_value: bool
    """Whether it returns something."""
    is_generator: bool
    is_async: bool
    raises: tuple[str, ...]
    """The exceptions that it names when it raises them or declares that it does, in order."""
    decorators: tuple[str, ...]
    """What stands after ``@`` or in ``#[...]``, in order."""
    docstring: Docstring | None
    docstring_place: int
    """Where a docstring belongs if there is none.

    In Python that is the end of the signature, elsewhere the start of what the function begins
    with, behind the indentation.
    """
    indentation: str
    """The whitespace before it on its line."""

    @property
    def qualified_name(self) -> str:
        """The name behind its classes': ``Owner.name``."""
        return f"{self.owner}.{self.name}" if self.owner else self.name


def languages_with_functions() -> frozenset[str]:
    """Return the LSP ids of the languages in which functions are found."""
    return frozenset(
        language.id
        for language in LANGUAGES
        if language.grammar is not None and NODE_TYPES[language.grammar].functions
    )


def function_at(source: Source, offset: int) -> Function | None:
    """Return the innermost function whose body, signature or docstring holds ``offset``.

    Offsets before the function on its first line, and in decorators and documentation comments
    above it, belong to it as well.
    """
    node = _node_at(source, offset)
    return None if node is None else _function(source, node)


def functions_in(source: Source) -> tuple[Function, ...]:
    """Return every function of the document that has a name, in order of appearance."""
    found: list[Function] = []
    stack = [source.root]
    while stack:
        node = stack.pop()
        if _is_function(source, node):
            found.append(_function(source, node))
        stack.extend(reversed(node.named_children))
    return tuple(found)


def _node_at(source: Source, offset: int) -> Node | None:
    around = next(
        (node for node in reversed(open_nodes(source, offset)) if _is_function(source, node)), None
    )
    begun = _begun_on_line(source, offset)
    # Before a function on its first line, the cursor is still in the one around it.
    is_inside = begun is not None and (around is None or start_of(begun) > start_of(around))
    return begun if is_inside else around


def _begun_on_line(source: Source, offset: int) -> Node | None:
    """Return the function that the line of ``offset`` begins, or documents, or decorates."""
    document = source.document
    line = document.line_at(offset)
    text = document.line_text(line)
    first = document.line_start(line) + len(text) - len(text.lstrip())
    if first == document.line_end(line):
        return None
    path = path_over(source.root, first)
    for node in reversed(path):
        inner = _wrapped(source, _after_prelude(source, node))
        if inner is not None:
            return inner
        if node.type in source.types.bodies:
            break
    return None


def _after_prelude(source: Source, node: Node) -> Node:
    """Return what a comment or an attribute stands before, or ``node`` itself."""
    following: Node | None = node
    is_prelude = node.type in _BEFORE or _is_doc(source, node)
    while following is not None and (following.type in _BEFORE or _is_doc(source, following)):
        next_one = following.next_named_sibling
        if next_one is None or _is_apart(source, following, next_one):
            return node
        following = next_one
    return following if following is not None and is_prelude else node


def _wrapped(source: Source, node: Node | None) -> Node | None:
    """Return the function that ``node`` is or wraps."""
    stack = [] if node is None else [node]
    while stack:
        node = stack.pop()
        if _is_function(source, node):
            return node
        if node.type in _WRAPPERS:
            stack.extend(reversed(node.named_children))
    return None


def _is_function(source: Source, node: Node) -> bool:
    if not node.is_named or node.type not in source.types.functions or node.type in _NEVER_NAMED:
        return False
    # Macros that C's grammar cannot know make functions of a name like "namespace detail".
    name = name_of(source, node)
    return bool(name) and (name.startswith("operator") or not re.search(r"\s", name))


def _function(source: Source, node: Node) -> Function:
    outer = _outermost(node)
    first = _first_of_prelude(source, outer)
    docstring, place = _docstring(source, node, first)
    signature_end, body_start, body_end = _body(source, node)
    signature = signatures.signature_of(source, node)
    notes = _notes(source, node, body_start, body_end)
    raises = dict.fromkeys((*signature.throws, *notes.raises))
    owner, is_local = _owner(source, node)
    document = source.document
    line_start = document.line_start(document.line_at(start_of(first)))
    before = source.text[line_start : start_of(first)]
    return Function(
        name=signature.name or name_of(source, node).rpartition(".")[2],
        owner=signature.owner or owner,
        is_local=is_local,
        start=start_of(first),
        end=last_solid(source.text, end_of(outer), start_of(outer)),
        signature_start=start_of(node if node.type == "function_definition" else outer),
        signature_end=signature_end,
        body_start=body_start,
        body_end=body_end,
        has_body=node.child_by_field_name("body") is not None,
        parameters=signature.parameters,
        has_receiver=signature.has_receiver,
        return_type=signature.return_type,
        gives_value=notes.gives or (bool(signature.return_type) and not notes.yields),
        is_generator=notes.yields,
        is_async=signature.is_async,
        raises=tuple(raises),
        decorators=tuple(_decorators(source, first, node)),
        docstring=docstring,
        docstring_place=place if place is not None else signature_end,
        indentation=before[: len(before) - len(before.lstrip())],
    )


def _outermost(node: Node) -> Node:
    while node.parent is not None and node.parent.type in _WRAPPERS:
        node = node.parent
    return node


def _first_of_prelude(source: Source, outer: Node) -> Node:
    """Return the first attribute or decorator that stands before ``outer``."""
    first, sibling = outer, outer.prev_named_sibling
    while sibling is not None:
        if sibling.type in _BEFORE:
            first = sibling
        elif not sibling.type.endswith("comment") or _is_apart(source, sibling, first):
            break
        sibling = sibling.prev_named_sibling
    return first


def _docstring(source: Source, node: Node, first: Node) -> tuple[Docstring | None, int | None]:
    """Return the docstring, and where one belongs; no place if that is the signature's end."""
    if source.types.docstring_owners:
        inner = _inner_docstring(source, node)
        return (None if inner is None else _cut(source, inner, inner)), None
    last = begin = first.prev_named_sibling
    if last is None or not _is_doc(source, last) or _is_apart(source, last, first):
        return None, start_of(first)
    while (
        begin is not None
        and (above := begin.prev_named_sibling) is not None
        and _is_doc(source, above)
        and not _is_block_comment(source, begin)
        and not _is_apart(source, above, begin)
    ):
        begin = above
    return _cut(source, begin or last, last), start_of(first)


def _inner_docstring(source: Source, node: Node) -> Node | None:
    body = node.child_by_field_name("body")
    for child in body.named_children if body is not None else ():
        if child.is_extra:
            continue
        inner = child.named_child(0) if child.type == "expression_statement" else child
        is_string = inner.type in source.types.strings
        return inner if is_string and is_docstring(source, inner) else None
    return None


def _cut(source: Source, first: Node, last: Node) -> Docstring:
    start, end = start_of(first), last_solid(source.text, end_of(last), start_of(last))
    return Docstring(start, end, source.text[start:end])


def _is_block_comment(source: Source, node: Node) -> bool:
    marks = source.language.block_comment
    return marks is not None and source.text.startswith(marks[0], start_of(node))


def _is_doc(source: Source, node: Node) -> bool:
    """Whether ``node`` is a comment that documents what follows; in Go, every comment may be."""
    if node.type not in source.types.comments or source.types.docstring_owners:
        return False
    marks = source.language.doc_comments or (source.language.line_comment or "//",)
    start = start_of(node)
    is_inner = source.text.startswith(("//!", "/*!"), start) and source.language.id == "rust"
    line_start = source.document.line_start(source.document.line_at(start))
    is_trailing = bool(source.text[line_start:start].strip())
    return source.text.startswith(marks, start) and not is_inner and not is_trailing


def _is_apart(source: Source, above: Node, below: Node) -> bool:
    """Whether a blank line, or anything else, stands between two nodes."""
    end = last_solid(source.text, end_of(above), start_of(above))
    lines_between = source.document.line_at(start_of(below)) - source.document.line_at(end)
    return lines_between > 1 or bool(source.text[end : start_of(below)].strip())


def _body(source: Source, node: Node) -> tuple[int, int, int]:
    """Return where the signature ends, and where the statements begin and end."""
    body = node.child_by_field_name("body") or body_of(source, node)
    text = source.text
    if body is None:
        end = last_solid(text, end_of(node), start_of(node))
        return end, end, end
    start, end = start_of(body), last_solid(text, end_of(body), start_of(body))
    if source.types.docstring_owners:
        colon = text.rfind(":", start_of(node), start) + 1
        return colon or start, start, max(end, start)
    if not text.startswith("{", start):
        return start, start, end
    inner = end - 1 if text.startswith("}", end - 1) else end
    inner = last_solid(text, inner, start + 1)
    first = start + 1 + len(text[start + 1 : inner]) - len(text[start + 1 : inner].lstrip())
    return start + 1, min(first, inner), inner


@dataclass(frozen=True)
class _Notes:
    gives: bool
    yields: bool
    raises: tuple[str, ...]


def _notes(source: Source, node: Node, start: int, end: int) -> _Notes:
    """Read what a function's own statements do, those of functions inside it left out."""
    gives, yields = _is_expression(source, node), False
    raises: list[str] = []
    for match in _NOTABLE.finditer(source.text, start, end):
        found = _own(source, node, match.start())
        if found is None:
            continue
        text = source.text[start_of(found) : end_of(found)]
        if found.type in _RETURNS:
            gives = gives or _NAMELESS_VALUE.fullmatch(text) is None
        elif found.type in _YIELDS:
            yields = True
        elif (raised := _RAISED.match(text)) is not None:
            last = re.split(r"[.:]+", raised["name"])[-1]
            if raised["made"] or last[:1].isupper():
                raises.append(raised["name"])
    return _Notes(gives, yields, tuple(raises))


def _is_expression(source: Source, node: Node) -> bool:
    body = node.child_by_field_name("body")
    return (
        body is not None and node.type == "arrow_function" and body.type not in source.types.bodies
    )


def _own(source: Source, node: Node, offset: int) -> Node | None:
    """Return the statement of ``node`` itself that begins at ``offset``."""
    for inner in reversed(path_over(source.root, offset)):
        if (
            inner.type in _RETURNS | _RAISES | _YIELDS
            and inner.is_named
            and start_of(inner) == offset
        ):
            holder = inner.parent
            while holder is not None and holder.type not in source.types.functions:
                holder = holder.parent
            return inner if holder is not None and holder.id == node.id else None
    return None


def _owner(source: Source, node: Node) -> tuple[str, bool]:
    names: list[str] = []
    is_local = False
    around = node.parent
    while around is not None:
        if around.type in source.types.functions:
            is_local = True
        elif around.type in source.types.classes - source.types.namespaces and around.is_named:
            name = name_of(source, around)
            names += [name] if name else []
        around = around.parent
    return ".".join(reversed(names)), is_local


def _decorators(source: Source, first: Node, node: Node) -> Iterator[str]:
    """Yield what decorators, annotations and attributes between ``first`` and ``node`` say."""
    around = source.text[start_of(first) : start_of(node)]
    for match in re.finditer(r"(?m)^[ \t]*(?:@|#\[)\s*([\w.:]+)", around):
        yield match[1]
    modifiers = next((child for child in node.named_children if child.type == "modifiers"), None)
    for child in modifiers.named_children if modifiers is not None else ():
        if child.type.endswith("annotation"):
            yield source.text[start_of(child) + 1 : end_of(child)].partition("(")[0].strip()
