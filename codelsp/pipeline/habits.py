"""What the user tends to write, workspace by workspace, as far as the settings allow it."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from codelsp.context.paths import path_of
from codelsp.habits.accepted import AcceptedLines
from codelsp.habits.project import ProjectText

if TYPE_CHECKING:
    from codelsp.document.snapshot import DocumentSnapshot
    from codelsp.settings import Settings

logger = logging.getLogger(__name__)


class Habits:
    """The words of the projects of one session, and the completions taken in them."""

    def __init__(self) -> None:
        self._projects: dict[str, ProjectText] = {}
        self._accepted: dict[str, AcceptedLines] = {}
        self._reading: set[asyncio.Future[None]] = set()

    def text(
        self,
        document: DocumentSnapshot,
        others: tuple[DocumentSnapshot, ...],
        root: str,
        settings: Settings,
    ) -> str:
        """Return what is known by now; files that were not read yet are read meanwhile."""
        folder = _folder(root)
        if folder is None or not settings.recall:
            return ""
        parts = []
        if settings.project_words:
            open_uris = frozenset((document.uri, *(each.uri for each in others)))
            project = self._project(root, folder, document.language_id, settings)
            parts.append(project.text(document.language_id, document.uri, open_uris))
        if settings.remember_accepted:
            parts.append(self._lines(root, folder).text)
        return "\n".join(part for part in parts if part)

    def accepted(self, text: str, root: str, settings: Settings) -> None:
        """Keep the lines that a completion has made."""
        folder = _folder(root)
        if folder is not None and settings.remember_accepted:
            lines = self._lines(root, folder)
            for line in text.split("\n"):
                lines.add(line)

    def save(self) -> None:
        """Write what is not written yet."""
        for lines in self._accepted.values():
            lines.save()

    def clear(self) -> None:
        """Forget what was read, so that new rules on what may be read hold at once."""
        self.save()
        self._projects.clear()
        self._accepted.clear()

    async def settle(self) -> None:
        """Return when no file is being read any more; for tests."""
        while self._reading:
            await asyncio.wait(self._reading)

    def _project(
        self, root: str, folder: Path, language_id: str, settings: Settings
    ) -> ProjectText:
        if root not in self._projects:
            self._projects[root] = ProjectText(folder, settings.exclude)
        project = self._projects[root]
        if project.is_stale(language_id) and not self._reading:
            loop = asyncio.get_running_loop()
            future = loop.run_in_executor(None, project.read, language_id)
            self._reading.add(future)
            future.add_done_callback(self._reading.discard)
        return project

    def _lines(self, root: str, folder: Path) -> AcceptedLines:
        if root not in self._accepted:
            self._accepted[root] = AcceptedLines(folder)
        return self._accepted[root]


def _folder(root: str) -> Path | None:
    """Return the folder that the URI ``root`` names, if it is one on this machine."""
    if not root or urlsplit(root).scheme != "file":
        return None
    folder = Path(path_of(root))
    return folder if folder.is_dir() else None
