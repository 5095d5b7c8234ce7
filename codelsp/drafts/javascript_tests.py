"""Tests in JavaScript and TypeScript: Jest, and Vitest, whose words are the same."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from codelsp.context.indentation import indentation_of
from codelsp.drafts.draft import expression
from codelsp.drafts.frameworks import VITEST
from codelsp.drafts.test_plan import appended, call, joined, raised

if TYPE_CHECKING:
    from codelsp.drafts.draft import Draft
    from codelsp.drafts.test_plan import Pieces, TestPlan


def javascript_tests(plan: TestPlan) -> Draft:
    """Return the draft of tests as calls of ``test``, in quotes and semicolons as the file has."""
    text, function = plan.document.text, plan.function
    quote = '"' if text.count('"') > text.count("'") else "'"
    end = ";" if ";" in text or not text.strip() else ""
    unit = indentation_of(plan.document).unit
    name = function.owner.partition(".")[0] or function.name
    head = text[function.start : function.signature_end]
    is_default = head.startswith("export default") or bool(
        re.search(rf"(?m)^export default (?:class )?{re.escape(name)}\b", text)
    )
    module = posixpath.relpath(plan.path, posixpath.dirname(plan.test_path) or ".")
    module = re.sub(r"\.[cm]?[jt]sx?$", "", module if module.startswith(".") else f"./{module}")
    imports = []
    if plan.framework is VITEST:
        imports.append(f"import {{ expect, test }} from {quote}vitest{quote}{end}")
    if plan.path != plan.test_path:
        imported = name if is_default else f"{{ {name} }}"
        is_commonjs = "module.exports" in text or re.search(r"(?m)^exports\.", text) is not None
        line = (
            f"const {imported} = require({quote}{module}{quote})"
            if is_commonjs
            else f"import {imported} from {quote}{module}{quote}"
        )
        imports.append(line + end)
    return appended(plan, imports, joined(_jest(plan, quote, end, unit)), "\n")


def _jest(plan: TestPlan, quote: str, end: str, unit: str) -> Pieces:
    function = plan.function
    title = " ".join(filter(None, (function.owner, function.name)))
    begin = "async () => {" if function.is_async else "() => {"
    wait = "await " if function.is_async else ""
    yield f"test({quote}{title}{quote}, {begin}\n{unit}"
    if function.gives_value:
        yield f"expect({wait}"
        yield from call(plan, "new ")
        yield ").toEqual("
        yield expression("undefined", f"){end}\n}});\n", plan.names, function.name)
        yield ")"
    else:
        yield wait
        yield from call(plan, "new ")
    yield f"{end}\n}}){end}\n"
    for exception in raised(plan):
        yield f"\ntest({quote}{title} throws {exception}{quote}, {begin}\n{unit}"
        yield f"{wait}expect(" if function.is_async else "expect(() => "
        yield from call(plan, "new ")
        yield f"){'.rejects' if function.is_async else ''}.toThrow({exception}){end}\n}}){end}\n"
