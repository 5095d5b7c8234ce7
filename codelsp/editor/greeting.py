"""The answer to ``initialize``: what codelsp can do, declared once, as plain JSON.

Importing the protocol's types takes longer than everything else at start-up together, and the
editor waits for this answer.  So it is made here, without pygls, and sent before pygls is
imported; the session is then built from the same ``Greeting``.

Architecture invariant: nothing in this module's imports loads pygls or lsprotocol.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import codelsp
from codelsp.editor.clients import Client
from codelsp.editor.layers import SessionLayers
from codelsp.editor.workspace import roots_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from codelsp.editor.lifecycle import Json
    from codelsp.settings import Problem, Settings

WRITE_DOCSTRING = "codelsp.writeDocstring"
WRITE_TESTS = "codelsp.writeTests"
COMPLETE_FUNCTION = "codelsp.completeFunction"
COMMANDS = (
    "codelsp.accept",
    "codelsp.explainLast",
    "codelsp.pause",
    "codelsp.resume",
    "codelsp.restartEngine",
    "codelsp.statistics",
    WRITE_DOCSTRING,
    WRITE_TESTS,
    COMPLETE_FUNCTION,
)
GHOST_TEXT = "codelsp/ghostText"


@dataclass(frozen=True)
class Greeting:
    """All that is known of a session once ``initialize`` has been answered."""

    client: Client
    roots: tuple[str, ...]
    layers: SessionLayers
    settings: Settings
    problems: tuple[Problem, ...]
    process_id: int | None
    """The editor's process; None where it did not say."""

    @property
    def result(self) -> Json:
        """The result of ``initialize``."""
        return {
            "capabilities": capabilities(self.client, self.settings),
            "serverInfo": {"name": "codelsp", "version": codelsp.__version__},
        }


def greet(params: object, overrides: Mapping[str, object]) -> Greeting:
    """Return the greeting for ``initialize`` params; whatever is odd in them is passed over."""
    known: Json = params if isinstance(params, dict) else {}
    roots = roots_of(known)
    client = Client.of(known)
    layers = SessionLayers(
        roots[0] if roots else "", overrides, skips_defaults=client.policy.sends_defaults
    )
    layers.take_options(known.get("initializationOptions"))
    settings, problems = layers.read()
    process_id = known.get("processId")
    return Greeting(
        client=client,
        roots=roots,
        layers=layers,
        settings=settings,
        problems=problems,
        process_id=process_id if isinstance(process_id, int) and process_id > 0 else None,
    )


def capabilities(client: Client, settings: Settings) -> Json:
    """Return what the server tells ``client`` it can do."""
    provided: Json = {
        "positionEncoding": client.encoding.value,
        "textDocumentSync": {"openClose": True, "change": 2, "save": {"includeText": False}},
        "notebookDocumentSync": {
            "notebookSelector": [{"notebook": "*", "cells": [{"language": "*"}]}]
        },
        "inlineCompletionProvider": {},
        "executeCommandProvider": {"commands": list(COMMANDS), "workDoneProgress": True},
        "workspace": {"workspaceFolders": {"supported": True, "changeNotifications": True}},
        "experimental": {"codelsp": {"ghostText": GHOST_TEXT}},
    }
    if client.applies_edits or client.resolves_edits:
        provided["codeActionProvider"] = {
            "codeActionKinds": ["refactor"],
            "resolveProvider": not client.applies_edits,
        }
    if gives_completion_items(client, settings):
        provided["completionProvider"] = completion_options(settings)
    return provided


def completion_options(settings: Settings) -> Json:
    """Return the options of ``textDocument/completion``."""
    characters = list(dict.fromkeys(settings.trigger_characters))
    return {"triggerCharacters": characters, "resolveProvider": False}


def gives_completion_items(client: Client, settings: Settings) -> bool:
    """Whether ``textDocument/completion`` is answered.

    Never beside ghost text unless the user wants it: the same text must not appear twice.
    """
    if settings.completion_items == "auto":
        return not (client.has_inline_completion or client.draws_ghost_text)
    return settings.completion_items == "always"
