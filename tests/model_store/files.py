"""Model files for tests: tiny, but whole."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

WEIGHTS = 64


def _string(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def gguf_bytes(*, architecture: str = "tiny", padding: int = 0) -> bytes:
    """Return a GGUF file of one tensor of 64 32-bit weights."""
    entries = [
        _string("general.architecture") + struct.pack("<I", 8) + _string(architecture),
        _string(f"{architecture}.context_length") + struct.pack("<II", 4, 128),
        _string("tokenizer.ggml.tokens")
        + struct.pack("<IIQ", 9, 8, 200)
        + b"".join(_string(f"token {n}") for n in range(200)),
        _string("numbers") + struct.pack("<IIQ3H", 9, 2, 3, 1, 2, 3),
        _string("flags") + struct.pack("<IIQ", 9, 7, 1000) + bytes(1000),
    ]
    tensor = _string("weights") + struct.pack("<IQIQ", 1, WEIGHTS, 0, 0)
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, len(entries)) + b"".join(entries) + tensor
    head += bytes(-len(head) % 32)
    return head + bytes(WEIGHTS * 4 + padding)


def gguf_file(path: Path, **options: int) -> Path:
    """Write such a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gguf_bytes(**options))  # type: ignore[arg-type]
    return path


def hf_folder(path: Path) -> Path:
    """Make a folder that looks as transformers saves one."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.json").write_text("{}", "utf-8")
    (path / "model.safetensors").write_bytes(b"")
    return path
