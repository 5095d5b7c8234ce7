"""A project's files, as far as writing tests needs them: which framework, which file of tests.

Architecture invariant: nothing is read but the files named in ``frameworks.PROJECT_FILES`` and one
file of tests, and none that the privacy rules exclude.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codelsp.context.paths import relative_path
from codelsp.document.snapshot import DocumentSnapshot
from codelsp.drafts.frameworks import PROJECT_FILES, framework_of, is_test, path_of_tests
from codelsp.drafts.test_plan import TestPlan
from codelsp.editor.workspace import path_of
from codelsp.errors import DraftError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from codelsp.document.functions import Function

_MOST_BYTES = 1_000_000


@dataclass(frozen=True)
class Project:
    """A workspace folder: what of it is open, and what may be read."""

    root: str
    """Its URI; the document's own folder where there is no workspace."""
    opened: Mapping[str, DocumentSnapshot]
    """The open documents that may be looked at, by path relative to the root."""
    is_private: Callable[[str], bool]
    """Whether a URI must not be read."""

    def plan(
        self, document: DocumentSnapshot, function: Function, functions: tuple[Function, ...]
    ) -> TestPlan:
        """Return where and how tests of ``function`` are to be written; reads files.

        Raises:
            DraftError: there is no framework for the language, the document is no file, or the
                file of tests cannot be read.
        """
        folder, path = path_of(self.root), relative_path(document.uri, self.root)
        if folder is None or not path:
            raise DraftError("Save the file first: its tests stand in a file near it.")
        tests = [text for name, text in self.opened.items() if is_test(name)]
        known = self._project_texts(folder)
        framework = framework_of(document, tests, known)
        if framework is None:
            raise DraftError(f"Tests in {document.language_id} are not something codelsp writes.")
        place = path_of_tests(path, framework, lambda name: self._exists(folder, name))
        test = self._test_document(folder, place, document)
        if test is not None:
            framework = framework_of(document, [test, *tests], known) or framework
        return TestPlan(
            document,
            function,
            functions,
            path,
            test or DocumentSnapshot.of(self._uri(place), document.language_id, 0, ""),
            place,
            framework,
            is_new_file=test is None,
        )

    def _project_texts(self, folder: Path) -> dict[str, str]:
        texts = {}
        for name in PROJECT_FILES:
            text = self._text(folder, name)
            if text is not None:
                texts[name] = text
        return texts

    def _exists(self, folder: Path, name: str) -> bool:
        held = f"{name}/"
        is_open = name in self.opened or any(each.startswith(held) for each in self.opened)
        return is_open or (folder / name).exists()

    def _test_document(
        self, folder: Path, name: str, document: DocumentSnapshot
    ) -> DocumentSnapshot | None:
        """Return the file of tests: as it is open, else as it is on disk; None if there is none."""
        if name in self.opened:
            return self.opened[name]
        uri = self._uri(name)
        if self.is_private(uri):
            raise DraftError(f"{name} is private and is left alone.")
        text = self._text(folder, name)
        if text is None and (folder / name).exists():
            raise DraftError(f"{name} cannot be read, so nothing is added to it.")
        return None if text is None else DocumentSnapshot.of(uri, document.language_id, 0, text)

    def _text(self, folder: Path, name: str) -> str | None:
        if name in self.opened:
            return self.opened[name].text
        path = folder / name
        try:
            if self.is_private(self._uri(name)) or path.stat().st_size > _MOST_BYTES:
                return None
            # As it is, line ends included: an edit counts on them.
            return path.read_bytes().decode("utf-8")
        except (OSError, UnicodeDecodeError):
            return None

    def _uri(self, name: str) -> str:
        folder = path_of(self.root)
        return posixpath.join(self.root, name) if folder is None else (folder / name).as_uri()
