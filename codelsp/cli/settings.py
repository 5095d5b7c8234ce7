"""``codelsp settings``: every setting in force here, and where its value comes from."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from codelsp.cli.session import make_console, settings_layers, workspace_of
from codelsp.errors import SettingsError
from codelsp.settings import Layer, Settings, read_settings
from codelsp.settings.files import user_file

if TYPE_CHECKING:
    from collections.abc import Sequence

SECRET_KEYS = frozenset({"engine_api_key"})
DEFAULT = "default"


def settings(
    context: typer.Context,
    workspace: Annotated[
        Path | None, typer.Argument(help="The project folder; default: the current one.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the documentation's table of all settings.")
    ] = False,
    vim_help: Annotated[
        bool, typer.Option("--vim-help", help="Print all settings as Vim's help shows them.")
    ] = False,
    vs_code: Annotated[
        Path | None,
        typer.Option("--vscode", metavar="FILE", help="Write all settings into a package.json."),
    ] = None,
) -> None:
    """Show every setting in force, where each comes from, and what is wrong with any."""
    if markdown:
        from codelsp.settings.tables import markdown_table

        make_console().out(markdown_table(), end="", highlight=False)
        return
    if vim_help:
        from codelsp.settings.tables import vim_help_table

        make_console().out(vim_help_table(), end="", highlight=False)
        return
    if vs_code is not None:
        write_manifest(vs_code)
        return
    folder = workspace or Path.cwd()
    if not folder.is_dir():
        raise SettingsError(f"{folder} is no folder; name the project's.")
    layers, problems = settings_layers(context.obj, workspace_of(folder / "any file"))
    values, more = read_settings(layers)
    problems = (*problems, *more)
    sources = sources_of(layers)
    console = make_console()
    if as_json:
        described = {
            "settings": {key: _shown(key, getattr(values, key)) for key in sources},
            "sources": sources,
            "problems": [str(problem) for problem in problems],
        }
        console.out(json.dumps(described, indent=2), highlight=False)
        return
    table = Table("setting", "value", "from", box=None, pad_edge=False)
    for key, source in sources.items():
        style = "dim" if source == DEFAULT else "bold"
        table.add_row(key, Text(json.dumps(_shown(key, getattr(values, key)))), source, style=style)
    console.print(table)
    for problem in problems:
        console.print(f"problem: {problem}", style="yellow", markup=False)
    console.print(f"Your own settings file: {user_file()}", style="dim", markup=False)


def write_manifest(path: Path) -> None:
    """Write the settings into the manifest of the VS Code extension.

    Raises:
        SettingsError: there is no such file, or it is no manifest.
    """
    from codelsp.settings.tables import with_vs_code_properties

    try:
        manifest = path.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error
    path.write_text(with_vs_code_properties(manifest), "utf-8")
    make_console().print(f"The settings stand in {path}.", markup=False)


def sources_of(layers: Sequence[Layer]) -> dict[str, str]:
    """Return, for each setting, the place of the layer that made it what it is."""
    names = [field.name for field in dataclasses.fields(Settings)]
    sources = dict.fromkeys(names, DEFAULT)
    before = Settings()
    for n_layers, layer in enumerate(layers, 1):
        after, _ = read_settings(layers[:n_layers])
        changed = [name for name in names if getattr(before, name) != getattr(after, name)]
        sources.update(dict.fromkeys(changed, layer.place))
        before = after
    return sources


def _shown(key: str, value: Any) -> Any:  # whatever a setting holds
    return "(set)" if key in SECRET_KEYS and value else value
