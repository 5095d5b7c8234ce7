"""Whether a completion is wanted in code, comments, strings and docstrings.

Architecture invariant: pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from codelsp.context.completion_context import Trigger
from codelsp.document.syntax import TextKind

if TYPE_CHECKING:
    from codelsp.settings import Settings


def is_wanted(text_kind: TextKind, trigger: Trigger, settings: Settings) -> bool:
    """Whether the user's settings ask for a completion in this kind of text.

    ``manual`` means only when the user asks for one.
    """
    choices = {
        TextKind.COMMENT: settings.suggest_in_comments,
        TextKind.STRING: settings.suggest_in_strings,
        TextKind.DOCSTRING: settings.suggest_in_docstrings,
    }
    choice = choices.get(text_kind, "on")
    return choice == "on" or (choice == "manual" and trigger is Trigger.INVOKED)
