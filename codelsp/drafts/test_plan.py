"""What is to be tested, and what tests in every framework have in common: names, calls, imports."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codelsp.drafts.draft import Draft, Hole, Insert, expression
from codelsp.drafts.phrases import words_of
from codelsp.drafts.values import usual_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from codelsp.document.functions import Function
    from codelsp.document.snapshot import DocumentSnapshot
    from codelsp.drafts.frameworks import Framework

    Pieces = Iterator[str | Hole]

_MOST_RAISED = 2
_MAKERS = ("__init__", "constructor")
_MAIN = re.compile(r"(?m)^if __name__ ==")
_IMPORT = re.compile(
    r"(?m)^(?:from .+ import (?:\([^)]*\)|.*)|import (?:\{[^}]*\}|.*)"
    r"|(?:const|let|var) .*require\(.*)(?:\r\n|\n|\Z)"
)


@dataclass(frozen=True)
class TestPlan:
    """What is to be tested, and where the tests stand."""

    __test__ = False  # not one of pytest's

    document: DocumentSnapshot
    function: Function
    functions: tuple[Function, ...]
    """All of the document, for how objects of the function's class are made."""
    path: str
    """Of the document, relative to the workspace."""
    test: DocumentSnapshot
    """The file of tests as it is; empty for a new one."""
    test_path: str
    framework: Framework
    is_new_file: bool

    @property
    def names(self) -> frozenset[str]:
        """What the tests may name: the function, its class, what it raises."""
        function = self.function
        owner = function.owner.partition(".")[0]
        return frozenset({function.name, owner, *function.raises} - {""})


def maker_of(plan: TestPlan) -> Function | None:
    """Return what makes an object of the function's class, if the document says."""
    owner = plan.function.owner
    names = (*_MAKERS, owner.rpartition(".")[2])
    return next((f for f in plan.functions if f.owner == owner and f.name in names), None)


def arguments(plan: TestPlan, function: Function | None) -> Pieces:
    """Yield a hole for each argument that must be given."""
    needed = [
        each
        for each in (function.parameters if function is not None else ())
        if not each.is_optional
    ]
    for number, parameter in enumerate(needed):
        if number:
            yield ", "
        if parameter.is_named_only:
            yield f"{parameter.name}="
        value = usual_value(parameter, plan.framework.family)
        rest = "".join(f", {each.name}" for each in needed[number + 1 :])
        yield expression(value, f"{rest})\n", plan.names)


def call(plan: TestPlan, new: str) -> Pieces:
    """Yield the call of the function, on a new object where it belongs to one."""
    function = plan.function
    owner = function.owner.rpartition(".")[2]
    is_maker = function.name in (*_MAKERS, owner)
    if owner and is_maker:
        yield f"{new}{function.owner if plan.framework.family == 'python' else owner}("
        yield from arguments(plan, function)
        yield ")"
        return
    if owner and _is_static(plan):
        yield f"{owner}."
    elif owner:
        yield f"{new}{owner}("
        yield from arguments(plan, maker_of(plan))
        yield ")."
    yield function.name
    if not _is_property(plan):
        yield "("
        yield from arguments(plan, function)
        yield ")"


def _is_static(plan: TestPlan) -> bool:
    function = plan.function
    head = plan.document.text[function.start : function.signature_end].partition("(")[0]
    return (
        bool({"staticmethod", "classmethod"} & set(function.decorators))
        or re.search(r"\bstatic\b", head) is not None
    )


def _is_property(plan: TestPlan) -> bool:
    function = plan.function
    head = plan.document.text[function.signature_start : function.signature_end]
    return bool(
        {"property", "cached_property", "functools.cached_property"} & set(function.decorators)
    ) or bool(re.match(r"(?:static\s+)?get\s+\w+\s*\(", head))


def raised(plan: TestPlan) -> list[str]:
    """Return the exceptions that get a test each."""
    return list(plan.function.raises[:_MOST_RAISED])


def snake(*names: str) -> str:
    """Return the words of ``names`` as one name in lower case."""
    return "_".join(word.lower() for name in names for word in words_of(name)) or "it"


def camel(*names: str) -> str:
    """Return the words of ``names`` as the name of a class."""
    words = [word for name in names for word in words_of(name)]
    return "".join(word[:1].upper() + word[1:] for word in words) or "It"


def free_name(name: str, text: str) -> str:
    """Return ``name``, or with a number behind it where ``text`` has it already."""
    number, free = 2, name
    while re.search(rf"\b{re.escape(free)}\b", text):
        free, number = f"{name}_{number}", number + 1
    return free


def joined(*parts: str | Pieces) -> tuple[str | Hole, ...]:
    """Return the parts in one row, texts that stand side by side joined."""
    pieces: list[str | Hole] = []
    for part in parts:
        for piece in (part,) if isinstance(part, str) else part:
            if pieces and isinstance(piece, str) and isinstance(pieces[-1], str):
                pieces[-1] += piece
            else:
                pieces.append(piece)
    return tuple(pieces)


def appended(
    plan: TestPlan, imports: Sequence[str], pieces: Sequence[str | Hole], gap: str
) -> Draft:
    """Return the draft of tests at the end of a file, and of the imports they need at its head."""
    test = plan.test
    title = f"tests for {plan.function.qualified_name}"
    if plan.is_new_file:
        head = "".join(f"{line}\n" for line in imports)
        return Draft(
            title,
            test,
            0,
            len(test.text),
            joined(head + gap, iter(pieces)),
            is_new_file=True,
            is_code=True,
        )
    needed = [line for line in imports if not _has_import(test.text, line)]
    main = _MAIN.search(test.text)
    limit = main.start() if main is not None else len(test.text)
    end = len(test.text[:limit].rstrip())
    after = f"{gap}" if main is not None else ""
    place = _import_place(test.text)
    inserted = "".join(f"{line}\n" for line in needed)
    return Draft(
        title,
        test,
        end,
        limit,
        joined(f"\n{gap}", iter(pieces), after),
        is_code=True,
        also=Insert(place, inserted) if inserted else None,
    )


def _has_import(text: str, line: str) -> bool:
    """Whether ``text`` has this import, or another one of the same name from the same place."""
    if re.search(rf"(?m)^{re.escape(line)}\s*$", text):
        return True
    named = re.fullmatch(r"from (\S+) import (\w+)", line)
    if named is None:
        return False
    names = re.search(rf"(?m)^from {re.escape(named[1])} import ((?:\([^)]*\))|.*)$", text)
    return names is not None and re.search(rf"\b{named[2]}\b", names[1]) is not None


def _import_place(text: str) -> int:
    """Return where another import may stand: after the last one, or the comment at the head."""
    last = 0
    for match in _IMPORT.finditer(text):
        last = match.end()
    if last:
        return last
    head = re.match(r"(?:#.*\n|\"\"\"[\s\S]*?\"\"\"\n|//.*\n|\s*\n)*", text)
    return head.end() if head is not None else 0
