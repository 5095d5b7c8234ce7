"""Which of the models that came with codelsp answers in a document of which language.

codelsp-s knows Python alone, and is the faster one; codelsp-m knows seven languages besides, in
which it saves 42 % of the keystrokes where codelsp-s saves 33; in Python it is 47 and 46
(`models/LOG.md`).  Some languages have much in common with the seven.  In others, in markup and in
data files neither is at home, and the one that is there already answers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from codelsp.model_store.adapted import with_adapted_model
from codelsp.model_store.places import embedded_dir

if TYPE_CHECKING:
    from pathlib import Path

    from codelsp.settings import Settings

OF_OTHER_LANGUAGES = "codelsp-m"
"""The model that answers outside Python when the user has chosen none."""
DEFAULT_LANGUAGE = "python"
"""What the default model knows."""
OTHER_LANGUAGES = frozenset((
    "c", "cpp", "go", "java", "javascript", "javascriptreact", "rust", "typescript",
    "typescriptreact",
    # Not learned, but alike.
    "csharp", "cuda-cpp", "dart", "groovy", "kotlin", "objective-c", "objective-cpp",
    "scala", "svelte", "swift", "vue", "zig",
))  # fmt: skip
"""What the other one is taken for, by LSP's names."""
_RUN_BY_LLAMA = ("auto", "llama.cpp")


def for_language(settings: Settings, language_id: str) -> Settings:
    """Return ``settings`` with the model for documents in ``language_id``.

    A model that the user has chosen is the one for all languages.

    Args:
        settings: The session's.
        language_id: LSP's name for the language.
    """
    if language_id not in OTHER_LANGUAGES or settings.engine not in _RUN_BY_LLAMA:
        return settings
    if settings.model or not (embedded_dir() / OF_OTHER_LANGUAGES).is_dir():
        return settings
    return replace(settings, model=OF_OTHER_LANGUAGES)


def for_workspace(settings: Settings, language_id: str, root: Path | None) -> Settings:
    """Return ``for_language``, with what ``codelsp adapt`` has made of that model for ``root``.

    Args:
        settings: The session's.
        language_id: LSP's name for the language.
        root: The workspace folder; None where there is none, or several.
    """
    return with_adapted_model(for_language(settings, language_id), root)


def models_of(settings: Settings, root: Path | None = None) -> tuple[str, ...]:
    """Return what ``model`` is in a workspace, language by language: one name, or two."""
    languages = (DEFAULT_LANGUAGE, *OTHER_LANGUAGES)
    names = (for_workspace(settings, each, root).model for each in languages)
    return tuple(dict.fromkeys(names))
