"""Tests in Java: JUnit 5 and JUnit 4."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from codelsp.context.indentation import indentation_of
from codelsp.drafts.draft import Draft, expression
from codelsp.drafts.frameworks import JUNIT4
from codelsp.drafts.test_plan import call, free_name, joined, raised
from codelsp.errors import DraftError

if TYPE_CHECKING:
    from codelsp.drafts.test_plan import Pieces, TestPlan


def java_tests(plan: TestPlan) -> Draft:
    """Return the draft of tests in a class of their own, or in the one that is there.

    Raises:
        DraftError: the file that is there has no class.
    """
    is_old = plan.framework is JUNIT4
    unit = indentation_of(plan.document).unit
    if not plan.is_new_file:
        return _into_class(plan, unit, is_old=is_old)
    package = re.search(r"(?m)^package\s+[\w.]+;", plan.document.text)
    stem = posixpath.basename(plan.test_path).removesuffix(".java")
    lines = [f"{package[0]}\n\n" if package is not None else ""]
    prefix = "org.junit" if is_old else "org.junit.jupiter.api"
    asserts = f"{prefix}.{'Assert' if is_old else 'Assertions'}"
    names = ["assertEquals"] if plan.function.gives_value else []
    names += ["assertThrows"] if plan.function.raises and not is_old else []
    lines += [f"import static {asserts}.{name};\n" for name in names]
    lines += ["\n" if names else "", f"import {prefix}.Test;\n\n"]
    lines.append(f"{'public ' if is_old else ''}class {stem} {{\n")
    title = f"tests for {plan.function.qualified_name}"
    pieces = joined(iter(lines), _junit(plan, unit, is_old=is_old), "}\n")
    return Draft(title, plan.test, 0, len(plan.test.text), pieces, is_new_file=True, is_code=True)


def _into_class(plan: TestPlan, unit: str, *, is_old: bool) -> Draft:
    """Return the draft of methods that stand last in the class of tests."""
    text = plan.test.text
    close = text.rstrip().rfind("}")
    if close < 0:
        raise DraftError(f"{plan.test_path} has no class for the tests to stand in.")
    start = len(text[:close].rstrip())
    title = f"tests for {plan.function.qualified_name}"
    pieces = joined("\n\n", _junit(plan, unit, is_old=is_old))
    return Draft(title, plan.test, start, close, pieces, is_code=True)


def _junit(plan: TestPlan, unit: str, *, is_old: bool) -> Pieces:
    function = plan.function
    name = free_name(function.name[:1].lower() + function.name[1:], plan.test.text)
    visible = "public " if is_old else ""
    throws = " throws Exception" if function.raises else ""
    yield f"{unit}@Test\n{unit}{visible}void {name}(){throws} {{\n{unit}{unit}"
    if function.gives_value:
        yield "assertEquals("
        yield expression("null", ", ", plan.names, function.name)
        yield ", "
        yield from call(plan, "new ")
        yield ")"
    else:
        yield from call(plan, "new ")
    yield f";\n{unit}}}\n"
    for exception in raised(plan):
        method = f"{name}Throws{exception.rpartition('.')[2]}"
        expected = f"(expected = {exception}.class)" if is_old else ""
        yield f"\n{unit}@Test{expected}\n{unit}{visible}void {method}()"
        yield f"{throws if is_old else ''} {{\n{unit}{unit}"
        yield "" if is_old else f"assertThrows({exception}.class, () -> "
        yield from call(plan, "new ")
        yield f"{'' if is_old else ')'};\n{unit}}}\n"
