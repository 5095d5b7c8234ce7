from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

pytest.importorskip("torch")

import torch

from codelsp.torch_engine.kv_cache import KvCache
from codelsp.torch_engine.sessions import Session, SessionPool

if TYPE_CHECKING:
    from collections.abc import Sequence

N_LAYERS = 2


def new_cache() -> KvCache:
    return KvCache(N_LAYERS, growth_tokens=8)


def read(session: Session, tokens: Sequence[int]) -> None:
    """Do what a model would: one key of ``token`` for each layer."""
    keys = torch.tensor(tokens, dtype=torch.float32).view(1, 1, -1, 1)
    for layer in range(N_LAYERS):
        session.cache.append(layer, keys, -keys)
    session.cache.advance(len(tokens))
    session.tokens.extend(tokens)


def used(pool: SessionPool, prompt: Sequence[int], **options: object) -> tuple[Session, int]:
    """Read ``prompt`` in a session; return it and how much was known."""
    session = pool.take(prompt, **options)  # type: ignore[arg-type]
    n_known = session.cache.length
    read(session, prompt[n_known:])
    pool.give_back(session)
    assert session.tokens == list(prompt)
    return session, n_known


def held(session: Session) -> list[int]:
    buffer = session.cache.buffers()[0]
    return cast("list[int]", buffer[0, 0, : session.cache.length, 0].int().tolist())


def test_a_further_key_costs_one_token() -> None:
    pool = SessionPool(new_cache, 10**6)
    first, _ = used(pool, [1, 2, 3, 4])
    second, n_known = used(pool, [1, 2, 3, 4, 5])

    assert second is first
    assert n_known == 4
    assert held(second) == [1, 2, 3, 4, 5]


def test_the_last_token_is_always_read_again_as_its_scores_are_wanted() -> None:
    pool = SessionPool(new_cache, 10**6)
    used(pool, [1, 2, 3, 4])

    assert used(pool, [1, 2, 3, 4])[1] == 3


def test_a_changed_text_is_cut_back_to_where_it_changed() -> None:
    pool = SessionPool(new_cache, 10**6)
    first, _ = used(pool, [1, 2, 3, 4, 5, 6])
    second, n_known = used(pool, [1, 2, 3, 4, 9])

    assert (second, n_known) == (first, 4)
    assert held(second) == [1, 2, 3, 4, 9]


def test_two_documents_keep_a_session_each() -> None:
    pool = SessionPool(new_cache, 10**6)
    first, _ = used(pool, [1] * 10)
    second, _ = used(pool, [2] * 10)

    assert used(pool, [1] * 11) == (first, 10)
    assert used(pool, [2] * 11) == (second, 10)


def test_a_document_that_shares_a_header_copies_it_and_leaves_the_other_alone() -> None:
    pool = SessionPool(new_cache, 10**6)
    header = list(range(20))
    first, _ = used(pool, [*header, *[1] * 40])
    second, n_known = used(pool, [*header, *[2] * 40])

    assert second is not first
    assert n_known == 20
    assert held(second) == second.tokens
    assert used(pool, [*header, *[1] * 41]) == (first, 60)


def test_a_session_in_use_is_copied_not_shared() -> None:
    pool = SessionPool(new_cache, 10**6)
    used(pool, list(range(20)))
    busy = pool.take([*range(20), 20])
    other = pool.take([*range(20), 21])

    assert other is not busy
    assert other.cache.length == 20


def test_an_adapter_sees_no_keys_of_another() -> None:
    pool = SessionPool(new_cache, 10**6)
    used(pool, [1] * 10)

    assert used(pool, [1] * 11, adapter="mine")[1] == 0


def test_who_wants_no_reuse_gets_none() -> None:
    pool = SessionPool(new_cache, 10**6)
    used(pool, [1] * 10)

    assert used(pool, [1] * 11, reuse=False)[1] == 0


def test_what_was_not_used_for_longest_goes_when_memory_is_short() -> None:
    pool = SessionPool(new_cache, 10**6)
    session, _ = used(pool, [1] * 8)
    pool.most_bytes = 3 * session.cache.nbytes
    for number in (2, 3):
        used(pool, [number] * 8)
    used(pool, [1] * 9)
    used(pool, [4] * 8)

    assert pool.nbytes <= pool.most_bytes
    assert used(pool, [1] * 10)[1] == 9, "it was used a moment ago"
    assert used(pool, [2] * 9)[1] == 0


def test_a_session_broken_off_inside_the_model_is_forgotten() -> None:
    pool = SessionPool(new_cache, 10**6)
    session = pool.take([1, 2, 3])
    session.tokens.extend([1, 2])
    pool.give_back(session)

    assert pool.n_tokens == 0
    assert used(pool, [1, 2, 3])[1] == 0


def test_a_row_of_a_cache_can_become_several_and_others_be_dropped() -> None:
    pool = SessionPool(new_cache, 10**6)
    session, _ = used(pool, [1, 2, 3])
    rows = session.cache.copied(2)
    rows.select_rows([0, 0, 0])
    keys = torch.tensor([7.0, 8.0, 9.0]).view(3, 1, 1, 1)
    for layer in range(N_LAYERS):
        rows.append(layer, keys, keys)
    rows.advance(1)
    rows.select_rows([0, 2])

    assert rows.buffers()[0][:, 0, :3, 0].tolist() == [[1, 2, 7], [1, 2, 9]]
    assert held(session) == [1, 2, 3]
