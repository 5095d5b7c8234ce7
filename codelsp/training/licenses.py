"""Which license a source stands under, and whether its text may be learned from.

Two looks at every license file: `identify` (pre-commit's own library, offline, exact or nearly
exact texts), and then the distinctive sentences of the permissive licenses, for files that hold
several licenses or a preface.  A sentence of a copyleft license refuses the source, whatever else
is in the file.  ``scancode`` would find more, but brings 300 MB and minutes per repository.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from codelsp.errors import CorpusError

if TYPE_CHECKING:
    from collections.abc import Iterable

ALLOWED = frozenset({"MIT", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "ISC", "PSF-2.0"})
"""What is learned from unless the user says otherwise; SPDX names."""

_FILE_NAME = re.compile(
    r"^(un)?licen[cs]e([.\-_].*)?$|^copying([.\-_].*)?$|^copyright([.\-_].*)?$"
    r"|^(mit|bsd|apache)[.\-_]licen[cs]e.*$|.+[.\-_]licen[cs]e(\.(txt|md|rst))?$",
    re.IGNORECASE,
)
_BSD_SOURCE = "redistributions of source code must retain the above copyright notice"
_SENTENCES = (
    ("MIT", "permission is hereby granted free of charge to any person obtaining a copy of this"),
    ("Apache-2.0", "apache license version 2 0 january 2004"),
    ("Apache-2.0", "licensed under the apache license version 2 0"),
    ("ISC", "permission to use copy modify and or distribute this software for any purpose"),
    ("ISC", "permission to use copy modify and distribute this software for any purpose with or"),
    ("PSF-2.0", "python software foundation license version 2"),
)
_COPYLEFT = re.compile(
    r"gnu (lesser |library |affero )?general public license|mozilla public license"
    r"|eclipse public license|server side public license|business source license"
    r"|commons clause|non commercial"
)
_NOT_WORDS = re.compile(r"[^a-z0-9]+")


def is_license_file(path: str) -> bool:
    """Tell whether ``path`` is a license file at the top of a source."""
    parts = PurePosixPath(path).parts
    return len(parts) == 1 and bool(_FILE_NAME.match(parts[0]))


def license_of(texts: Iterable[str]) -> frozenset[str]:
    """Return the SPDX names found in the license files of a source; empty when nothing is known.

    ``"refused"`` is among them when a license that asks for more than credit is mentioned.
    """
    found: set[str] = set()
    for text in texts:
        found |= _licenses_in(text)
    return frozenset(found)


def is_allowed(found: frozenset[str], allowed: frozenset[str] = ALLOWED) -> bool:
    """Tell whether a source with these licenses may be learned from: all of them are allowed."""
    return bool(found) and found <= allowed


def _licenses_in(text: str) -> set[str]:
    exact = _identified(text)
    if exact is not None:
        return {exact}
    words = _NOT_WORDS.sub(" ", text.lower())
    found = {name for name, sentence in _SENTENCES if sentence in words}
    if _BSD_SOURCE in words:
        found.add("BSD-3-Clause" if "neither the name" in words else "BSD-2-Clause")
    if _COPYLEFT.search(words):
        found.add("refused")
    return found


def _identified(text: str) -> str | None:
    """Return what `identify` makes of a license text; it wants a file."""
    try:
        from identify.identify import license_id
    except ImportError:
        raise CorpusError(
            "finding licenses needs `identify`; install it with: pip install 'codelsp[train]'"
        ) from None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "LICENSE")
        path.write_text(text, encoding="utf-8", errors="replace")
        return license_id(str(path))
