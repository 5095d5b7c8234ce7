"""Tests in Python: pytest and unittest."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from codelsp.context.indentation import indentation_of
from codelsp.drafts.draft import expression
from codelsp.drafts.frameworks import PYTEST
from codelsp.drafts.test_plan import appended, call, camel, free_name, joined, raised, snake

if TYPE_CHECKING:
    from codelsp.drafts.draft import Draft
    from codelsp.drafts.test_plan import Pieces, TestPlan


def python_tests(plan: TestPlan) -> Draft:
    """Return the draft of tests as functions, or as a class of unittest's."""
    is_pytest = plan.framework is PYTEST
    imports = _python_imports(plan)
    is_typed = bool(plan.function.return_type) or any(p.type for p in plan.function.parameters)
    arrow = " -> None" if is_typed or "-> None:" in plan.test.text else ""
    unit = indentation_of(plan.document).unit
    pieces = (_pytest if is_pytest else _unittest)(plan, arrow, unit)
    return appended(plan, imports, joined(pieces), "\n\n")


def _python_imports(plan: TestPlan) -> list[str]:
    function = plan.function
    lines: list[str] = []
    if plan.function.is_async and plan.framework is PYTEST:
        lines.append("import asyncio")
    if plan.framework is PYTEST and raised(plan):
        lines.append("import pytest")
    if plan.framework is not PYTEST:
        lines.append("import unittest")
    if plan.path == plan.test_path:
        return lines
    module = re.sub(r"^src/|(?:/__init__)?\.py$", "", plan.path).replace("/", ".")
    names = [function.owner.partition(".")[0] or function.name]
    names += [each for each in raised(plan) if re.search(_class_line(each), plan.document.text)]
    if lines and plan.is_new_file:
        lines.append("")
    if plan.is_new_file:
        return [*lines, f"from {module} import {', '.join(dict.fromkeys(names))}"]
    return [*lines, *(f"from {module} import {name}" for name in dict.fromkeys(names))]


def _class_line(name: str) -> str:
    return rf"(?m)^class {re.escape(name)}\b"


def _called(plan: TestPlan) -> Pieces:
    is_async, is_pytest = plan.function.is_async, plan.framework is PYTEST
    opening, closing = ("asyncio.run(", ")") if is_pytest else ("await ", "")
    yield opening if is_async else ""
    yield from call(plan, "")
    yield closing if is_async else ""


def _pytest(plan: TestPlan, arrow: str, unit: str) -> Pieces:
    function = plan.function
    name = free_name(f"test_{snake(function.owner, function.name)}", plan.test.text)
    yield f"def {name}(){arrow}:\n{unit}"
    if function.gives_value:
        yield "assert "
        yield from _called(plan)
        yield " == "
        yield expression("...", "\n", plan.names, function.name)
    else:
        yield from _called(plan)
    yield "\n"
    for exception in raised(plan):
        yield f"\n\ndef {name}_raises_{snake(exception.rpartition('.')[2])}(){arrow}:"
        yield f"\n{unit}with pytest.raises({exception}):\n{unit}{unit}"
        yield from _called(plan)
        yield "\n"


def _unittest(plan: TestPlan, arrow: str, unit: str) -> Pieces:
    function = plan.function
    case = free_name(f"Test{camel(function.owner, function.name)}", plan.test.text)
    kind = "IsolatedAsyncioTestCase" if function.is_async else "TestCase"
    begin = f"{unit}{'async ' if function.is_async else ''}def test_{snake(function.name)}"
    yield f"class {case}(unittest.{kind}):\n{begin}(self){arrow}:\n{unit}{unit}"
    if function.gives_value:
        yield "self.assertEqual("
        yield from _called(plan)
        yield ", "
        yield expression("...", ")\n", plan.names, function.name)
        yield ")\n"
    else:
        yield from _called(plan)
        yield "\n"
    for exception in raised(plan):
        yield f"\n{begin}_raises_{snake(exception.rpartition('.')[2])}(self){arrow}:"
        yield f"\n{unit}{unit}with self.assertRaises({exception}):\n{unit}{unit}{unit}"
        yield from _called(plan)
        yield "\n"
