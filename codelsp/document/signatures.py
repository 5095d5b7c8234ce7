"""What a function's signature says: its name, parameters, result and declared exceptions."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from codelsp.document.nodes import end_of, start_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from codelsp.document.nodes import Source

ParameterForm = Literal["plain", "rest", "keywords", "receiver"]
"""``rest`` takes the arguments that are left over, ``keywords`` those with a name."""

_NO_PARAMETERS = frozenset({"keyword_separator", "positional_separator", "comment", "line_comment",
                            "block_comment", "variadic_parameter", "attribute_item"})  # fmt: skip
_RECEIVERS = frozenset({"self_parameter", "receiver_parameter"})
_REST = frozenset({"list_splat_pattern", "rest_pattern", "spread_parameter", "variadic_declarator",
                   "variadic_parameter_declaration", "variadic_parameter"})  # fmt: skip
_KEYWORDS = "dictionary_splat_pattern"
# Nodes in which the name is a child without a field.
_AROUND_NAME = _REST | {
    _KEYWORDS, "typed_parameter", "reference_declarator", "parenthesized_declarator",
}  # fmt: skip
_NOTHING = frozenset(
    {"void", "None", "()", "undefined", "never", "unit", "NoReturn", "Promise<void>"}
)
_SPECIFIERS = re.compile(
    r"\b(?:static|inline|extern|virtual|constexpr|consteval|explicit|friend|_Noreturn)\b\s*"
    r"|\[\[[^\]]*\]\]\s*|__attribute__\s*\(\(.*?\)\)\s*"
)
# "(s *Stack[T])" is of the type Stack.
_RECEIVER_TYPE = re.compile(r"(\w+)\s*(?:\[.*\])?\s*\)$")
_NAME_DEPTH = 8


@dataclass(frozen=True)
class Parameter:
    """A parameter as it is written."""

    name: str
    """Without stars and dots; the whole pattern where the parameter is taken apart at once."""
    type: str = ""
    default: str = ""
    form: ParameterForm = "plain"
    is_optional: bool = False
    """Whether it may be left out."""
    is_named_only: bool = False
    """Whether an argument must name it, as after Python's ``*``."""


@dataclass(frozen=True)
class Signature:
    """What stands before a function's body."""

    name: str
    """Empty where the grammar gives the name by a field, as ``scopes.name_of`` reads it."""
    owner: str
    """The class that the signature itself names: ``A::f`` in C++, Go's receiver."""
    parameters: tuple[Parameter, ...]
    has_receiver: bool
    return_type: str
    is_async: bool
    throws: tuple[str, ...]


def signature_of(source: Source, node: Node) -> Signature:
    """Read the signature of the function ``node``."""
    declarator = _declarator(node)
    found = _all_parameters(source, node, declarator)
    receiver = node.child_by_field_name("receiver")
    name, owner = _declared_name(source, declarator)
    if receiver is not None:
        told = _RECEIVER_TYPE.search(_text(source, receiver))
        owner = told[1] if told is not None else ""
    return Signature(
        name=name,
        owner=owner,
        parameters=tuple(each for each in found if each.form != "receiver"),
        has_receiver=receiver is not None or any(each.form == "receiver" for each in found),
        return_type=_return_type(source, node, declarator),
        is_async=_is_async(source, node),
        throws=tuple(_throws(source, node)),
    )


def _all_parameters(source: Source, node: Node, declarator: Node | None) -> list[Parameter]:
    parameters = (declarator or node).child_by_field_name("parameters")
    single = node.child_by_field_name("parameter")
    found = [Parameter(_text(source, single))] if single is not None else []
    is_named_only = False
    for child in parameters.named_children if parameters is not None else ():
        if child.type not in _NO_PARAMETERS:
            each_one = _parameters(source, child)
            found.extend(replace(each, is_named_only=is_named_only) for each in each_one)
        is_named_only = is_named_only or child.type in ("keyword_separator", "list_splat_pattern")
    if found and source.types.docstring_owners and found[0].name in ("self", "cls"):
        found[0] = Parameter(found[0].name, form="receiver")
    return found


def _text(source: Source, node: Node) -> str:
    return source.text[start_of(node) : end_of(node)]


def _declarator(node: Node) -> Node | None:
    """Return C's declarator of a function, which holds name and parameters."""
    inner = node.child_by_field_name("declarator")
    for _ in range(_NAME_DEPTH):
        if inner is None or inner.type == "function_declarator":
            return inner
        inner = inner.child_by_field_name("declarator") or next(iter(inner.named_children), None)
    return None


