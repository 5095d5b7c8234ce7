"""Tests of functions: where they stand, in which framework, and what they look like."""

from __future__ import annotations

from collections.abc import Collection, Mapping  # noqa: TC003  # parametrized tests name them
from typing import TYPE_CHECKING

import pytest

from codelsp.document.snapshot import DocumentSnapshot
from codelsp.document.syntax import parse
from codelsp.drafts.frameworks import (
    JEST,
    JUNIT4,
    JUNIT5,
    PYTEST,
    UNITTEST,
    VITEST,
    Framework,
    framework_of,
    path_of_tests,
)
from codelsp.drafts.test_plan import TestPlan
from codelsp.drafts.unit_tests import draft_of_tests
from codelsp.errors import DraftError

if TYPE_CHECKING:
    from codelsp.drafts.draft import Draft

LANGUAGES = {"py": "python", "js": "javascript", "ts": "typescript", "java": "java"}


def document(path: str, text: str) -> DocumentSnapshot:
    return DocumentSnapshot.of(f"file:///p/{path}", LANGUAGES[path.rpartition(".")[2]], 1, text)


def draft_for(
    name: str, path: str, text: str, framework: Framework, there: str | None = None
) -> Draft:
    tree = parse(document(path, text))
    assert tree is not None
    [function] = [each for each in tree.functions() if each.qualified_name == name]
    test_path = path_of_tests(path, framework, lambda _: False)
    return draft_of_tests(
        TestPlan(
            tree.document,
            function,
            tree.functions(),
            path,
            document(test_path, there or ""),
            test_path,
            framework,
            is_new_file=there is None,
        )
    )


def result(draft: Draft) -> str:
    text = draft.document.text
    text = text[: draft.start] + draft.text() + text[draft.end :]
    if draft.also is not None:
        text = text[: draft.also.offset] + draft.also.text + text[draft.also.offset :]
    tree = parse(DocumentSnapshot.of("file:///t", draft.document.language_id, 1, text))
    assert tree is not None
    assert tree.error_count(0, len(text)) == 0
    return text


SHELF = (
    "class LostError(Exception): pass\n\n"
    "class Shelf:\n"
    "    def __init__(self, name, *, size: int): ...\n"
    "    def find(self, title: str, at=None) -> int:\n"
    "        if not title:\n            raise LostError\n        return 1\n"
    "    @property\n    def width(self): return 1\n"
    "    @classmethod\n    def empty(cls): return cls('', size=0)\n\n"
    "async def load(path): return path\n"
    "def outer():\n    def inner(): pass\n    return inner\n"
)

GOLDEN = [
    ("Shelf.find", PYTEST,
     "import pytest\n\nfrom lib.shelf import Shelf, LostError\n\n\n"
     "def test_shelf_find() -> None:\n"
     '    assert Shelf("text", size=1).find("text") == ...\n\n\n'
     "def test_shelf_find_raises_lost_error() -> None:\n"
     "    with pytest.raises(LostError):\n"
     '        Shelf("text", size=1).find("text")\n'),
    ("Shelf.width", PYTEST,
     "from lib.shelf import Shelf\n\n\ndef test_shelf_width():\n"
     '    assert Shelf("text", size=1).width == ...\n'),
    ("Shelf.empty", PYTEST,
     "from lib.shelf import Shelf\n\n\ndef test_shelf_empty():\n    assert Shelf.empty() == ...\n"),
    ("load", PYTEST,
     "import asyncio\n\nfrom lib.shelf import load\n\n\ndef test_load():\n"
     '    assert asyncio.run(load("text")) == ...\n'),
    ("load", UNITTEST,
     "import unittest\n\nfrom lib.shelf import load\n\n\n"
     "class TestLoad(unittest.IsolatedAsyncioTestCase):\n    async def test_load(self):\n"
     '        self.assertEqual(await load("text"), ...)\n'),
]  # fmt: skip


@pytest.mark.parametrize(("name", "framework", "golden"), GOLDEN)
def test_tests_in_python(name: str, framework: Framework, golden: str) -> None:
    assert result(draft_for(name, "src/lib/shelf.py", SHELF, framework)) == golden


@pytest.mark.parametrize("framework", [JEST, VITEST])
def test_tests_in_typescript(framework: Framework) -> None:
    text = (
        "export class Shelf {\n  constructor(private size: number) {}\n"
        "  async find(title: string, at?: number): Promise<number> {\n"
        "    throw new RangeError('x');\n  }\n}\n"
    )
    imports = "import { expect, test } from 'vitest';\n" if framework is VITEST else ""

    assert result(draft_for("Shelf.find", "src/shelf.ts", text, framework)) == (
        imports + "import { Shelf } from './shelf';\n\n"
        "test('Shelf find', async () => {\n"
        "  expect(await new Shelf(1).find('text')).toEqual(undefined);\n});\n\n"
        "test('Shelf find throws RangeError', async () => {\n"
        "  await expect(new Shelf(1).find('text')).rejects.toThrow(RangeError);\n});\n"
    )


def test_tests_of_a_commonjs_module_require_it() -> None:
    text = 'function area(width) { return width }\nmodule.exports = { area }\nlet a = ""\n'

    assert result(draft_for("area", "area.js", text, JEST)) == (
        'const { area } = require("./area")\n\n'
        'test("area", () => {\n  expect(area(1)).toEqual(undefined)\n})\n'
    )


