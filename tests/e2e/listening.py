"""Servers that listen, and clients that connect to them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from typing import TYPE_CHECKING

from tests.client import ROOT, Client, environment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@contextlib.asynccontextmanager
async def listening(folder: Path, *arguments: str) -> AsyncIterator[int]:
    """Start a server that listens, and give its port."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.scripted_server",
        "--folder",
        str(folder),
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env=environment(folder),
    )
    assert process.stderr is not None
    try:
        line = await asyncio.wait_for(process.stderr.readline(), 20)
        yield int(line.split()[-1])
    finally:
        process.terminate()
        returned = await asyncio.wait_for(process.wait(), 10)
        assert returned == 0 or os.name == "nt"


@contextlib.asynccontextmanager
async def connected(folder: Path, *arguments: str) -> AsyncIterator[Client]:
    """Start a server that listens over TCP, and connect one client."""
    async with listening(folder, *arguments) as port:
        client = await connect(port)
        try:
            yield client
        finally:
            await client.close()


async def connect(port: int) -> Client:
    """Connect a client over TCP."""
    return Client(*await asyncio.open_connection("127.0.0.1", port))
