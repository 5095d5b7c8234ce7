"""Settings and folders as the editor tells them, at the start and when they change."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from codelsp.editor.clients import dig
from codelsp.editor.greeting import completion_options, gives_completion_items
from codelsp.editor.workspace import folder_uris, without

if TYPE_CHECKING:
    from codelsp.editor.lifecycle import Json
    from codelsp.editor.server import CodeServer

logger = logging.getLogger(__name__)

SECTION = "codelsp"
_PATIENCE_SECONDS = 10.0


async def begin(ls: CodeServer) -> None:
    """Ask for the editor's settings, if it gives them, and tell of those that were not taken."""
    client = ls.session.client
    if client.has_configuration_registration:
        await _register(ls, types.WORKSPACE_DID_CHANGE_CONFIGURATION, {"section": SECTION})
    ls.announcer.begin()
    ls.announcer.problems(ls.session.problems)
    if client.has_configuration:
        await _pull(ls)


def did_change(ls: CodeServer, params: Json) -> None:
    """Take in ``workspace/didChangeConfiguration``; many editors send it empty, to be asked."""
    ls.session.layers.take_pushed(params.get("settings"))
    ls.spawn(_pull(ls) if ls.session.client.has_configuration else read_again(ls))


async def _pull(ls: CodeServer) -> None:
    item = types.ConfigurationItem(section=SECTION)
    asked = ls.workspace_configuration_async(types.ConfigurationParams(items=[item]))
    try:
        sections = await asyncio.wait_for(asked, _PATIENCE_SECONDS)
    except (JsonRpcException, asyncio.TimeoutError) as error:
        logger.warning("the editor did not say its settings: %s", type(error).__name__)
        return
    has_any = isinstance(sections, list) and len(sections) > 0
    ls.session.layers.take_section(sections[0] if has_any else None)
    await read_again(ls)


async def read_again(ls: CodeServer) -> None:
    """Put the settings together anew, work by them, and tell of those that were not taken."""
    session = ls.session
    gave_items = gives_completion_items(session.client, session.settings)
    ls.announcer.problems(await session.read_settings_again())
    if gives_completion_items(session.client, session.settings) and not gave_items:
        await _offer_completion_items(ls)


async def _offer_completion_items(ls: CodeServer) -> None:
    """Tell an editor that was told otherwise at the start that there are completion items now."""
    if ls.session.client.has_completion_registration:
        options = {**completion_options(ls.session.settings), "documentSelector": [{"scheme": "*"}]}
        await _register(ls, types.TEXT_DOCUMENT_COMPLETION, options)
    else:
        logger.warning("completion_items takes effect when the editor starts codelsp again")


async def _register(ls: CodeServer, method: str, options: Json) -> None:
    registration = types.Registration(f"codelsp-{method}", method, options)
    asked = ls.client_register_capability_async(types.RegistrationParams([registration]))
    try:
        await asyncio.wait_for(asked, _PATIENCE_SECONDS)
    except (JsonRpcException, asyncio.TimeoutError) as error:
        logger.warning("the editor did not register %s: %s", method, type(error).__name__)


def did_change_folders(ls: CodeServer, params: Json) -> None:
    """Take in ``workspace/didChangeWorkspaceFolders``."""
    removed = folder_uris(dig(params, "event", "removed"))
    added = folder_uris(dig(params, "event", "added"))
    kept = without(ls.session.roots, removed)
    ls.session.roots = (*kept, *without(added, kept))
