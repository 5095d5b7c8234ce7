"""A corpus made small for a journey: its shards recompressed with PPMd, to 0.6 of what gzip makes.

``travel.py pack CORPUS FOLDER`` and ``travel.py unpack FOLDER CORPUS`` need pyppmd, and a GiB of
memory for each processor.
"""

from __future__ import annotations

import gzip
import shutil
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pyppmd

CHUNK = 30_000_000
"""Bytes of text packed together: one processor unpacks them in some ten seconds."""
ORDERS = (20, 16, 12, 8, 6)
"""The first that gives back what it took: now and then pyppmd (1.3) writes what it cannot read."""
MEMORY = 768 << 20
LENGTH_BYTES = 8


def chunks_of(shard: Path) -> list[tuple[str, bytes]]:
    """Return the text of ``shard`` in pieces, each with a name."""
    text = gzip.decompress(shard.read_bytes())
    starts = range(0, len(text), CHUNK)
    return [
        (f"{shard.name}.{number}.ppmd", text[at : at + CHUNK]) for number, at in enumerate(starts)
    ]


def pack_chunk(folder: Path, name: str, text: bytes) -> None:
    """Write ``text`` to ``name`` in ``folder``: its length, PPMd's order, and what PPMd made."""
    for order in ORDERS:
        encoder = pyppmd.Ppmd8Encoder(order, MEMORY)
        packed = encoder.encode(text) + encoder.flush()
        if unpacked(packed, order, len(text)) == text:
            head = len(text).to_bytes(LENGTH_BYTES, "little") + bytes([order])
            (folder / name).write_bytes(head + packed)
            return
    raise SystemExit(f"PPMd cannot give back what it took from {name}")


def unpacked(packed: bytes, order: int, length: int) -> bytes | None:
    """Return the ``length`` bytes that ``packed`` holds; None if it is damaged."""
    try:
        return bytes(pyppmd.Ppmd8Decoder(order, MEMORY).decode(packed, length))
    except ValueError:
        return None


def unpack_chunk(chunk: Path) -> bytes:
    """Return what ``chunk`` holds, as a member of a gzip file."""
    content = chunk.read_bytes()
    length = int.from_bytes(content[:LENGTH_BYTES], "little")
    text = unpacked(content[LENGTH_BYTES + 1 :], content[LENGTH_BYTES], length)
    if text is None or len(text) != length:
        raise SystemExit(f"{chunk} is damaged; bring it over again")
    return gzip.compress(text, 1)


def main(step: str, source: Path, target: Path) -> None:
    """Pack or unpack every shard, on all processors."""
    target.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor() as pool:
        if step == "pack":
            shards = sorted(source.glob("*-*.jsonl.gz"))
            jobs = [pool.submit(pack_chunk, target, *c) for s in shards for c in chunks_of(s)]
            for job in jobs:
                job.result()
        else:
            chunks = sorted(source.glob("*.ppmd"))
            for chunk in chunks:
                (target / shard_of(chunk)).unlink(missing_ok=True)
            for chunk, member in zip(chunks, pool.map(unpack_chunk, chunks), strict=True):
                with (target / shard_of(chunk)).open("ab") as stream:
                    stream.write(member)  # members of gzip stand one after the other
    shutil.copy(source / "corpus.json", target)


def shard_of(chunk: Path) -> str:
    """Return the name of the shard that ``chunk`` is a part of."""
    return chunk.name.rpartition(".")[0].rpartition(".")[0]


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
