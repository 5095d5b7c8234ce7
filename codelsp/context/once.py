"""``once``: what follows from a context is worked out once, however many steps ask for it."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, TypeVar
from weakref import ref

if TYPE_CHECKING:
    from collections.abc import Callable

    from codelsp.context.completion_context import CompletionContext

_T = TypeVar("_T")


def once(function: Callable[[CompletionContext], _T]) -> Callable[[CompletionContext], _T]:
    """Decorate a pure function of a context, so that it remembers what it said of the last one.

    It may be asked ahead of time, while the model works.  The context is held weakly, and told
    from an equal one: comparing documents costs more than most of such functions.
    """
    latest: list[tuple[ref[CompletionContext], _T]] = []

    @wraps(function)
    def remembered(context: CompletionContext) -> _T:
        if not (latest and latest[0][0]() is context):
            latest[:] = [(ref(context), function(context))]
        return latest[0][1]

    return remembered