def _declared_name(source: Source, declarator: Node | None) -> tuple[str, str]:
    named = declarator.child_by_field_name("declarator") if declarator is not None else None
    if named is None:
        return "", ""
    owner, _, name = re.sub(r"<.*?>", "", _text(source, named)).rpartition("::")
    return name.strip(), owner.replace("::", ".").strip()


def _parameters(source: Source, node: Node) -> Iterator[Parameter]:
    """Yield the parameters that ``node`` declares: one, but in Go several of one type."""
    if node.type in _RECEIVERS:
        yield Parameter("self", form="receiver")
        return
    names = node.children_by_field_name("name")
    if len(names) > 1:
        kind = _type(source, node, None)
        yield from (Parameter(_text(source, name), kind) for name in names)
        return
    inner, form = _name_node(node)
    if inner is None:
        return
    name = _text(source, inner)
    if name in ("self", "this") and inner.type in ("self", "this"):
        form = "receiver"
    default = _default(source, node)
    is_optional = bool(default) or node.type == "optional_parameter" or form in ("rest", "keywords")
    yield Parameter(name, _type(source, node, inner), default, form, is_optional)


def _name_node(node: Node) -> tuple[Node | None, ParameterForm]:
    """Return the name or pattern in a parameter, and how the parameter takes arguments."""
    form: ParameterForm = "plain"
    inner = node
    for _ in range(_NAME_DEPTH):
        if inner.type in _REST:
            form = "rest"
        elif inner.type == _KEYWORDS:
            form = "keywords"
        following = _next_inward(inner)
        if following is None:
            break
        inner = following
    is_name = (
        "identifier" in inner.type or "pattern" in inner.type or inner.type in ("self", "this")
    )
    return (inner if is_name else None), form


def _next_inward(node: Node) -> Node | None:
    for field in ("name", "pattern", "left", "declarator"):
        found = node.child_by_field_name(field)
        if found is not None:
            return found
    if node.type not in _AROUND_NAME or not node.named_child_count:
        return None
    inner = [child for child in node.named_children if child.type != "modifiers"]
    declared = [child for child in inner if "declarator" in child.type]
    return next(iter(declared or inner), None)


def _type(source: Source, node: Node, name: Node | None) -> str:
    kind = node.child_by_field_name("type")
    if kind is None:
        # Java's "int... sizes" is the one whose type has no field.
        untold = node.named_children if node.type == "spread_parameter" else []
        return next((_text(source, each) for each in untold if each.type != "modifiers"), "")
    declarator = node.child_by_field_name("declarator")
    if declarator is None or name is None:
        return _text(source, kind).lstrip(":").strip()
    # In C the type stands around the name: "char *names[]".
    default = node.child_by_field_name("default_value")
    end = end_of(default) if default is not None else end_of(node)
    tail = source.text[end_of(name) : end].partition("=")[0]
    return (source.text[start_of(node) : start_of(name)] + tail).strip()


def _default(source: Source, node: Node) -> str:
    for field in ("value", "right", "default_value"):
        found = node.child_by_field_name(field)
        if found is not None:
            return _text(source, found)
    return ""


def _return_type(source: Source, node: Node, declarator: Node | None) -> str:
    if declarator is not None:
        written = _c_return_type(source, node, declarator)
    else:
        found = next(
            filter(None, map(node.child_by_field_name, ("return_type", "result", "type"))), None
        )
        written = _text(source, found).lstrip(":").strip() if found is not None else ""
    return "" if written in _NOTHING else written


def _c_return_type(source: Source, node: Node, declarator: Node) -> str:
    trailing = next(
        (child for child in declarator.children if child.type == "trailing_return_type"), None
    )
    if trailing is not None:
        return _text(source, trailing).removeprefix("->").strip()
    if node.child_by_field_name("type") is None:
        return ""
    return _SPECIFIERS.sub("", source.text[start_of(node) : start_of(declarator)]).strip()


def _is_async(source: Source, node: Node) -> bool:
    name = node.child_by_field_name("parameters") or node.child_by_field_name("parameter")
    end = start_of(name) if name is not None else end_of(node)
    return re.search(r"\basync\b", source.text[start_of(node) : end]) is not None


def _throws(source: Source, node: Node) -> Iterator[str]:
    for child in node.named_children:
        if child.type == "throws":
            yield from (_text(source, name) for name in child.named_children)
