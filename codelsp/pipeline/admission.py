"""Whether a request may reach the model at all: settings, pauses, excluded files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codelsp.context.completion_context import Trigger
from codelsp.context.privacy import PrivacyRules

if TYPE_CHECKING:
    from collections.abc import Iterable

    from codelsp.context.completion_context import CompletionQuery
    from codelsp.document.snapshot import DocumentSnapshot
    from codelsp.settings import Settings


class Admission:
    """The gate before the journey; every refusal has a reason."""

    def __init__(self, settings: Settings) -> None:
        self._is_paused = False
        self._paused: set[str] = set()
        self.update(settings)

    def update(self, settings: Settings) -> None:
        """Judge by ``settings`` from now on."""
        self._settings = settings
        self._privacy = PrivacyRules(settings.exclude)
        self._excluded: dict[tuple[str, str], str | None] = {}

    def reason_refused(self, query: CompletionQuery, root: str) -> str:
        """Return why ``query`` gets nothing, or an empty text."""
        document = query.document
        if not self._settings.enabled:
            return "completions are turned off (setting `enabled`)"
        if self.is_paused(language=document.language_id, uri=document.uri):
            return "completions are paused"
        is_asked = query.trigger is Trigger.INVOKED
        if document.language_id in self._settings.disabled_languages and not is_asked:
            return f"turned off for {document.language_id} (setting `disabled_languages`)"
        return self.reason_uri_refused(document.uri, root)

    def reason_uri_refused(self, uri: str, root: str = "") -> str:
        """Return the privacy rule that excludes ``uri``, or an empty text."""
        key = (uri, root)
        if key not in self._excluded:
            self._excluded[key] = self._privacy.reason_excluded(uri, root)
        return self._excluded[key] or ""

    def admitted(
        self, documents: Iterable[DocumentSnapshot], root: str
    ) -> tuple[DocumentSnapshot, ...]:
        """Return the documents that may be used as context."""
        return tuple(each for each in documents if not self.reason_uri_refused(each.uri, root))

    def pause(self, *, language: str = "", uri: str = "") -> None:
        """Refuse everything, one language or one document."""
        if language or uri:
            self._paused.update(filter(None, (language, uri)))
        else:
            self._is_paused = True

    def resume(self, *, language: str = "", uri: str = "") -> None:
        """Undo a pause of the same extent; without arguments, all pauses."""
        if language or uri:
            self._paused -= {language, uri}
        else:
            self._is_paused = False
            self._paused.clear()

    def is_paused(self, *, language: str = "", uri: str = "") -> bool:
        """Whether everything, this language or this document is paused."""
        return self._is_paused or language in self._paused or uri in self._paused
