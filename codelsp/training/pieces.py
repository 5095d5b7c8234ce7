"""A model in pieces small enough to travel where files are limited in size.

Weights are rounded to bf16.  Their upper bytes (sign and exponent) compress to about a third and
their lower bytes not at all, so the former alone are compressed; 36.6 million parameters take
some 50 MiB.
``pieces.json`` has the size and SHA-256 of each piece, and nothing is joined that does not match.
"""

from __future__ import annotations

import json
import lzma
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors.torch import load, load_file, save

from codelsp.errors import CheckpointError, TrainingError
from codelsp.training.tensor_files import write_tensors

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

_INDEX = "pieces.json"
_FAST = 1
"""The lzma preset: stronger ones gain under a percent on exponents."""
PIECE_BYTES = 15 * 2**20


def pack(model: Path, output: Path, piece_bytes: int = PIECE_BYTES) -> list[Path]:
    """Write the Hugging Face folder ``model`` in pieces to ``output``; return their paths.

    Raises:
        TrainingError: it is no such folder, or a piece would hold nothing.
    """
    if piece_bytes < 1:
        raise TrainingError("a piece must hold something: --piece-mb above 0")
    if not (model / "model.safetensors").is_file():
        raise TrainingError(f"{model} is no folder with model.safetensors")
    content = _packed(model)
    output.mkdir(parents=True, exist_ok=True)
    pieces = [content[at : at + piece_bytes] for at in range(0, len(content), piece_bytes)]
    paths = []
    for number, piece in enumerate(pieces):
        path = output / f"model-{number:02d}.piece"
        path.write_bytes(piece)
        paths.append(path)
    index = [
        {"name": path.name, "size": len(piece), "sha256": sha256(piece).hexdigest()}
        for path, piece in zip(paths, pieces, strict=True)
    ]
    (output / _INDEX).write_text(json.dumps(index, indent=1), encoding="utf-8")
    return [*paths, output / _INDEX]


def unpack(pieces: Path, output: Path) -> None:
    """Join the pieces in a folder into a Hugging Face folder with bf16 weights.

    Raises:
        CheckpointError: a piece is missing or damaged; the message names it.
    """
    content = b"".join(_checked(pieces, entry) for entry in _index(pieces))
    stored = load(content)
    files = {name: stored.pop(name) for name in [n for n in stored if n.startswith("file:")]}
    shapes = json.loads(bytes(files.pop("file:shapes").numpy()))
    upper = np.frombuffer(lzma.decompress(bytes(stored["upper"].numpy())), dtype=np.uint8)
    lower = stored["lower"].numpy()
    halves = np.stack([lower, upper], axis=1)  # little-endian: (elements, 2)
    flat = torch.from_numpy(halves.reshape(-1)).view(torch.bfloat16)
    output.mkdir(parents=True, exist_ok=True)
    weights: dict[str, Tensor] = {}
    start = 0
    for name, shape in shapes.items():
        n = int(np.prod(shape))
        weights[name] = flat[start : start + n].reshape(shape).clone()
        start += n
    write_tensors(output / "model.safetensors", weights)
    for name, tensor in files.items():
        (output / name.removeprefix("file:")).write_bytes(bytes(tensor.numpy()))


def _packed(model: Path) -> bytes:
    weights = load_file(model / "model.safetensors")
    flat = torch.cat([tensor.to(torch.bfloat16).flatten() for tensor in weights.values()])
    halves = flat.view(torch.uint8).numpy().reshape(-1, 2)
    shapes = {name: list(tensor.shape) for name, tensor in weights.items()}
    entries = {
        "upper": _tensor(lzma.compress(halves[:, 1].tobytes(), preset=_FAST)),
        "lower": _tensor(halves[:, 0].tobytes()),
        "file:shapes": _tensor(json.dumps(shapes).encode()),
    }
    for name in ("config.json", "tokenizer.json", "state.json"):
        if (model / name).is_file():
            entries[f"file:{name}"] = _tensor((model / name).read_bytes())
    return save(entries)


def _tensor(content: bytes) -> Tensor:
    return torch.frombuffer(bytearray(content), dtype=torch.uint8)


def _index(pieces: Path) -> list[dict[str, str]]:
    try:
        entries: list[dict[str, str]] = json.loads((pieces / _INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{pieces} holds no {_INDEX}: {error}") from error
    return entries


def _checked(pieces: Path, entry: dict[str, str]) -> bytes:
    path = pieces / entry["name"]
    try:
        content = path.read_bytes()
    except OSError:
        raise CheckpointError(f"the piece {path} is missing") from None
    if sha256(content).hexdigest() != entry["sha256"]:
        raise CheckpointError(f"the piece {path} is damaged; bring it over again")
    return content
