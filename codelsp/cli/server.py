"""``codelsp --stdio | --tcp HOST:PORT | --ws HOST:PORT``: the language server.

Editors add flags of their own (``--clientProcessId=123``); what is not ours is passed over.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from codelsp.cli.overrides import parse_overrides
from codelsp.errors import CodelspError

if TYPE_CHECKING:
    from collections.abc import Sequence

HIGHEST_PORT = 65535
LOG_LEVELS = ("debug", "info", "warning", "error")


def serve(arguments: Sequence[str]) -> int:
    """Serve one editor until it leaves; return the exit code that the protocol asks for."""
    from codelsp.editor import serve as editor

    options, _foreign = _parser().parse_known_args(arguments)
    try:
        serve_options = editor.ServeOptions(
            log_file=options.log_file,
            log_level=options.log_level,
            overrides=parse_overrides(options.overrides),
            token=options.token,
        )
        if options.tcp is not None:
            host, port = options.tcp
            return editor.serve_tcp(host, port, serve_options)
        if options.ws is not None:
            host, port = options.ws
            return editor.serve_ws(host, port, serve_options)
        return editor.serve_stdio(serve_options)
    except (CodelspError, OSError) as error:
        sys.stderr.write(f"codelsp: {error}\n")
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="codelsp", add_help=False, allow_abbrev=False)
    parser.add_argument("--stdio", action="store_true")
    parser.add_argument("--tcp", type=address, metavar="HOST:PORT")
    parser.add_argument("--ws", type=address, metavar="HOST:PORT")
    parser.add_argument("--token", default="", help="what WebSocket clients must show")
    parser.add_argument("--log-file", type=Path)
    parser.add_argument("--log-level", default="info", choices=LOG_LEVELS, type=str.lower)
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    return parser


def address(text: str) -> tuple[str, int]:
    """Return host and port of ``HOST:PORT``, ``:PORT`` or ``PORT``; the host is loopback if none.

    Raises:
        argparse.ArgumentTypeError: the port is no number between 0 and 65535.
    """
    host, _, port = text.rpartition(":")
    if not port.isascii() or not port.isdigit() or int(port) > HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, as in 127.0.0.1:9000")
    return host.strip("[]") or "127.0.0.1", int(port)
