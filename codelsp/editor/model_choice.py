"""Which model answers in a workspace; apart from ``workspace``, which ``initialize`` waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codelsp.editor.workspace import path_of
from codelsp.model_store.by_language import for_workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codelsp.settings import Settings


def settings_for(settings: Settings, language_id: str, roots: Sequence[str]) -> Settings:
    """Return ``settings`` with the model for a language, adapted to the workspace if one was.

    With several folders open none that was adapted is taken: each has a right to its own.
    """
    return for_workspace(settings, language_id, path_of(roots[0]) if len(roots) == 1 else None)
