"""``codelsp habits``: the completions that were remembered, to look at and to delete."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from codelsp.cli.session import make_console


def habits(
    folder: Annotated[
        Path | None, typer.Argument(help="The workspace; this folder if none is named.")
    ] = None,
    forget: Annotated[bool, typer.Option("--forget", help="Delete what was remembered.")] = False,
    everywhere: Annotated[
        bool, typer.Option("--all", help="With --forget: of every workspace.")
    ] = False,
) -> None:
    """Show, or delete, the lines that were completed and remembered in a workspace."""
    from codelsp.habits.accepted import AcceptedLines, file_of
    from codelsp.habits.accepted import forget as delete

    root = (folder or Path()).resolve()
    console = make_console()
    if forget:
        n_files = delete(None if everywhere else root)
        console.print(f"Deleted: {n_files} files." if n_files else "Nothing was remembered.")
        return
    lines = AcceptedLines(root).text.strip()
    if lines:
        console.out(lines, highlight=False)
        make_console(stderr=True).print(f"in {file_of(root)}", style="dim", markup=False)
    else:
        console.print(
            "Nothing is remembered here; the setting `remember_accepted` turns it on.",
            markup=False,
        )
