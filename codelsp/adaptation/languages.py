"""What an adapted model is to stand in for, and which files that is about.

Where the user has chosen no model, Python and other languages have different ones
(``model_store/by_language.py``).  One of them is replaced at a time, in all that it answers in.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from codelsp.errors import CorpusError
from codelsp.model_store.by_language import for_language

if TYPE_CHECKING:
    from codelsp.adaptation.repository import RepositoryFiles
    from codelsp.settings import Settings

ANOTHERS = "in a language that another model answers in"
"""Why a file is left out, in statistics."""


def answering_model(found: RepositoryFiles, settings: Settings, language_id: str = "") -> str:
    """Return the model, as the setting names it, that answers in a language of a repository.

    Args:
        found: The repository's files.
        settings: The user's own.
        language_id: LSP id; without one, that in which most of the code is answered.

    Raises:
        CorpusError: no file is in that language.
    """
    if language_id and language_id not in found.languages:
        raise CorpusError(
            f"{found.name} holds no file of {language_id} to learn from; it holds"
            f" {', '.join(found.languages)}."
        )
    if language_id:
        return for_language(settings, language_id).model
    n_chars: Counter[str] = Counter()
    for document in found.documents:
        n_chars[for_language(settings, document.language).model] += len(document.text)
    return n_chars.most_common(1)[0][0]


def answered_by(model: str, found: RepositoryFiles, settings: Settings) -> RepositoryFiles:
    """Return the files in languages that ``model`` answers in; the others count as left out."""
    own = tuple(
        document
        for document in found.documents
        if for_language(settings, document.language).model == model
    )
    n_others = len(found.documents) - len(own)
    others = {ANOTHERS: n_others} if n_others else {}
    return replace(found, documents=own, left_out={**found.left_out, **others})
