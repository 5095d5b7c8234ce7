"""What each editor really does with our answers, as a table, and what it said it can do.

The rows come from reading the clients and from their issue trackers; ``tests/editor`` holds one
test a row.  A client that is not in the table gets ``UNKNOWN``, which assumes the least.

* Superseded requests are answered ``null`` and the newest request without a suggestion ``[]``,
  for all of them: Neovim ignores the one and clears its ghost text on the other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from codelsp.document.position import PositionEncoding

if TYPE_CHECKING:
    from codelsp.editor.lifecycle import Json


class RangeStart(Enum):
    """Where the range of an inline completion begins."""

    LINE = "line"
    """At the start of the line, its text repeated in the item: VS Code then does not flicker."""
    CURSOR = "cursor"
    """As near to the cursor as the insertion allows."""


@dataclass(frozen=True)
class ClientPolicy:
    """How to answer one kind of client."""

    name: str
    range_start: RangeStart = RangeStart.CURSOR
    needs_typed_prefix: bool = False
    """Shows an item only if the text between range start and cursor begins its insertText."""
    own_debounce_ms: int = 0
    """How long the client itself waits before it asks; the model need not wait again."""
    takes_unknown_notifications: bool = True
    """Passes over ``codelsp/status`` in silence, if no extension of ours listens for it."""
    sends_defaults: bool = False
    """Sends every setting, also those the user has not set; such a default is no choice."""


UNKNOWN = ClientPolicy("unknown")
VS_CODE = ClientPolicy("VS Code", range_start=RangeStart.LINE, sends_defaults=True)
# Draws an empty range as ghost text, any other as an overlay; asks 200 ms after the last change
# and does not cancel on a keystroke.
NEOVIM = ClientPolicy("Neovim", own_debounce_ms=200)
# Draws the whole insertText at the range's start.
COC = ClientPolicy("coc.nvim", own_debounce_ms=100)
EMACS = ClientPolicy("Emacs lsp-mode", needs_typed_prefix=True, takes_unknown_notifications=False)
ZED = ClientPolicy("Zed")
LSP4IJ = ClientPolicy("LSP4IJ")

_BY_NAME: tuple[tuple[str, ClientPolicy], ...] = (
    ("visual studio code", VS_CODE),
    ("vscode", VS_CODE),
    ("vscodium", VS_CODE),
    ("code - oss", VS_CODE),
    ("cursor", VS_CODE),
    ("windsurf", VS_CODE),
    ("theia", VS_CODE),
    ("neovim", NEOVIM),
    ("coc.nvim", COC),
    ("emacs", EMACS),
    ("zed", ZED),
    ("lsp4ij", LSP4IJ),
    ("intellij", LSP4IJ),
    ("pycharm", LSP4IJ),
    ("webstorm", LSP4IJ),
    ("goland", LSP4IJ),
    ("clion", LSP4IJ),
    ("rider", LSP4IJ),
    ("phpstorm", LSP4IJ),
    ("rubymine", LSP4IJ),
    ("rustrover", LSP4IJ),
    ("android studio", LSP4IJ),
)
"""Beginnings of ``clientInfo.name``, in lower case; the first that fits counts."""


def policy_of(client_name: str) -> ClientPolicy:
    """Return the policy for a client of this ``clientInfo.name``."""
    lowered = client_name.lower()
    for beginning, policy in _BY_NAME:
        if lowered.startswith(beginning):
            return policy
    return UNKNOWN


@dataclass(frozen=True)
class Client:
    """The editor at the other end: what it is, and what it said it can do."""

    name: str = ""
    version: str = ""
    policy: ClientPolicy = UNKNOWN
    has_inline_completion: bool = False
    draws_ghost_text: bool = False
    """Asks ``codelsp/ghostText``, at once after each key, and draws the answer itself."""
    has_progress: bool = False
    has_configuration: bool = False
    """Answers ``workspace/configuration``."""
    has_configuration_registration: bool = False
    """Wants ``workspace/didChangeConfiguration`` registered before it sends it."""
    has_completion_registration: bool = False
    has_insert_text_mode: bool = False
    applies_edits: bool = False
    """Answers ``workspace/applyEdit``."""
    resolves_edits: bool = False
    """Asks for the edit of a code action when it is chosen."""
    has_action_literals: bool = False
    """Takes code actions, and not only commands, for an answer."""
    has_document_changes: bool = False
    """Takes edits with the version of their document."""
    creates_files: bool = False
    annotates_changes: bool = False
    """Shows what an edit is, and asks the user to confirm it if that is wanted."""
    shows_preview: bool = False
    """Shows ``codelsp/preview``: texts while they are being written."""
    encodings: tuple[str, ...] = ()

    @classmethod
    def of(cls, params: Json) -> Client:
        """Return the client that sent these ``initialize`` params, however odd they are."""
        capabilities = params.get("capabilities")
        info = params.get("clientInfo")
        name = str(dig(info, "name") or "")
        inline = dig(capabilities, "textDocument", "inlineCompletion")
        offered = dig(capabilities, "general", "positionEncodings")
        item = ("textDocument", "completion", "completionItem")
        draws_ghost_text = dig(capabilities, "experimental", "codelsp", "ghostText") is True
        policy = policy_of(name)
        action, edit = ("textDocument", "codeAction"), ("workspace", "workspaceEdit")
        resolved = dig(capabilities, *action, "resolveSupport", "properties")
        resources = dig(capabilities, *edit, "resourceOperations")
        annotations = dig(capabilities, *edit, "changeAnnotationSupport")
        return cls(
            name=name,
            version=str(dig(info, "version") or ""),
            policy=replace(policy, own_debounce_ms=0) if draws_ghost_text else policy,
            has_inline_completion=inline not in (None, False),
            draws_ghost_text=draws_ghost_text,
            has_progress=dig(capabilities, "window", "workDoneProgress") is True,
            has_configuration=dig(capabilities, "workspace", "configuration") is True,
            has_configuration_registration=_is_dynamic(
                capabilities, "workspace", "didChangeConfiguration"
            ),
            has_completion_registration=_is_dynamic(capabilities, "textDocument", "completion"),
            has_insert_text_mode=bool(dig(capabilities, *item, "insertTextModeSupport")),
            applies_edits=dig(capabilities, "workspace", "applyEdit") is True,
            resolves_edits=isinstance(resolved, list) and "edit" in resolved,
            has_action_literals=bool(dig(capabilities, *action, "codeActionLiteralSupport")),
            has_document_changes=dig(capabilities, *edit, "documentChanges") is True,
            creates_files=isinstance(resources, list) and "create" in resources,
            annotates_changes=annotations not in (None, False),
            shows_preview=dig(capabilities, "experimental", "codelsp", "preview") is True,
            encodings=tuple(map(str, offered)) if isinstance(offered, list) else (),
        )

    @property
    def encoding(self) -> PositionEncoding:
        """What columns count in this session.

        UTF-32 where it is offered, because a column is then an offset and nothing is to be
        converted; UTF-8 only for a client that offers neither of the others; else the
        protocol's own default, UTF-16.
        """
        for encoding in (PositionEncoding.UTF32, PositionEncoding.UTF16, PositionEncoding.UTF8):
            if encoding.value in self.encodings:
                return encoding
        return PositionEncoding.UTF16


def dig(value: object, *keys: str) -> object:
    """Return what stands under ``keys`` in nested JSON objects, or None."""
    for key in keys:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def _is_dynamic(capabilities: object, *keys: str) -> bool:
    return dig(capabilities, *keys, "dynamicRegistration") is True
