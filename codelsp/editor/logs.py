"""Where the log goes: a file that does not grow for ever, and warnings to standard error.

Architecture invariant: no document text in the log unless the user turns ``trace`` on; pygls' own
loggers, which print whole messages, stay silent.
"""

from __future__ import annotations

import logging
import sys
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING

from codelsp.directories import log_dir

if TYPE_CHECKING:
    from pathlib import Path

_MAX_BYTES = 1_000_000
_FORMAT = "%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"
LEVELS = ("debug", "info", "warning", "error")


class _LogFile(RotatingFileHandler):
    """A log file that several servers write; one that cannot be rotated just now grows on."""

    def doRollover(self) -> None:  # noqa: N802  # logging's name
        try:
            super().doRollover()
        except OSError:
            self.stream = self._open()


def default_log_file() -> Path:
    """Return where the log goes when nothing else is said."""
    return log_dir() / "server.log"


def configure(log_file: Path | None, level: str) -> None:
    """Log to ``log_file`` (None: the default one) from ``level`` on, and warnings to stderr."""
    root = logging.getLogger()
    root.setLevel(logging.WARNING)
    logging.getLogger("codelsp").setLevel(level.upper())
    # Its errors are ours, and told without the params; see ``report_server_error``.
    logging.getLogger("pygls").setLevel(logging.CRITICAL)
    stderr = logging.StreamHandler(sys.stderr)
    stderr.setLevel(logging.WARNING)
    stderr.setFormatter(logging.Formatter("codelsp %(levelname)s: %(message)s"))
    root.addHandler(stderr)
    path = log_file or default_log_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = _LogFile(path, maxBytes=_MAX_BYTES, backupCount=1, encoding="utf-8")
    except OSError as error:
        logging.getLogger(__name__).warning("no log file: %s", error)
        return
    file.setFormatter(logging.Formatter(_FORMAT))
    root.addHandler(file)
