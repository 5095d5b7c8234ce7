"""Which framework a project's tests are written for, and where the tests of a file stand."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codelsp.document.languages import language_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from codelsp.document.snapshot import DocumentSnapshot


@dataclass(frozen=True)
class Framework:
    """A test framework, and how to tell that it is in use."""

    name: str
    family: str
    """``python``, ``javascript`` or ``java``."""
    in_tests: re.Pattern[str]
    """What a file of tests says."""
    in_project: re.Pattern[str]
    """What a file that describes the project says."""


def _framework(name: str, family: str, in_tests: str, in_project: str) -> Framework:
    return Framework(name, family, re.compile(in_tests, re.MULTILINE), re.compile(in_project))


PYTEST = _framework(
    "pytest", "python", r"^(?:import|from) pytest\b|^(?:async )?def test_", r"\bpytest\b"
)
UNITTEST = _framework("unittest", "python", r"\bunittest\.TestCase\b|\bTestCase\)", r"\bunittest\b")
VITEST = _framework("Vitest", "javascript", r"""from ['"]vitest['"]""", r'"vitest"')
JEST = _framework("Jest", "javascript", r"\bjest\.|@jest/globals|\bexpect\(", r'"(?:ts-)?jest"')
JUNIT5 = _framework(
    "JUnit 5",
    "java",
    r"\borg\.junit\.jupiter\b",
    r"\bjunit-jupiter|\bjunit\.jupiter|useJUnitPlatform",
)
JUNIT4 = _framework(
    "JUnit 4",
    "java",
    r"\borg\.junit\.Test\b|\borg\.junit\.\*",
    r"\bjunit:junit:4|<artifactId>junit<",
)

_FRAMEWORKS = (PYTEST, UNITTEST, VITEST, JEST, JUNIT5, JUNIT4)
"""The first of a family is taken where as much speaks for another, but for the usual one."""
_USUAL = {"python": PYTEST, "javascript": JEST, "java": JUNIT5}
_FAMILIES = {
    "python": "python",
    "javascript": "javascript",
    "javascriptreact": "javascript",
    "typescript": "javascript",
    "typescriptreact": "javascript",
    "java": "java",
}
PROJECT_FILES = (
    "pyproject.toml", "pytest.ini", "setup.cfg", "tox.ini", "conftest.py", "tests/conftest.py",
    "requirements.txt", "requirements-dev.txt", "package.json", "pom.xml", "build.gradle",
    "build.gradle.kts",
)  # fmt: skip
"""Files of a workspace that say which framework is in use; nothing else is read."""
_TEST_NAME = re.compile(
    r"(?:test_[^/]*|[^/]*_test|tests?)\.py$|\.(?:test|spec)\.[cm]?[jt]sx?$|(?:Test|Tests|IT)\.java$"
)
_READ_CHARS = 50_000


def is_test(path: str) -> bool:
    """Whether a file is one of tests, by its name."""
    return _TEST_NAME.search(path) is not None


def has_framework(document: DocumentSnapshot) -> bool:
    """Whether there is a framework to write tests for ``document`` in."""
    return language_of(document.language_id, document.uri).id in _FAMILIES


def framework_of(
    document: DocumentSnapshot, tests: Iterable[DocumentSnapshot], project: Mapping[str, str]
) -> Framework | None:
    """Return the framework to write tests for ``document`` in; None for other languages.

    Args:
        document: What is to be tested.
        tests: Files of tests, the one that the test is to stand in first if there is one.
        project: Texts of ``PROJECT_FILES``, by name; an empty text for one that is only there.
    """
    family = _FAMILIES.get(language_of(document.language_id, document.uri).id)
    if family is None:
        return None
    known = [each for each in _FRAMEWORKS if each.family == family]
    for test in tests:
        if family == _FAMILIES.get(language_of(test.language_id, test.uri).id):
            shown = _shown(test.text[:_READ_CHARS], known)
            if shown is not None:
                return shown
    if family == "python" and {"pytest.ini", "conftest.py", "tests/conftest.py"} & set(project):
        return PYTEST
    for each in known:
        if any(each.in_project.search(text) for text in project.values()):
            return each
    return _USUAL[family]


def _shown(text: str, known: Iterable[Framework]) -> Framework | None:
    """Return the framework that a file of tests is written for."""
    for each in known:
        if each.in_tests.search(text):
            # A class of unittest's may hold functions named like pytest's.
            is_class = UNITTEST.in_tests.search(text) is not None and "pytest" not in text
            return UNITTEST if each is PYTEST and is_class else each
    return None


def path_of_tests(path: str, framework: Framework, exists: Callable[[str], bool]) -> str:
    """Return the path of the file that holds the tests of ``path``, or is to hold them.

    Paths are relative to the workspace, with ``/``.

    Args:
        path: Of the file that is tested; a file of tests holds its own.
        framework: What its tests are written for.
        exists: Whether there is a file or folder of that path.
    """
    if is_test(path):
        return path
    places = _PLACES[framework.family](path)
    for place in (*places.known, places.beside):
        if exists(place):
            return place
    # None yet: in the first folder of tests that is there, or else beside the file.
    for place in places.may_be_made:
        if exists(posixpath.dirname(place)):
            return place
    return places.beside


@dataclass(frozen=True)
class _Places:
    """Where the tests of one file may stand."""

    known: tuple[str, ...]
    """Where they are looked for."""
    may_be_made: tuple[str, ...]
    """Those of them that may be made anew, if their folder is there."""
    beside: str
    """Where they are made if there is no folder of tests."""


def _python_places(path: str) -> _Places:
    folder, name = posixpath.split(path)
    stem = name.removesuffix(".py")
    if stem == "__init__":
        folder, stem = posixpath.split(folder)
    parts = [part for part in folder.split("/") if part and part != "src"]
    made = [
        "/".join([tests, *below, f"test_{stem}.py"])
        for tests in ("tests", "test")
        for below in (parts[1:], parts, [])
    ]
    made.append(posixpath.join(folder, "tests", f"test_{stem}.py"))
    elsewhere = [f"test_{stem}.py", posixpath.join(folder, f"{stem}_test.py")]
    return _Places((*made, *elsewhere), tuple(made), posixpath.join(folder, f"test_{stem}.py"))


def _javascript_places(path: str) -> _Places:
    folder, name = posixpath.split(path)
    stem, _, ending = name.rpartition(".")
    parts = [part for part in folder.split("/") if part and part != "src"]
    made = [posixpath.join(folder, "__tests__", f"{stem}.test.{ending}")]
    for tests in ("tests", "test", "__tests__"):
        made += ["/".join([tests, *below, f"{stem}.test.{ending}"]) for below in (parts, [])]
    specs = [place.replace(f"{stem}.test.", f"{stem}.spec.") for place in made]
    beside = posixpath.join(folder, f"{stem}.test.{ending}")
    return _Places((*made, *specs, beside.replace(".test.", ".spec.")), tuple(made), beside)


def _java_places(path: str) -> _Places:
    folder, name = posixpath.split(path)
    test = f"{name.removesuffix('.java')}Test.java"
    if "src/main/java" in folder:
        mirrored = folder.replace("src/main/java", "src/test/java", 1)
        return _Places((), (), posixpath.join(mirrored, test))
    made: tuple[str, ...] = ()
    if folder == "src" or folder.startswith("src/"):
        made = (posixpath.join("test" + folder.removeprefix("src"), test),)
    return _Places(made, made, posixpath.join(folder, test))


_PLACES: Mapping[str, Callable[[str], _Places]] = {
    "python": _python_places,
    "javascript": _javascript_places,
    "java": _java_places,
}
