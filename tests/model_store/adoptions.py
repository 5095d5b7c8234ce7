"""Models that count as adapted to a workspace: copies of the ones that came with codelsp."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from codelsp.model_store import resolve_model
from codelsp.model_store.adapted import Version, adopt, version_name

if TYPE_CHECKING:
    from pathlib import Path


def adopted(root: Path, model: str = "", when: str = "2026-01-01T00:00:00+00:00") -> str:
    """Put a copy of ``model`` in force for ``root``, and return its name."""
    base = resolve_model(model)
    name = version_name(root, base)
    made = root.parent / "made" / name
    made.mkdir(parents=True)
    shutil.copyfile(base.path, made / f"{name}-q8_0.gguf")
    adopt(root, base, made, Version(name, when))
    return name
