"""The command line: one file a command; the only reader of ``argv``.

Architecture invariant: ``codelsp --stdio`` imports neither typer nor rich; an editor waits for it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_SERVER_FLAGS = ("--stdio", "--tcp", "--ws")


def main(argv: Sequence[str] | None = None) -> int:
    """Run codelsp with ``argv`` (default: the process's) and return the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if is_server_call(arguments):
        from codelsp.cli.server import serve

        return serve(arguments)
    from codelsp.cli.app import run

    return run(arguments)


def is_server_call(arguments: Sequence[str]) -> bool:
    """Whether ``arguments`` ask for the language server, and not for a command or for help."""
    if not arguments or not arguments[0].startswith("-") or "--help" in arguments:
        return False
    return any(argument.split("=", 1)[0] in _SERVER_FLAGS for argument in arguments)
