"""Several items at a time: an engine decodes four answers in one step as fast as one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

Item = TypeVar("Item")


async def at_once(
    items: Sequence[Item],
    work: Callable[[Item], Awaitable[None]],
    n_workers: int,
    tell: Callable[[int], None],
) -> None:
    """Do ``work`` for every item, ``n_workers`` at a time; the first error ends it all.

    Args:
        items: Begun in this order.
        work: Keeps its own result.
        n_workers: At most so many at the same time.
        tell: Hears how many are done.
    """
    waiting = iter(items)
    n_done = 0

    async def worker() -> None:
        nonlocal n_done
        for item in waiting:
            await work(item)
            n_done += 1
            tell(n_done)

    tell(0)
    workers = [asyncio.create_task(worker()) for _ in range(max(1, n_workers))]
    try:
        await asyncio.gather(*workers)
    finally:
        for each in workers:
            each.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
