"""``codelsp plugin``: puts the plugins for Neovim and Vim where their editors load them from."""

from __future__ import annotations

import os
import shutil
import sys
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import codelsp
from codelsp.cli.session import make_console
from codelsp.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Editor(str, Enum):
    """The editors there is a plugin for."""

    NEOVIM = "neovim"
    VIM = "vim"


WITNESS = {Editor.NEOVIM: "plugin/codelsp.lua", Editor.VIM: "plugin/codelsp.vim"}
"""A file of each plugin, by which a folder is known for one."""
PACKAGE = Path("pack", "codelsp", "start", "codelsp")
"""Where both editors look, below their folder, for what loads at their start."""


def plugin(
    editor: Annotated[Editor, typer.Argument(help="Whose plugin.")],
    path: Annotated[
        bool, typer.Option("--path", help="Print where the plugin is, and do nothing.")
    ] = False,
    copy: Annotated[
        bool, typer.Option("--copy", help="Copy it; a link follows updates of codelsp.")
    ] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take it away again.")] = False,
) -> None:
    """Put the plugin for Neovim or Vim where the editor loads it from."""
    console = make_console()
    source = plugin_folder(editor)
    if path:
        console.out(str(source), highlight=False)
        return
    target = package_folder(editor, os.environ) / PACKAGE
    was_there = _clear(target, editor)
    if remove:
        word = "is gone from" if was_there else "was not in"
        console.print(f"The plugin {word} {target}.", soft_wrap=True, markup=False)
        return
    way = _install(source, target, is_copy=copy)
    console.print(f"{target}\n{way} {source}.", soft_wrap=True, markup=False)
    console.print(_next_step(editor), soft_wrap=True, markup=False)


def plugin_folder(editor: Editor) -> Path:
    """Return the folder of a plugin: inside an installed package, beside it in the repository.

    Raises:
        PluginError: the plugin did not come along.
    """
    package = Path(codelsp.__file__).parent
    for folder in (package / "plugins" / editor.value, package.parent / "editors" / editor.value):
        if (folder / WITNESS[editor]).is_file():
            return folder
    raise PluginError(f"this installation has no plugin for {editor.value}; install codelsp again")


def package_folder(editor: Editor, environment: Mapping[str, str]) -> Path:
    """Return the folder below which an editor looks for packages of its user."""
    home = Path.home()
    if editor is Editor.NEOVIM:
        name = environment.get("NVIM_APPNAME") or "nvim"
        if sys.platform == "win32":
            data = environment.get("LOCALAPPDATA") or home / "AppData" / "Local"
            name += "-data"
        else:
            data = home / ".local" / "share"
        return Path(environment.get("XDG_DATA_HOME") or data, name, "site")
    usual = home / ("vimfiles" if sys.platform == "win32" else ".vim")
    modern = Path(environment.get("XDG_CONFIG_HOME") or home / ".config", "vim")
    is_modern = (modern / "vimrc").is_file() and not (usual.exists() or (home / ".vimrc").exists())
    return modern if is_modern else usual


def _clear(target: Path, editor: Editor) -> bool:
    """Make room for the plugin, where nothing but an older one stands; whether one did."""
    if target.is_symlink():
        target.unlink()
        return True
    if not target.exists():
        return False
    if (target / ".git").exists() or not (target / WITNESS[editor]).is_file():
        raise PluginError(f"{target} holds something else; move it away, and try again")
    shutil.rmtree(target)
    return True


def _install(source: Path, target: Path, *, is_copy: bool) -> str:
    """Link or copy the plugin; return how it is there now."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if not is_copy:
            try:
                target.symlink_to(source, target_is_directory=True)
            except OSError:
                # Windows lets only some users make links.
                pass
            else:
                return "links to"
        shutil.copytree(source, target)
    except OSError as error:
        raise PluginError(f"{target} cannot be written: {error.strerror}") from error
    return "is a copy of"


def _next_step(editor: Editor) -> str:
    """Return what the user is to write into the editor's own file."""
    program = Path(sys.executable).parent / "codelsp"
    found = shutil.which("codelsp")
    is_on_path = found is not None and Path(found).resolve() == program.resolve()
    if editor is Editor.NEOVIM:
        options = "" if is_on_path else f'{{ cmd = {{ "{program}", "--stdio" }} }}'
        return f"Put this into init.lua:  require('codelsp').setup({options})"
    if is_on_path:
        return "Vim loads it by itself from now on."
    return f"Put this into your vimrc:  let g:codelsp_cmd = ['{program}', '--stdio']"
