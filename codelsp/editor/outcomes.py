"""What became of an insertion, as some editors tell it; others never do, and lose nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codelsp.editor import from_lsp

if TYPE_CHECKING:
    from codelsp.editor.lifecycle import Json
    from codelsp.editor.server import CodeServer


def did_show(ls: CodeServer, params: Json) -> None:
    """Take in ``didShowCompletion``."""
    ls.session.completer.shown(from_lsp.item_id(params.get("item")))


def did_partially_accept(ls: CodeServer, params: Json) -> None:
    """Take in ``didPartiallyAcceptCompletion``; its length counts UTF-16 units, from the start."""
    item_id = from_lsp.item_id(params.get("item"))
    length = from_lsp.accepted_length(params)
    more = ls.session.handed_out.newly_accepted(item_id, length)
    if more > 0:
        ls.session.completer.partially_accepted(item_id, more)
