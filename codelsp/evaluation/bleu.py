"""BLEU-4, told beside pass rates to show how little it says of them.

Papineni et al. 2002, smoothed for single sentences by adding one to the counts of n-grams longer
than a token (Lin and Och 2004, as CodeXGLUE and Code-Clippy do), by sacrebleu.  Programs that pass
and programs that fail have nearly the same (Chen et al. 2021, figure 8): it is no measure of code.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

_TOKEN = re.compile(r"\w+|[^\w\s]")


def bleu4(text: str, reference: str) -> float:
    """Return the smoothed BLEU-4 of ``text``, from 0 to 1; tokens are words and single signs."""
    ours, theirs = (" ".join(_TOKEN.findall(each)) for each in (text, reference))
    return float(_scorer().sentence_score(ours, [theirs]).score) / 100


@lru_cache(maxsize=1)
def _scorer() -> Any:
    from sacrebleu.metrics.bleu import BLEU

    return BLEU(tokenize="none", smooth_method="add-k", smooth_value=1, effective_order=True)
