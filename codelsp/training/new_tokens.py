"""New tokens for a model that is there already: control tokens, padding, runs of white space.

A tokenizer of prose spends a token on each space of an indentation.  Code-Clippy gave GPT-2's one
for two tabs and for two, four and eight spaces, each to begin as a copy of what the model knows of
a tab.  Its loop was off by one (``range(vocab_size - 1, vocab_size + 2)``): it overwrote
``<|endoftext|>`` and left two of the four as they were.  Here new rows are found by the new
tokens' own ids, and nothing else is touched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

NEW_TOKENS = "new_tokens.json"
"""The file that tells, beside a tokenizer, which of its tokens the model does not have yet."""
WHITESPACE_TOKENS = ("\t\t", "  ", "    ", "        ")
"""In the order of Code-Clippy's ``new_tokens.json``."""


def add_tokens(
    tokenizer: Tokenizer, special: Iterable[str] = (), plain: Iterable[str] = ()
) -> dict[str, int]:
    """Add tokens to ``tokenizer`` and return those that are new, with their ids.

    Args:
        tokenizer: any; it is changed.
        special: tokens that no text can spell.
        plain: tokens that are read in any text; one that the tokenizer writes as a single token
            already is left out.
    """
    from tokenizers import AddedToken

    known = tokenizer.get_vocab(with_added_tokens=True)
    wanted = [AddedToken(token, special=True, normalized=False) for token in special]
    tokenizer.add_special_tokens([token for token in wanted if token.content not in known])
    for token in plain:
        if len(tokenizer.encode(token, add_special_tokens=False).ids) > 1:
            tokenizer.add_tokens([AddedToken(token, special=False, normalized=False)])
    grown = tokenizer.get_vocab(with_added_tokens=True)
    new = (item for item in grown.items() if item[0] not in known)
    return dict(sorted(new, key=lambda item: item[1]))


def grow_model(model: PreTrainedModel, tokenizer: Tokenizer, new: Mapping[str, int]) -> None:
    """Give ``model`` rows for the tokens in ``new``, and a beginning for each.

    A run of white space begins as what the model knows of a tab; any other token as the mean of
    all tokens, which changes no prediction much.
    """
    if not new:
        return
    any_model: Any = model  # transformers does not say what its embeddings are
    n_known = any_model.get_input_embeddings().weight.shape[0]
    n_tokens = max(tokenizer.get_vocab_size(with_added_tokens=True), max(new.values()) + 1)
    old = sorted(set(range(n_known)) - set(new.values()))
    if n_tokens > n_known:
        model.resize_token_embeddings(n_tokens, mean_resizing=False)
    (tab,) = tokenizer.encode("\t", add_special_tokens=False).ids[-1:]
    matrices = [any_model.get_input_embeddings(), any_model.get_output_embeddings()]
    seen: set[int] = set()
    for matrix in matrices:
        if matrix is None or matrix.weight.data_ptr() in seen:
            continue  # tied: one matrix is both
        seen.add(matrix.weight.data_ptr())
        _begin(matrix, old, tab, new)


def _begin(matrix: Any, old: list[int], tab: int, new: Mapping[str, int]) -> None:
    """Fill the rows of ``new`` in an embedding or a head, (vocabulary, width)."""
    with torch.no_grad():
        for values in (matrix.weight, getattr(matrix, "bias", None)):
            if values is None:
                continue
            mean = values[old].mean(dim=0)
            for token, number in new.items():
                values[number] = values[tab] if token in WHITESPACE_TOKENS else mean
