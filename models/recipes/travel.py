"""A corpus made small for a journey: its shards recompressed with PPMd, to 0.6 of what gzip makes.

``travel.py pack CORPUS FOLDER`` and ``travel.py unpack FOLDER CORPUS`` need pyppmd, and a GiB of
memory for each processor.
"""

from __future__ import annotations

import gzip
import shutil
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import pyppmd

CHUNK = 30_000_000
"""Bytes of text packed together: one processor unpacks them in some ten seconds."""
ORDER, MEMORY = 20, 768 << 20


def pack_shard(folder: Path, shard: Path) -> None:
    """Write ``shard`` (gzip) into ``folder`` as ``<shard>.<number>.ppmd``, each with its length."""
    text = gzip.decompress(shard.read_bytes())
    n_chunks = -(-len(text) // CHUNK)
    for number in range(n_chunks):
        chunk = text[number * CHUNK : (number + 1) * CHUNK]
        packed = pyppmd.compress(chunk, max_order=ORDER, mem_size=MEMORY, variant="H")
        head = len(chunk).to_bytes(8, "little")
        (folder / f"{shard.name}.{number}.ppmd").write_bytes(head + packed)


def unpack_chunk(chunk: Path) -> bytes:
    """Return what ``chunk`` holds, as a member of a gzip file."""
    packed = chunk.read_bytes()
    decoder = pyppmd.Ppmd7Decoder(ORDER, MEMORY)
    return gzip.compress(decoder.decode(packed[8:], int.from_bytes(packed[:8], "little")), 1)


def main(step: str, source: Path, target: Path) -> None:
    """Pack or unpack every shard, on all processors."""
    target.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor() as pool:
        if step == "pack":
            list(pool.map(partial(pack_shard, target), sorted(source.glob("*-*.jsonl.gz"))))
        else:
            chunks = sorted(source.glob("*.ppmd"), key=lambda c: c.name.split("."))
            for chunk in chunks:
                (target / chunk.name.rpartition(".")[0].rpartition(".")[0]).unlink(missing_ok=True)
            for chunk, member in zip(chunks, pool.map(unpack_chunk, chunks), strict=True):
                shard = target / chunk.name.rpartition(".")[0].rpartition(".")[0]
                with shard.open("ab") as stream:  # members of gzip stand one after the other
                    stream.write(member)
    shutil.copy(source / "corpus.json", target)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
