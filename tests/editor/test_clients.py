"""The table of clients, row by row."""

from __future__ import annotations

import pytest

from codelsp.document.position import PositionEncoding
from codelsp.editor.clients import (
    COC,
    EMACS,
    LSP4IJ,
    NEOVIM,
    UNKNOWN,
    VS_CODE,
    ZED,
    Client,
    ClientPolicy,
    policy_of,
)
from codelsp.editor.greeting import gives_completion_items
from codelsp.settings import Settings
from tests.editor.client_files import initialize_params


@pytest.mark.parametrize(
    ("name", "policy"),
    [
        ("Visual Studio Code", VS_CODE),
        ("Visual Studio Code - Insiders", VS_CODE),
        ("VSCodium", VS_CODE),
        ("Code - OSS", VS_CODE),
        ("Cursor", VS_CODE),
        ("Neovim", NEOVIM),
        ("coc.nvim", COC),
        ("emacs", EMACS),
        ("Zed", ZED),
        ("Zed Preview", ZED),
        ("IntelliJ IDEA 2026.1 (Ultimate Edition)", LSP4IJ),
        ("PyCharm", LSP4IJ),
        ("helix", UNKNOWN),
        ("Eglot", UNKNOWN),
        ("", UNKNOWN),
    ],
)
def test_a_client_is_known_by_the_beginning_of_its_name(name: str, policy: ClientPolicy) -> None:
    assert policy_of(name) is policy


@pytest.mark.parametrize(
    ("name", "policy", "encoding", "has_inline"),
    [
        ("vscode", VS_CODE, PositionEncoding.UTF16, True),
        ("neovim", NEOVIM, PositionEncoding.UTF32, True),
        ("coc", COC, PositionEncoding.UTF16, True),
        ("emacs", EMACS, PositionEncoding.UTF32, True),
        ("zed", ZED, PositionEncoding.UTF16, False),
        ("lsp4ij", LSP4IJ, PositionEncoding.UTF16, True),
        ("bare", UNKNOWN, PositionEncoding.UTF16, False),
    ],
)
def test_what_a_real_client_says_is_understood(
    name: str, policy: ClientPolicy, encoding: PositionEncoding, has_inline: bool
) -> None:
    client = Client.of(initialize_params(name))

    assert client.policy is policy
    assert client.encoding is encoding
    assert client.has_inline_completion is has_inline


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (None, "utf-16"),
        ([], "utf-16"),
        ("utf-8", "utf-16"),
        ([3, None], "utf-16"),
        (["utf-7"], "utf-16"),
        (["utf-8"], "utf-8"),
        (["utf-8", "utf-16"], "utf-16"),
        (["utf-8", "utf-16", "utf-32"], "utf-32"),
    ],
)
def test_the_encoding_that_costs_least_is_chosen(offered: object, chosen: str) -> None:
    client = Client.of({"capabilities": {"general": {"positionEncodings": offered}}})

    assert client.encoding.value == chosen


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"capabilities": None},
        {"capabilities": []},
        {"capabilities": {"textDocument": 5, "window": "x", "general": [], "workspace": None}},
        {"clientInfo": "Neovim", "capabilities": {"textDocument": {"completion": True}}},
        {"clientInfo": {"name": None, "version": 3}},
    ],
)
def test_odd_capabilities_are_no_capabilities(params: dict[str, object]) -> None:
    client = Client.of(params)

    assert client.policy is UNKNOWN
    assert not client.has_inline_completion
    assert not client.has_progress
    assert not client.has_configuration


def test_what_a_client_can_do_besides_is_read() -> None:
    client = Client.of(initialize_params("vscode"))

    assert client.has_progress
    assert client.has_configuration
    assert client.has_configuration_registration
    assert client.has_completion_registration
    assert client.has_insert_text_mode


def test_a_client_that_draws_by_itself_waits_for_nothing_and_wants_no_menu_entries() -> None:
    draws = {"experimental": {"codelsp": {"ghostText": True}}}
    client = Client.of({"clientInfo": {"name": "Neovim"}, "capabilities": draws})

    assert client.draws_ghost_text
    assert client.policy.own_debounce_ms == 0
    assert client.policy.name == NEOVIM.name
    assert not gives_completion_items(client, Settings())
