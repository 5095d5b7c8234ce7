"""Whether generated programs are Python, parse, and pass; what each is asked only once."""

from __future__ import annotations

import ast
import asyncio
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from codelsp.document.snapshot import DocumentSnapshot
from codelsp.document.syntax import parse
from codelsp.evaluation.figures import usable_cores
from codelsp.evaluation.sandbox import Ending

if TYPE_CHECKING:
    from codelsp.evaluation.sandbox import Sandbox


@dataclass
class Checker:
    """Runs programs, no more at a time than there are cores: a wait is no failure of theirs."""

    sandbox: Sandbox | None
    """None runs nothing."""
    _known: dict[str, Ending] = field(default_factory=dict)
    _free: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(usable_cores()))

    async def ending(self, program: str) -> Ending | None:
        """Return how ``program`` ends; None where nothing is run.

        Raises:
            SandboxError: the sandbox does not start any more.
        """
        if self.sandbox is None:
            return None
        if not is_python(program):
            return Ending.FAILED
        if program not in self._known:
            async with self._free:
                run = await asyncio.to_thread(self.sandbox.run, program)
            self._known[program] = run.ending
        return self._known[program]

    async def passes(self, program: str) -> bool | None:
        """Return whether ``program`` runs to its end; None where nothing is run.

        Raises:
            SandboxError: the sandbox does not start any more.
        """
        ending = await self.ending(program)
        return None if ending is None else ending is Ending.PASSED


def is_python(program: str) -> bool:
    """Whether this interpreter would compile ``program``."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(program)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def parses(program: str, language: str = "python") -> bool:
    """Whether the grammar of ``language`` reads ``program`` without an error (the parse score)."""
    tree = parse(DocumentSnapshot.of("file:///program", language, 1, program))
    return tree is not None and tree.error_count(0, len(program)) == 0
