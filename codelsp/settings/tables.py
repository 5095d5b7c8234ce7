"""The settings as others want to read them: in Markdown, in Vim's help, as a schema for VS Code."""

from __future__ import annotations

import json
import textwrap
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from codelsp.errors import SettingsError
from codelsp.settings.declaration import Scope, Settings
from codelsp.settings.reading import camel_case

if TYPE_CHECKING:
    from dataclasses import Field

_JSON_TYPES = {"bool": "boolean", "int": "integer", "float": "number", "str": "string"}


def markdown_table() -> str:
    """Return a table of all settings: key, default, what it does and where it may stand."""
    rows = ["| setting | default | what it does |", "| --- | --- | --- |"]
    rows += [
        f"| `{field.name}` | `{json.dumps(_plain(field.default))}` | {_described(field)} |"
        for field in fields(Settings)
    ]
    return "\n".join(rows) + "\n"


def _described(field: Field[Any]) -> str:
    text = field.metadata["help"]
    if field.metadata["choices"]:
        text += " One of " + ", ".join(f"`{choice}`" for choice in field.metadata["choices"]) + "."
    if field.metadata["between"]:
        low, high = field.metadata["between"]
        text += f" {low:g} to {high:g}."
    if field.metadata["scope"] is Scope.USER:
        text += " Not from a workspace's own files."
    return str(text).replace("|", "\\|")


def vim_help_table() -> str:
    """Return all settings as a list in the form of Vim's help, each with a tag to jump to."""
    return "\n".join(_vim_help_entry(field) for field in fields(Settings))


def _vim_help_entry(field: Field[Any]) -> str:
    tag = f"*codelsp-{field.name}*"
    head = f"{field.name} (default `{json.dumps(_plain(field.default))}`)"
    text = textwrap.wrap(_described(field), 70, break_long_words=False, break_on_hyphens=False)
    return "\n".join([f"{tag:>78}", head, *(f"        {line}" for line in text)]) + "\n"


def vs_code_properties() -> dict[str, Any]:
    """Return ``contributes.configuration.properties`` of the VS Code extension.

    Settings that could redirect code have the scope "machine": VS Code then takes them from the
    user's settings and never from a folder's.
    """
    return {f"codelsp.{camel_case(field.name)}": _schema(field) for field in fields(Settings)}


def with_vs_code_properties(manifest: str) -> str:
    """Return the extension's ``package.json`` with its first configuration made from our settings.

    Raises:
        SettingsError: ``manifest`` is no manifest of an extension with such a configuration.
    """
    try:
        content = json.loads(manifest)
        content["contributes"]["configuration"][0]["properties"] = vs_code_properties()
    except (ValueError, LookupError, TypeError) as error:
        raise SettingsError("this is no package.json with contributes.configuration") from error
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _schema(field: Field[Any]) -> dict[str, Any]:
    is_user = field.metadata["scope"] is Scope.USER
    schema: dict[str, Any] = {
        "type": _JSON_TYPES.get(str(field.type), "array"),
        "default": _plain(field.default),
        "markdownDescription": field.metadata["help"],
        "scope": "machine" if is_user else "window",
    }
    if schema["type"] == "array":
        schema["items"] = {"type": "string"}
    if field.metadata["choices"]:
        schema["enum"] = list(field.metadata["choices"])
    if field.metadata["between"]:
        schema["minimum"], schema["maximum"] = field.metadata["between"]
    return schema


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
