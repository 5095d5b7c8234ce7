"""Options that several commands have, declared once."""

from __future__ import annotations

from typing import Annotated

import typer

EngineOption = Annotated[
    str | None, typer.Option(help="auto, llama.cpp, torch, or the URL of a server.")
]
ModelOption = Annotated[
    str | None, typer.Option(help="A model's name, folder, GGUF file, or id at the URL.")
]
