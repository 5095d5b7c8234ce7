"""``codelsp playground``: an editor in the browser, and beside it why it suggests what it does."""

from __future__ import annotations

import secrets
import tempfile
import webbrowser
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import codelsp
from codelsp.cli.place import read_document
from codelsp.cli.session import Invocation, make_console
from codelsp.errors import PlaygroundError

if TYPE_CHECKING:
    from codelsp.editor.serve import ServeOptions

ASSETS = Path(codelsp.__file__).parent / "playground_assets"
SAMPLE = '''\
class Shelf:
    """Books, up to as many as there is room for."""

    def __init__(self, name, size):
        self.name = name
        self.size = size
        self.books = []

    def add(self, book):
        if len(self.books) >= self.size:
            raise ValueError("the shelf is full")
        self.'''


def playground(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(help="The file to show; it is read, never written.")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any that is free.")] = 0,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
) -> None:
    """Try codelsp in the browser: candidates, scores, prompt and timings beside the code."""
    from codelsp.editor import serve

    console = make_console()
    token = secrets.token_urlsafe(24)

    def listening(host: str, taken_port: int) -> None:
        url = f"http://{host}:{taken_port}/#{token}"
        console.print(f"The playground is at {url}", soft_wrap=True, markup=False, highlight=False)
        console.print("Only this machine gets there, and only with this address. Ctrl+C ends it.")
        if browser:
            webbrowser.open(url)

    with tempfile.TemporaryDirectory(prefix="codelsp-playground-") as folder:
        options = _options(context.obj, file, token, Path(folder))
        try:
            code = serve.serve_ws("127.0.0.1", port, replace(options, on_listening=listening))
        except OSError as error:
            raise PlaygroundError(f"port {port} cannot be had: {error.strerror}") from error
    raise typer.Exit(code)


def _options(invocation: Invocation, file: Path | None, token: str, folder: Path) -> ServeOptions:
    from codelsp.editor.page import Page
    from codelsp.editor.serve import ServeOptions

    if not (ASSETS / "index.html").is_file():
        raise PlaygroundError(
            "this installation has no playground page. Install a released wheel, or build the page"
            " in a checkout with Node: cd playground && npm ci && npm run build"
        )
    return ServeOptions(
        # The setting `trace` lets prompts be seen; this level keeps them out of the log.
        log_file=folder / "server.log",
        log_level="warning",
        overrides={**invocation.overrides, "trace": True},
        statistics_file=folder / "statistics.json",
        token=token,
        page=Page(ASSETS, _document(file), token),
    )


def _document(file: Path | None) -> dict[str, str]:
    """Return the document to begin with."""
    if file is None:
        return {"uri": "file:///playground/shelf.py", "languageId": "python", "text": SAMPLE}
    shown = read_document(file)
    return {"uri": shown.uri, "languageId": shown.language_id, "text": shown.text}