def test_tests_in_java() -> None:
    text = (
        "package lib;\n\npublic class Shelf {\n    public Shelf(int size) {}\n"
        "    public int find(String title) throws LostException { return 1; }\n}\n"
    )
    path = "src/main/java/lib/Shelf.java"
    new = result(draft_for("Shelf.find", path, text, JUNIT5))
    old = result(draft_for("Shelf.find", path, text, JUNIT4))
    more = result(draft_for("Shelf.find", path, text, JUNIT5, "class ShelfTest {\n}\n"))

    assert new == (
        "package lib;\n\n"
        "import static org.junit.jupiter.api.Assertions.assertEquals;\n"
        "import static org.junit.jupiter.api.Assertions.assertThrows;\n\n"
        "import org.junit.jupiter.api.Test;\n\n"
        "class ShelfTest {\n"
        "    @Test\n    void find() throws Exception {\n"
        '        assertEquals(null, new Shelf(1).find("text"));\n    }\n\n'
        "    @Test\n    void findThrowsLostException() {\n"
        '        assertThrows(LostException.class, () -> new Shelf(1).find("text"));\n    }\n}\n'
    )
    assert "@Test(expected = LostException.class)" in old
    assert "import org.junit.Test;" in old
    assert more.startswith("class ShelfTest {\n\n    @Test\n    void find() throws Exception {")
    assert more.endswith("    }\n}\n")


def test_tests_are_put_before_the_main_block_and_under_a_name_that_is_free() -> None:
    there = (
        "from lib.shelf import (\n    Shelf,\n)\n\n\ndef test_load():\n    pass\n\n\n"
        "if __name__ == '__main__':\n    main()\n"
    )
    found = result(draft_for("load", "lib/shelf.py", SHELF, PYTEST, there))

    assert found == (
        "from lib.shelf import (\n    Shelf,\n)\nimport asyncio\nfrom lib.shelf import load\n\n\n"
        "def test_load():\n    pass\n\n\n"
        'def test_load_2():\n    assert asyncio.run(load("text")) == ...\n\n\n'
        "if __name__ == '__main__':\n    main()\n"
    )


def test_what_stands_inside_a_function_cannot_be_tested() -> None:
    with pytest.raises(DraftError, match="it stands inside another function"):
        draft_for("inner", "shelf.py", SHELF, PYTEST)


def test_what_is_private_cannot_be_tested() -> None:
    with pytest.raises(DraftError, match="it is private"):
        draft_for("A.f", "A.java", "class A {\n  private int f() { return 1; }\n}\n", JUNIT5)


FRAMEWORKS = [
    ("a.py", [], {}, PYTEST),
    ("a.py", [("test_b.py", "import unittest\nclass T(unittest.TestCase): pass\n")], {}, UNITTEST),
    ("a.py", [("test_b.py", "def test_a(): pass\n")], {}, PYTEST),
    ("a.py", [("b.test.js", "import {test} from 'vitest'\n")], {}, PYTEST),
    ("a.py", [], {"conftest.py": ""}, PYTEST),
    ("a.py", [], {"tox.ini": "commands = python -m unittest"}, UNITTEST),
    ("a.js", [], {}, JEST),
    ("a.ts", [], {"package.json": '{"devDependencies": {"vitest": "1"}}'}, VITEST),
    ("a.ts", [("b.test.ts", "jest.mock('x')\n")], {"package.json": '{"vitest": "1"}'}, JEST),
    ("A.java", [], {}, JUNIT5),
    ("A.java", [], {"pom.xml": "<artifactId>junit</artifactId>"}, JUNIT4),
    ("A.java", [("BTest.java", "import org.junit.jupiter.api.Test;\n")], {}, JUNIT5),
]


@pytest.mark.parametrize(("path", "tests", "project", "framework"), FRAMEWORKS)
def test_the_framework_is_the_one_that_the_project_uses(
    path: str, tests: list[tuple[str, str]], project: Mapping[str, str], framework: Framework
) -> None:
    opened = [document(name, text) for name, text in tests]

    assert framework_of(document(path, ""), opened, project) is framework


def test_other_languages_have_no_framework() -> None:
    assert framework_of(DocumentSnapshot.of("file:///a.rb", "ruby", 1, ""), [], {}) is None


PATHS = [
    ("src/lib/a.py", PYTEST, (), "src/lib/test_a.py"),
    ("src/lib/a.py", PYTEST, ("tests",), "tests/test_a.py"),
    ("src/lib/sub/a.py", PYTEST, ("tests", "tests/sub"), "tests/sub/test_a.py"),
    ("lib/a.py", PYTEST, ("tests", "tests/lib/test_a.py"), "tests/lib/test_a.py"),
    ("lib/a.py", PYTEST, ("lib/a_test.py",), "lib/a_test.py"),
    ("lib/__init__.py", PYTEST, ("tests",), "tests/test_lib.py"),
    ("lib/test_a.py", PYTEST, (), "lib/test_a.py"),
    ("src/a.ts", JEST, (), "src/a.test.ts"),
    ("src/a.ts", JEST, ("src/__tests__",), "src/__tests__/a.test.ts"),
    ("src/a.ts", JEST, ("src/a.spec.ts",), "src/a.spec.ts"),
    ("src/main/java/x/A.java", JUNIT5, (), "src/test/java/x/ATest.java"),
    ("src/x/A.java", JUNIT5, ("test/x",), "test/x/ATest.java"),
]


@pytest.mark.parametrize(("path", "framework", "there", "expected"), PATHS)
def test_tests_stand_where_the_project_keeps_them(
    path: str, framework: Framework, there: Collection[str], expected: str
) -> None:
    assert path_of_tests(path, framework, lambda name: name in there) == expected
