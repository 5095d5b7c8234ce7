"""pass@k: the chance that one of k samples passes, estimated from n of them without bias.

Chen et al. 2021 (arXiv 2107.03374), section 2.1: of ``n`` samples ``c`` pass; what is wanted is
1 - C(n-c, k) / C(n, k).  The binomials outgrow a float from some hundred samples on, so their
quotient is taken as a product: every factor lies between 0 and 1.  (1 - (1 - c/n)**k, which one is
tempted to take, is too low.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from codelsp.errors import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Sequence

USUAL_KS = (1, 2, 5, 10, 20, 50, 100, 200)


def pass_at_k(n: int, c: int, k: int) -> float:
    """Return the unbiased estimate of pass@k of one problem.

    Args:
        n: Samples.
        c: Those of them that passed.
        k: How many may be tried.

    Raises:
        ValueError: not 0 <= c <= n, or not 1 <= k <= n.
    """
    if not (0 <= c <= n and 1 <= k <= n):
        raise ValueError(f"pass@{k} of {c} in {n} samples")
    if n - c < k:
        return 1.0
    # Written out, not as an array: at c = 0 the product of nothing must be an exact 1.
    return float(1.0 - np.prod(1.0 - k / np.arange(n - c + 1, n + 1)))


def wanted_ks(asked: Sequence[int], n: int) -> tuple[int, ...]:
    """Return the k to tell of ``n`` samples: those asked for, or the usual ones and ``n``.

    Raises:
        EvaluationError: more than ``n`` are asked for.
    """
    if not asked:
        return tuple(sorted({k for k in (*USUAL_KS, n) if k <= n}))
    if max(asked) > n or min(asked) < 1:
        raise EvaluationError(
            f"pass@{max(asked)} needs at least so many samples of a problem; there are {n}."
            f" Say --n {max(asked)}."
            if min(asked) >= 1
            else "k of pass@k is at least 1."
        )
    return tuple(sorted(set(asked)))
