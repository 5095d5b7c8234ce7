"""What real clients send with ``initialize``, shortened to what matters to us."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "clients"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))


def initialize_params(name: str) -> dict[str, Any]:
    """Return the params that the client called ``name`` sends."""
    params: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return params
